//! Models conditioned on labels, on two classes that are easy to tell apart.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use crate::common::{SCORE, ar, has_keys, read_npy, read_png, run_path, tiny, write_png};

/// 40 pictures of each class: a few light pixels on dark, and the reverse.
fn pictures(folder: &Path) {
    for (class, ground) in [("dark", 0u8), ("light", 255)] {
        let class = folder.join("pictures").join(class);
        std::fs::create_dir_all(&class).unwrap();
        for i in 0..40 {
            let spot = |p: usize| (p * 7 + i * 13) % 17 < 2;
            let pixels: Vec<u8> = (0..30)
                .map(|p| if spot(p) { 255 - ground } else { ground })
                .collect();
            write_png(&class.join(format!("{i:02}.png")), 6, 5, &pixels);
        }
    }
}

/// A folder with `pictures` and a conditional run of them in `run`.
pub(crate) fn trained() -> &'static Path {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        pictures(folder.path());
        let train = [
            "train",
            "conditional-pixelcnn",
            "--data",
            "pictures",
            "--levels",
            "2",
            "--steps",
            "200",
            "--lr",
            "0.02",
            "--set",
            "hidden=4",
            "--set",
            "blocks=2",
            "--set",
            "warmup_steps=0",
            "--set",
            "ema_decay=0",
            "--set",
            "sample_every=30",
            "--run",
            "run",
        ];
        ar(folder.path(), &train).ok();
        let path = folder.path().to_owned();
        (folder, path)
    });
    path
}

pub(crate) fn in_trained(args: &[&str]) -> crate::common::Ran {
    ar(trained(), args)
}

/// Of each `count` images in turn: whether most of their pixels are light.
fn light(file: &str, count: usize) -> Vec<bool> {
    let (shape, levels) = read_npy(&trained().join(file));
    let dims: u64 = shape[1..].iter().product();
    let rows = levels.chunks(dims as usize * count);
    rows.map(|row| 2 * row.iter().map(|&l| usize::from(l)).sum::<usize>() > row.len())
        .collect()
}

