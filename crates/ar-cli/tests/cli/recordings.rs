//! Recordings that a command is given, and what becomes of them.

use crate::common::{ar, run_path, with};
use crate::sound::{TINY, say, tiny, wav};

#[test]
fn what_says_something_of_pictures_is_refused_for_sound() {
    let folder = tempfile::tempdir().unwrap();
    tiny(folder.path(), "--steps 1 --run run").ok();
    for (flag, why) in [
        ("--size 20x20", "--size: the model is of sound"),
        ("--animate a.png", "--animate: the model is of sound"),
        ("--scale 2", "--scale: the model is of sound"),
    ] {
        let line = format!("sample run -n 1 --class 2 {flag} -o no.wav");
        with(folder.path(), &line).refused(&[why]);
    }
}

#[test]
fn a_recording_that_is_continued_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    tiny(path, "--steps 1 --run run").ok();
    with(
        path,
        "sample run -n 1 --class 2 --seconds 0.1 -o take-1.wav",
    )
    .ok();
    std::fs::copy(path.join("take-1.wav"), path.join("run/completed-1.wav")).unwrap();
    let given = std::fs::read(path.join("take-1.wav")).unwrap();
    for (input, to) in [
        ("take-1.wav", "-o take.wav --force"),
        ("run/completed-1.wav", ""),
    ] {
        let line = format!("complete run --input {input} --keep-seconds 0.05 --class 2 -n 2 {to}");
        with(path, &line).refused(&["what --input reads"]);
        assert!(std::fs::read(path.join(input)).unwrap() == given, "{input}");
    }
}

#[test]
fn what_a_model_is_told_of_a_recording_it_is_told_everywhere() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let plain = TINY.replace("--conditional ", "");
    let line = format!("{plain} --bands 4 --set data.bands_every=32 --steps 2 --run run --json");
    let trained = with(path, &line).ok().json();
    let bits = trained["test"]["bits_per_sample"].as_f64().unwrap();
    let again = with(path, "eval run --batch-size 1 --json").ok().json();
    assert!((again["bits_per_sample"].as_f64().unwrap() - bits).abs() < 1e-6);

    say(path, &["a"]);
    let like = "sample run --like said/a.wav -n 2 -o like.wav --json";
    let drawn = with(path, like).ok().json();
    assert_eq!(wav(&path.join("like-2.wav")), (8000, 900));
    assert_eq!(drawn["nats"].as_array().unwrap().len(), 2);
    with(
        path,
        "complete run --input said/a.wav --keep-seconds 0.05 -n 1 -o rest.wav",
    )
    .ok();
    let at = with(path, "info run --position 0,99 --input said/a.wav --json");
    assert_eq!(at.ok().json()["step"], 99);
    assert_eq!(again["condition"], "bands");
    let scored = with(path, "score run said/a.wav --json").ok().json();
    assert!(scored.is_object(), "{scored}");

    with(path, "sample run --seconds 1").refused(&["--like FILE.wav"]);
    with(path, "compress run said -o a.arc").refused(&["4 features", "decompresses"]);
    with(path, &format!("{TINY} --bands 4")).refused(&["--bands 4 contradicts --conditional"]);
    with(
        path,
        &format!("{plain} --bands 9 --set data.bands_every=20"),
    )
    .refused(&["--bands must"]);
    with(path, "train wavenet --data digits --bands 4")
        .refused(&["--bands is for sound; digits is of images"]);
    tiny(path, "--steps 1 --run other").ok();
    with(path, "sample other --like said/a.wav").refused(&["train one with --bands"]);
    with(path, "sample run --like no.wav").refused(&["--like no.wav", "no such file"]);
    let plain = "--steps 1 --run plain";
    with(
        path,
        &format!("{} {plain}", TINY.replace("--conditional ", "")),
    )
    .ok();
    with(path, "score plain said/a.wav --background run").refused(&["--background", "4 features"]);
    with(path, "score run said/a.wav --background plain").ok();
}

#[test]
fn a_stream_is_what_is_drawn_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    tiny(path, "--steps 1 --run run").ok();
    let streamed = assert_cmd::Command::new(crate::common::PROGRAM)
        .current_dir(path)
        .args("sample run --seconds 0.1 --class 2 --seed 3 --stream".split_whitespace())
        .output()
        .unwrap();
    assert!(streamed.status.success(), "{streamed:?}");
    with(
        path,
        "sample run --seconds 0.1 --class 2 --seed 3 -n 1 -o one.wav",
    )
    .ok();
    assert!(streamed.stdout == std::fs::read(path.join("one.wav")).unwrap());
    let one = "name one class with --class";
    with(path, "sample run --seconds 0.1 --stream").refused(&[one]);
    with(path, "sample run --seconds 0.1 --stream --class 2,3").refused(&[one]);
    with(path, "sample run --stream --class 2").refused(&["--seconds"]);
}

