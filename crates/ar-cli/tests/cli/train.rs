use std::path::Path;

use crate::common::{SCORE, ar, colour_pictures, has_keys, read_npy, read_png, tiny};

#[test]
fn a_run_leaves_everything_it_should() {
    let folder = tempfile::tempdir().unwrap();
    let ran = ar(
        folder.path(),
        &tiny(&[
            "--steps",
            "3",
            "--set",
            "sample_every=2",
            "--set",
            "log_every=1",
            "--json",
        ]),
    )
    .ok();
    let result = ran.json();
    has_keys(
        &result,
        "run steps parameters seconds best tested_step test",
    );
    assert_eq!(result["steps"], 3);
    let test = &result["test"];
    has_keys(test, SCORE);
    assert_eq!(
        (&test["images"], &test["levels"], &test["binarization"]),
        (&20.into(), &4.into(), &"none".into())
    );
    let bits = test["nats_per_image"].as_f64().unwrap() / 784.0 / std::f64::consts::LN_2;
    assert!((bits - test["bits_per_dim"].as_f64().unwrap()).abs() < 1e-9);

    assert_eq!(result["run"], "runs/pixelcnn-digits-001");
    let run = folder.path().join("runs/pixelcnn-digits-001");
    for file in [
        "config.toml",
        "model.safetensors",
        "best.safetensors",
        "metrics.jsonl",
        "result.json",
    ] {
        assert!(run.join(file).is_file(), "{file}");
    }
    assert!(read_png(&run.join("samples/step-000002.png")).0 > 100);
    assert!(read_png(&run.join("samples.png")).0 > 100);
    let curve = std::fs::read_to_string(run.join("loss.svg")).unwrap();
    assert!(curve.contains("training") && curve.contains("validation"));
    assert!(ran.stderr.contains("validation") && ran.stderr.contains("bits/dim"));
    let next = ar(folder.path(), &tiny(&["--steps", "1", "-q"])).ok();
    assert!(
        next.stdout.starts_with("runs/pixelcnn-digits-002: test "),
        "{next:#?}"
    );
    assert_eq!(next.stderr, "");
}

#[test]
fn colour_pictures_in_a_folder_train_sample_and_complete() {
    let folder = tempfile::tempdir().unwrap();
    colour_pictures(&folder.path().join("pictures"), 24);
    let train = [
        "train",
        "pixelcnn-plain",
        "--data",
        "pictures",
        "--epochs",
        "1",
        "--batch-size",
        "7",
        "--run",
        "run",
    ];
    let small = [
        "--set",
        "hidden=6",
        "--set",
        "blocks=1",
        "--set",
        "kernel=3",
        "--set",
        "first_kernel=3",
        "--json",
    ];
    let result = ar(folder.path(), &[&train[..], &small].concat())
        .ok()
        .json();
    assert_eq!(
        (&result["test"]["levels"], &result["test"]["images"]),
        (&256.into(), &2.into())
    );

    ar(folder.path(), &["sample", "run", "-n", "3", "-o", "s.npy"]).ok();
    assert_eq!(read_npy(&folder.path().join("s.npy")).0, [3, 3, 5, 6]);
    let complete = [
        "complete",
        "run",
        "--input",
        "pictures/000.png",
        "s.npy",
        "--keep-rows",
        "2",
        "-n",
        "2",
    ];
    ar(folder.path(), &[&complete[..], &["-o", "c.npy"]].concat()).ok();
    let ((shape, completed), (_, sampled)) = (
        levels(folder.path(), "c.npy"),
        levels(folder.path(), "s.npy"),
    );
    assert_eq!(shape, [8, 3, 5, 6]);
    let original = read_png(&folder.path().join("pictures/000.png")).2;
    for channel in 0..3 {
        let kept: Vec<u8> = (0..12).map(|p| original[p * 3 + channel]).collect();
        assert_eq!(completed[channel * 30..][..12], kept);
        assert_eq!(
            completed[2 * 90 + channel * 30..][..12],
            sampled[channel * 30..][..12]
        );
    }
    ar(folder.path(), &complete).ok();
    assert!(folder.path().join("run/completed.png").is_file());
}

fn levels(folder: &Path, file: &str) -> (Vec<u64>, Vec<u8>) {
    read_npy(&folder.join(file))
}

#[test]
fn every_limit_ends_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let epochs = ar(folder.path(), &tiny(&["--epochs", "2", "--json"]))
        .ok()
        .json();
    assert_eq!(epochs["steps"], 8);
    let first = ar(
        folder.path(),
        &tiny(&["--epochs", "2", "--steps", "5", "--json"]),
    )
    .ok()
    .json();
    assert_eq!(first["steps"], 5);
    let minutes = ar(folder.path(), &tiny(&["--minutes", "0.002", "--json"]))
        .ok()
        .json();
    assert!(
        minutes["steps"].as_u64().unwrap() >= 1 && minutes["seconds"].as_f64().unwrap() >= 0.12
    );
}

#[test]
fn the_seed_decides_the_weights() {
    let folder = tempfile::tempdir().unwrap();
    let weights = |run: &str, seed: &str| {
        ar(
            folder.path(),
            &tiny(&["--steps", "2", "--run", run, "--seed", seed]),
        )
        .ok();
        std::fs::read(folder.path().join(run).join("model.safetensors")).unwrap()
    };
    let first = weights("a", "1");
    assert!(first == weights("b", "1"));
    assert!(first != weights("c", "2"));
}

#[test]
fn fresh_binarization_is_scored_fixed() {
    let folder = tempfile::tempdir().unwrap();
    let mut args = tiny(&[
        "--steps",
        "2",
        "--run",
        "run",
        "--binarize",
        "fresh",
        "--json",
    ]);
    args.retain(|arg| !["--levels", "4"].contains(arg));
    let test = &ar(folder.path(), &args).ok().json()["test"];
    assert_eq!(
        (&test["levels"], &test["binarization"]),
        (&2.into(), &"fixed".into())
    );
    let again = ar(folder.path(), &["eval", "run", "--json"]).ok().json();
    assert_eq!(&again, test);
}

#[test]
fn a_run_that_diverges_says_when_and_keeps_its_checkpoint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let more = [
        "--steps",
        "50",
        "--lr",
        "1e38",
        "--set",
        "warmup_steps=0",
        "--run",
        "run",
    ];
    ar(path, &tiny(&more)).ended(
        1,
        &["at step", "the last checkpoint is kept", "learning_rate"],
    );
    ar(path, &["sample", "run", "-n", "1", "-q"]).ok();
}