#[test]
fn the_run_says_that_it_is_conditional() {
    let text = std::fs::read_to_string(trained().join("run/config.toml")).unwrap();
    assert!(
        text.contains("conditional = true") && text.contains("name = \"gated-pixelcnn\""),
        "{text}"
    );
    let said = in_trained(&["info", "run"]).ok().stdout;
    for words in [
        "given: one of 2 classes",
        "classes: dark, light",
        "given the class",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let info = in_trained(&["info", "run", "--json"]).ok().json();
    assert_eq!(info["conditioning"]["class"]["classes"], 2);
    assert_eq!(
        in_trained(&["check", "run", "--json"]).ok().json()["causal"],
        true
    );
    // A row for each class, at the end and on the way.
    for file in ["samples.png", "samples/step-000030.png"] {
        let (width, height, _) = read_png(&trained().join("run").join(file));
        assert_eq!(
            (width, height),
            // On the left the names of the classes, five letters of seven pixels.
            (4 + 5 * 7 + 4 + 2 + 8 * (60 + 2), 2 + 2 * (50 + 2)),
            "{file}"
        );
    }
}

#[test]
fn samples_are_of_the_class_asked_for() {
    let sample = |more: &[&str]| in_trained(&[&["sample", "run", "--json"], more].concat());
    let all = sample(&["-o", "all.npy"]).ok().json();
    has_keys(&all, "images seconds engine file classes nats passes");
    assert_eq!(
        (&all["images"], &all["classes"]),
        (&16.into(), &Value::from(vec![0, 1]))
    );
    assert_eq!(light("all.npy", 8), [false, true]);
    sample(&[
        "--class", "light", "--class", "0,1", "-n", "3", "-o", "some.npy",
    ])
    .ok();
    assert_eq!(light("some.npy", 3), [true, false, true]);
    sample(&[
        "--class",
        "dark",
        "-n",
        "4",
        "--whole-pass",
        "-o",
        "whole.npy",
    ])
    .ok();
    sample(&["--class", "dark", "-n", "4", "-o", "steps.npy"]).ok();
    assert_eq!(
        read_npy(&trained().join("whole.npy")),
        read_npy(&trained().join("steps.npy"))
    );
    let best = ["--class", "light,dark", "-n", "2", "--best-of", "2"];
    let best = sample(&[&best[..], &["-o", "best.npy"]].concat())
        .ok()
        .json();
    assert_eq!((&best["images"], &best["best_of"]), (&4.into(), &2.into()));
    assert_eq!(light("best.npy", 2), [true, false]);
    sample(&["--class", "grey"]).refused(&["--class grey", "0 to 1: dark, light"]);
    sample(&["--class", "2"]).refused(&["--class 2"]);
}

#[test]
fn completions_are_of_the_images_class_or_of_the_one_asked_for() {
    let complete = |more: &[&str]| {
        in_trained(&[&["complete", "run", "--keep-rows", "1", "-n", "2"], more].concat())
    };
    complete(&[
        "--input",
        "pictures/light/00.png",
        "pictures/dark/00.png",
        "-o",
        "own.npy",
    ])
    .ok();
    assert_eq!(light("own.npy", 2), [true, false]);

    let alone = trained().join("alone.png");
    std::fs::copy(trained().join("pictures/dark/01.png"), alone).unwrap();
    complete(&["--input", "alone.png", "-o", "a.npy"])
        .refused(&["image 1 has no label", "--class"]);
    complete(&[
        "--input",
        "alone.png",
        "--class",
        "light,dark",
        "-o",
        "both.npy",
    ])
    .ok();
    assert_eq!(light("both.npy", 2), [true, false]);

    let test = complete(&["--test", "3", "--json", "-o", "test.png"])
        .ok()
        .json();
    assert_eq!((&test["images"], &test["inputs"]), (&6.into(), &3.into()));
    complete(&["--test", "3", "--input", "alone.png"]).refused(&["--test", "--input"]);
}

#[test]
fn likelihoods_are_given_the_label_and_classify() {
    let scored = in_trained(&["eval", "run", "--json"]).ok().json();
    has_keys(&scored, SCORE);
    assert_eq!(scored["condition"], "class");
    let classify = |more: &[&str]| in_trained(&[&["classify", "run"], more].concat());
    let report = classify(&["--split", "train", "--json"]).ok().json();
    has_keys(
        &report,
        "images accuracy standard_error nats_per_label prior classes confusion",
    );
    assert_eq!(
        (&report["accuracy"], &report["standard_error"]),
        (&1.0.into(), &0.0.into())
    );
    let confusion: Vec<Vec<u64>> = serde_json::from_value(report["confusion"].clone()).unwrap();
    assert_eq!((confusion[0][1], confusion[1][0]), (0, 0));
    assert_eq!(report["images"], confusion[0][0] + confusion[1][1]);
    let said = classify(&[
        "--split",
        "train",
        "--limit",
        "5",
        "--prior",
        "train",
        "--batch-size",
        "2",
    ]);
    let said = said.ok().stdout;
    assert!(
        said.contains("100.00 ± 0.00 % right (5 images, prior that of the training images)")
            && said.contains("light"),
        "{said}"
    );
    // The images of another set with classes of other names.
    let other = classify(&["--data", "digits"]);
    other.refused(&["of 28x28"]);
}

#[test]
fn the_posterior_grows_as_pixels_arrive() {
    let classify =
        |more: &[&str]| in_trained(&[&["classify", "run", "--split", "train"], more].concat());
    let whole = classify(&["--json"]).ok().json();
    let report = classify(&["--progress", "--plot", "posterior.svg", "--json"]);
    let report = report.ok().json();
    has_keys(
        &report,
        "images accuracy standard_error nats_per_label prior classes confusion progress needed",
    );
    let nats = |report: &Value| report["nats_per_label"].as_f64().unwrap();
    assert!((nats(&whole) - nats(&report)).abs() < 1e-5);
    assert_eq!(whole["confusion"], report["confusion"]);
    let rows = report["progress"].as_array().unwrap();
    let (first, last) = (&rows[0], &rows[19]);
    has_keys(last, "step seen accuracy probability");
    assert_eq!(
        (&last["step"], &last["seen"], &last["accuracy"]),
        (&30.into(), &1.0.into(), &report["accuracy"])
    );
    assert!(first["probability"].as_f64().unwrap() < last["probability"].as_f64().unwrap());
    has_keys(
        &report["needed"],
        "probability share seen positions seconds",
    );
    let positions = report["needed"]["positions"].as_u64().unwrap();
    assert!((1..30).contains(&positions), "{report}");
    let drawn = std::fs::read_to_string(trained().join("posterior.svg")).unwrap();
    assert!(drawn.contains("accuracy") && drawn.contains("mean p(label)"));

    classify(&["--progress", "--plot", "posterior.svg"]).refused(&["--plot", "--force"]);
    classify(&["--progress", "--plot", "posterior.png"]).refused(&["--plot", ".svg"]);
    classify(&["--plot", "other.svg"]).refused(&["--progress"]);

    let one = ["--progress", "--limit", "1"];
    let said = classify(&one).ok().stdout;
    for words in ["most probable", " pixels (", "dark 0."] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let one = classify(&[&one[..], &["--json"]].concat()).ok().json();
    let posterior = &one["progress"][19]["posterior"];
    let sum: f64 = posterior
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_f64)
        .sum();
    assert!((sum - 1.0).abs() < 1e-9, "{one}");
}

