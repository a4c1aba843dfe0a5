//! What is given is used or refused, and what a figure belongs to is said.

use crate::common::{ar, run_path, tiny, with, write_npy, write_png};

#[test]
fn options_of_other_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pixels: Vec<u8> = (0..784u32).map(|i| (i % 4) as u8).collect();
    write_npy(&path.join("four.npy"), "|u1", &[1, 1, 28, 28], &pixels);
    write_png(&path.join("a.png"), 28, 28, &pixels);
    std::fs::copy(path.join("a.png"), path.join("hole.jpg")).unwrap();
    let run = run_path();
    for (line, why) in [
        (
            "score RUN a.png --layout nhwc",
            "--layout is for arrays; a.png is a picture",
        ),
        (
            "score RUN four.npy --native-levels 7",
            "--native-levels 7: the run's data have",
        ),
        (
            "score RUN --test 2 --data-range 0..1",
            "--data-range is for arrays",
        ),
        ("eval RUN --layout nhwc", "--layout is for arrays"),
        (
            "complete RUN --test 2 --keep-rows 3 --layout nhwc",
            "--layout is for arrays",
        ),
        ("complete RUN --test 1 --mask hole.jpg", "JPEG blurs"),
        (
            "sample RUN -n 1 -o x.npy --scale 2",
            "--scale is for pictures",
        ),
        ("data show digits --scale 3", "--output"),
        (
            "sample RUN --best-of 1000000000",
            "with what multiplies them, 16000000000 are asked for",
        ),
        (
            "sample RUN --size 100000x100000",
            "at most 32768 pixels a side",
        ),
        (
            "eval RUN --limit 99999999999999999999",
            "at most 9223372036854775807",
        ),
        ("info pixelcnn --classes 100000000", "parameters, more than"),
        ("info pixelcnn --set hidden=65536", "parameters, more than"),
        (
            "train conditional-pixelcnn --data digits --set conditional=false",
            "is conditional",
        ),
    ] {
        with(path, &line.replace("RUN", run)).refused(&[why]);
    }
    with(path, &format!("score {run} four.npy --native-levels 4")).ok();
}

#[test]
fn a_figure_says_its_order_and_a_single_one_has_no_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let both = tiny(&["--set", "order=s-curve", "--steps", "1", "--run", "run"]);
    ar(path, &both).ok();
    let told = with(path, "eval run --limit 2").ok().stdout;
    assert!(
        told.contains("order s-curve") && told.contains('±'),
        "{told}"
    );
    let one = with(path, "eval run --limit 1").ok().stdout;
    assert!(!one.contains('±'), "{one}");
    let none = with(path, "complete run --test 1 --keep-rows 28 -n 1").ok();
    assert!(none.stderr.contains("nothing is left to draw"), "{none:?}");
}

#[test]
fn a_run_with_patience_stands_for_its_best_or_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let patient = [
        "--steps",
        "4",
        "--patience",
        "2",
        "--set",
        "validate_every=2",
        "--run",
        "run",
    ];
    ar(path, &tiny(&patient)).ok();
    let best = path.join("run/best.safetensors");
    std::fs::rename(&best, path.join("best")).unwrap();
    with(path, "eval run").ended(1, &["best.safetensors", "patience"]);
    with(path, "eval run/model.safetensors").ok();
    std::fs::write(&best, "damaged").unwrap();
    with(path, "train --run run --resume --steps 6").ended(1, &["best.safetensors"]);
    std::fs::rename(path.join("best"), &best).unwrap();
    with(path, "eval run").ok();
    std::fs::write(path.join("run/config.toml"), "[[[").unwrap();
    with(path, "eval run").ended(1, &["config.toml", "model.safetensors"]);
    std::fs::write(path.join("run/config.toml"), "").unwrap();
    // An empty one says nothing of where the data are.
    with(path, "eval run").ok();
}

#[test]
fn a_folder_of_classes_is_read_and_what_is_left_out_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir_all(path.join("in/7")).unwrap();
    write_png(&path.join("in/7/a.png"), 28, 28, &[0; 784]);
    std::fs::write(path.join("in/notes.txt"), "not a picture").unwrap();
    let run = run_path();
    let told = with(path, &format!("score {run} in --json")).ok().json();
    assert_eq!(told["scores"].as_array().unwrap().len(), 1);
    let packed = with(path, &format!("compress {run} in -o in.arc"));
    let note = "1 file not compressed, such as notes.txt";
    assert!(packed.stderr.contains(note), "{packed:?}");
}