/// What is wrong with the last recording is said before the first is written, and files are not made by the
/// million.
#[test]
fn recordings_are_completed_all_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    tiny(path, "--steps 1 --run run").ok();
    std::fs::create_dir(path.join("i")).unwrap();
    with(path, "sample run -n 2 --class 2 --seconds 0.1 -o i/a.wav").ok();
    ar_data::write_wav(path.join("i/z.wav"), 8000, &[30_000; 9]).unwrap();
    let complete = "complete run --keep-seconds 0.05 -n 1 -o rest.wav --input i";
    with(path, complete).refused(&["i/z.wav is 0.001 s long"]);
    assert!(!path.join("rest-1.wav").exists());
    std::fs::remove_file(path.join("i/z.wav")).unwrap();
    // Of the class that its folder is called like.
    let told = with(path, &format!("{complete} --json")).ok().json();
    assert_eq!(told["hole_nats"].as_array().unwrap().len(), 2);
    std::fs::rename(path.join("i"), path.join("unknown")).unwrap();
    let unknown = "complete run --keep-seconds 0.05 -n 1 -o other.wav --input unknown";
    with(path, unknown).refused(&["unknown/a-1.wav", "--class"]);
    with(path, "complete run --keep-seconds 0.05 --input no.wav").refused(&["--input no.wav"]);
    let many = "sample run --seconds 0.001 --class 2 -n 60000";
    with(path, many).refused(&["-n: at most 10000 recordings"]);
}

#[test]
fn a_name_says_the_class_as_in_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let names = ["7_x_1", "7_x_2", "7_y_1", "8_x_1", "8_x_2", "8_y_1"];
    say(path, &names);
    let line = TINY.replace("tones --set tones=30", "said --classes-from {digit}_*_*");
    with(path, &format!("{line} --set test=2 --steps 1 --run run")).ok();
    let complete = "complete run --keep-seconds 0.05 -n 1 --input said/8_x_1.wav -o";
    let nats = |more: &str| {
        with(path, &format!("{complete} {more} --json")).ok().json()["hole_nats"][0].clone()
    };
    assert_eq!(nats("own.wav"), nats("eight.wav --class 8"));
    assert_ne!(nats("other.wav --class 7"), nats("same.wav --class 8"));
}

#[test]
fn what_is_not_heard_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    tiny(path, "--steps 1 --run run").ok();
    for (line, why) in [
        ("eval run --full-size", "--full-size is for images"),
        (
            "eval run --native-levels 3",
            "--native-levels is for images",
        ),
        (
            "eval run --data nowhere",
            "--data nowhere: there is no such",
        ),
        (
            "train wavenet --data digits --sample-rate 8000",
            "--sample-rate is for sound",
        ),
        (
            "train wavenet --data digits --layout nchw",
            "--layout is for arrays",
        ),
        (
            "train wavenet --data tones --resize 3x3",
            "--resize is for images",
        ),
        (
            "train wavenet --data tones --crop 20x30",
            "give a number of samples",
        ),
        (
            "train wavenet --data tones --classes-from {a}_*",
            "--classes-from is for a folder",
        ),
        (
            "info wavenet --quantize bytes",
            "--quantize says how data are read",
        ),
    ] {
        with(path, line).refused(&[why]);
    }
    let told = with(path, "info wavenet --data tones --json").ok().json();
    assert_eq!(told["config"]["embedding"], 32, "the size that train takes");
    ar(path, &["sample", run_path(), "--stream"]).refused(&["--stream: the model is of images"]);
}

#[test]
fn runs_of_sound_are_compared_by_recordings_whatever_they_look_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    tiny(path, "--steps 1 --run near").ok();
    tiny(path, "--steps 1 --run far --set max_dilation=8").ok();
    let told = with(path, "compare near far --json").ok();
    for (run, score) in ["near", "far"]
        .into_iter()
        .zip(told.json()["runs"].as_array().unwrap())
    {
        let alone = with(path, &format!("eval {run} --json")).ok().json();
        let nats = |told: &serde_json::Value| told["nats_per_sample"].as_f64().unwrap();
        assert!((nats(&alone) - nats(&score["score"])).abs() < 1e-6, "{run}");
    }
    let said = with(path, "compare far near").ok().stdout;
    assert!(
        said.contains("nats/recording") && said.contains("3 recordings"),
        "{said}"
    );
    let said = with(path, "runs .").ok().stdout;
    assert!(said.contains("nats/sample test"), "{said}");
}