#[test]
fn a_pixel_is_told_under_the_images_class_or_the_one_asked_for() {
    let info = |more: &[&str]| {
        let at = ["info", "run", "--position", "0,0", "--json"];
        in_trained(&[&at[..], more].concat())
    };
    let light = |told: crate::common::Ran| told.ok().json()["probabilities"][1].as_f64().unwrap();
    let of_file = ["--input", "pictures/light/03.png"];
    assert!(light(info(&of_file)) > 0.6);
    assert!(light(info(&[&of_file[..], &["--class", "dark"]].concat())) < 0.4);
    info(&["--class", "grey"]).refused(&["--class grey", "dark, light"]);
    let alone = trained().join("unlabelled.png");
    std::fs::copy(trained().join("pictures/dark/01.png"), alone).unwrap();
    info(&["--input", "unlabelled.png"]).refused(&["no label", "--class"]);
}

#[test]
fn what_has_no_labels_or_no_condition_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for i in 0..12 {
        write_png(&path.join(format!("{i}.png")), 6, 5, &[i * 9; 30]);
    }
    let train = [
        "train",
        "pixelcnn",
        "--data",
        ".",
        "--steps",
        "1",
        "--conditional",
    ];
    ar(path, &train).refused(&["--conditional", "no labels"]);
    let unconditional = |args: &[&str]| ar(path, &[args, &["--class", "1"]].concat());
    unconditional(&["sample", run_path()]).refused(&["--class 1", "--conditional"]);
    let complete = ["complete", run_path(), "--keep-rows", "1", "--test", "1"];
    unconditional(&complete).refused(&["--class 1"]);
    ar(path, &["classify", run_path()]).refused(&["not conditioned on classes", "--conditional"]);
    in_trained(&["eval", "run", "--data", "all-unlabelled"]).refused(&["all-unlabelled"]);
    in_trained(&["sample", "run", "-n", "8", "-o", "unlabelled.npy"]).ok();
    in_trained(&[
        "eval",
        "run",
        "--data",
        "unlabelled.npy",
        "--split",
        "train",
    ])
    .refused(&["no labels"]);
}

#[test]
fn a_conditional_run_resumes_and_an_unconditional_one_does_not_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let train = |run: &str, steps: &str, more: &[&str]| {
        ar(
            path,
            &tiny(&[&["--steps", steps, "--run", run], more].concat()),
        )
    };
    train("whole", "4", &["--conditional"]).ok();
    train("parts", "2", &["--conditional"]).ok();
    train("parts", "4", &["--conditional", "--resume"]).ok();
    let bytes = |run: &str| std::fs::read(path.join(run).join("model.safetensors")).unwrap();
    assert!(bytes("whole") == bytes("parts"));
    train("plain", "1", &[]).ok();
    assert!(bytes("whole") != bytes("plain"));
    train("plain", "2", &["--conditional", "--resume"]).refused(&["data.conditional"]);
    let gated = [
        "train",
        "gated-pixelcnn",
        "--config",
        "gated.toml",
        "--run",
        "gated",
    ];
    let data = "[data]\nsource = \"digits\"\ndigits = 20\n[model]\nhidden = 4\nblocks = 1\n";
    std::fs::write(path.join("gated.toml"), data).unwrap();
    ar(path, &[&gated[..], &["--steps", "1"]].concat()).ok();
    let resumed = [
        "train",
        "conditional-pixelcnn",
        "--run",
        "gated",
        "--resume",
        "--steps",
        "2",
    ];
    ar(path, &resumed).refused(&["gated is not conditional", "conditional-pixelcnn"]);
}
