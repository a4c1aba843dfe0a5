//! Files that are written: checked before the work, and nothing that exists is replaced unasked.

use std::path::Path;

use crate::common::{ar, run_path, tiny, trained, write_png};

fn copy_of_the_run(folder: &Path) {
    std::fs::create_dir(folder.join("run")).unwrap();
    let files = "model.safetensors config.toml state.safetensors metrics.jsonl run.json";
    for file in files.split(' ') {
        std::fs::copy(trained().join(file), folder.join("run").join(file)).unwrap();
    }
}

#[test]
fn inputs_and_checkpoints_are_never_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    copy_of_the_run(path);
    let pixels: Vec<u8> = (0..784u32).map(|i| (i % 256) as u8).collect();
    write_png(&path.join("a.png"), 28, 28, &pixels);
    let read = |file: &str| std::fs::read(path.join(file)).unwrap();
    let (picture, model) = (read("a.png"), read("run/model.safetensors"));

    let per_image = [
        "eval",
        "run",
        "--per-image",
        "run/model.safetensors",
        "--force",
    ];
    ar(path, &per_image).refused(&["--per-image", ".csv"]);
    let complete = ["complete", "run", "--input", "a.png", "--keep-rows", "9"];
    for output in ["a.png", "./a.png", "run/../a.png"] {
        ar(path, &[&complete[..], &["-o", output, "--force"]].concat())
            .refused(&["--output", "what --input reads"]);
    }
    let mask = [
        "complete", "run", "--test", "1", "--mask", "a.png", "-o", "a.png",
    ];
    ar(path, &mask).refused(&["what --mask reads"]);
    let same = [
        "sample",
        "run",
        "-n",
        "1",
        "-o",
        "b.png",
        "--animate",
        "b.png",
    ];
    ar(path, &same).refused(&["--animate", "--output writes the same file"]);
    let export = ["export", "run", "-o", "run/model.safetensors", "--force"];
    ar(path, &export).refused(&["--output", "a run's own file"]);
    let state = [
        "export",
        "run/model.safetensors",
        "-o",
        "run/state.safetensors",
        "--force",
    ];
    ar(path, &state).refused(&["a run's own file"]);
    let archive = ["compress", "run", "a.png", "-o", "run/model.safetensors"];
    ar(path, &[&archive[..], &["--force"]].concat()).refused(&["a run's own file"]);
    let config = ["compress", "run", "a.png", "--force", "-o"];
    for own in [
        "run/config.toml",
        "run/metrics.jsonl",
        "run/../run/run.json",
    ] {
        ar(path, &[&config[..], &[own]].concat()).refused(&["a run's own file"]);
    }
    std::fs::copy(path.join("a.png"), path.join("run/completed.png")).unwrap();
    let again = ["complete", "run", "--input", "run/completed.png"];
    ar(path, &[&again[..], &["--keep-rows", "9"]].concat()).refused(&["what --input reads"]);
    let show = ["data", "show", "a.png", "-o", "a.png", "--force"];
    ar(path, &show).refused(&["--output", "what NAME reads"]);
    assert!(picture == read("a.png") && model == read("run/model.safetensors"));
    assert!(!path.join("b.png").exists());
}

#[test]
fn what_exists_is_replaced_when_that_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (file, args) in [
        (
            "a.png",
            vec!["sample", run_path(), "-n", "1", "-o", "a.png"],
        ),
        (
            "a.npy",
            vec![
                "complete",
                run_path(),
                "--test",
                "1",
                "--keep-rows",
                "27",
                "-o",
                "a.npy",
            ],
        ),
        (
            "a.csv",
            vec!["eval", run_path(), "--limit", "1", "--per-image", "a.csv"],
        ),
        ("d.png", vec!["data", "show", "digits", "-o", "d.png"]),
        (
            "pixelcnn-mask-a.png",
            vec!["info", "pixelcnn", "--shape", "1x5x5", "--draw", "."],
        ),
        (
            "e.safetensors",
            vec!["export", run_path(), "-o", "e.safetensors"],
        ),
    ] {
        std::fs::write(path.join(file), b"precious").unwrap();
        ar(path, &args).refused(&[file, "exists", "--force"]);
        assert_eq!(
            std::fs::read(path.join(file)).unwrap(),
            b"precious",
            "{file}"
        );
        ar(path, &[&args[..], &["--force"]].concat()).ok();
        assert_ne!(
            std::fs::read(path.join(file)).unwrap(),
            b"precious",
            "{file}"
        );
    }
}

#[test]
fn where_files_go_is_checked_before_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("folder.png")).unwrap();
    for args in [
        vec!["eval", "no-run-either", "--per-image", "no/a.csv"],
        vec!["data", "show", "digits", "-o", "no/a.png"],
        vec!["sample", run_path(), "-n", "9999", "-o", "no/a.png"],
        vec!["sample", run_path(), "-n", "9999", "--animate", "no/a.png"],
        vec![
            "complete",
            run_path(),
            "--test",
            "1",
            "--keep-rows",
            "1",
            "-o",
            "no/a.npy",
        ],
    ] {
        ar(path, &args).refused(&["there is no folder no"]);
    }
    ar(path, &["sample", run_path(), "-o", "folder.png"]).refused(&["it is a folder"]);
}

#[test]
fn a_new_run_has_a_folder_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("holiday")).unwrap();
    for i in 0..20u8 {
        write_png(&path.join(format!("holiday/{i}.png")), 4, 4, &[i * 12; 16]);
    }
    let inside = || std::fs::read_dir(path.join("holiday")).unwrap().count();
    ar(path, &tiny(&["--steps", "1", "--run", "holiday"])).refused(&["holiday", "not empty"]);
    let within = [
        "train",
        "pixelcnn",
        "--steps",
        "1",
        "--data",
        "holiday",
        "--run",
        "holiday/run",
    ];
    ar(path, &within).refused(&["inside its data", "another --run"]);
    // However the two are written.
    std::fs::create_dir(path.join("here")).unwrap();
    let dotted = [
        "train",
        "pixelcnn",
        "--steps",
        "1",
        "--data",
        "../holiday",
        "--run",
        "../here/../holiday/x",
    ];
    ar(&path.join("here"), &dotted).refused(&["inside its data"]);
    assert_eq!(inside(), 20);
    let over = ["data", "show", "holiday", "-o", "holiday/3.png", "--force"];
    ar(path, &over).refused(&["what NAME reads"]);

    // Somebody's best weights, kept with their configuration, are no run that never began.
    std::fs::create_dir(path.join("kept")).unwrap();
    std::fs::write(path.join("kept/best.safetensors"), b"precious").unwrap();
    std::fs::write(path.join("kept/config.toml"), b"").unwrap();
    ar(path, &tiny(&["--steps", "1", "--run", "kept"])).refused(&["kept"]);
    assert_eq!(
        std::fs::read(path.join("kept/best.safetensors")).unwrap(),
        b"precious"
    );
}

#[test]
fn damage_within_the_numbers_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    copy_of_the_run(path);
    let file = path.join("run/model.safetensors");
    let mut bytes = std::fs::read(&file).unwrap();
    let at = bytes.len() - 10;
    bytes[at] ^= 0x10;
    std::fs::write(&file, bytes).unwrap();
    ar(path, &["eval", "run"]).ended(1, &["model.safetensors", "checksum"]);
    write_png(&path.join("p.png"), 4, 4, &[7; 16]);
    ar(path, &["sample", "p.png"]).ended(1, &["p.png", "it is a PNG picture"]);
}
