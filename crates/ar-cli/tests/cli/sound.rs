use std::path::Path;

use crate::common::{Ran, ar, run_path, with};

pub(crate) const TINY: &str = "train wavenet --data tones --set tones=30 --conditional --crop 300 --batch-size 2 \
                    --set hidden=4 --set skip=4 --set stacks=1 --set max_dilation=4 --set embedding=2";

pub(crate) fn tiny(folder: &Path, more: &str) -> Ran {
    let all: Vec<&str> = TINY
        .split_whitespace()
        .chain(more.split_whitespace())
        .collect();
    ar(folder, &all)
}

#[test]
fn sound_is_learned_scored_drawn_continued_and_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let trained = tiny(path, "--steps 3 --run run --tensorboard --json").ok();
    let result = trained.json();
    crate::common::has_keys(&result["best"], "step nats_per_sample");
    let test = &result["test"];
    let bits = test["bits_per_sample"].as_f64().unwrap();
    assert!(bits > 1.0 && bits < 8.5, "{trained:#?}");
    assert_eq!(
        (&test["recordings"], &test["levels"]),
        (&3.into(), &256.into())
    );
    assert!(
        trained.stderr.contains("after 8 samples (1 ms)"),
        "the model's reach: {trained:#?}"
    );
    let metrics = std::fs::read_to_string(path.join("run/metrics.jsonl")).unwrap();
    assert!(metrics.contains("nats_per_sample") && !metrics.contains("nats_per_image"));
    let events = std::fs::read_dir(path.join("run/tensorboard")).unwrap();
    let events = events.map(|file| std::fs::read(file.unwrap().path()).unwrap());
    let events = String::from_utf8_lossy(&events.collect::<Vec<_>>().concat()).into_owned();
    assert!(events.contains("validation/nats_per_sample") && !events.contains("nats_per_image"));

    // Scored in pieces of any number at once, a recording has one likelihood.
    let evaluated = with(path, "eval run --batch-size 1 --per-image each.csv --json").ok();
    let again = evaluated.json()["bits_per_sample"].as_f64().unwrap();
    assert!((again - bits).abs() < 1e-6);
    assert_eq!(
        std::fs::read_to_string(path.join("each.csv"))
            .unwrap()
            .lines()
            .count(),
        4
    );

    let one = with(
        path,
        "sample run --seconds 0.05 -n 1 --class a -o one.wav --json",
    )
    .ok()
    .json();
    assert_eq!(
        (&one["sample_rate"], &one["passes"]),
        (&8000.into(), &400.into())
    );
    assert!(one["samples_per_second"].as_f64().unwrap() > 0.0);
    assert_eq!(wav(&path.join("one.wav")), (8000, 400));
    assert!(path.join("one.png").is_file());
    with(path, "sample run --seconds 0.01 -n 2 --class 1 -o both.wav").ok();
    assert_eq!(wav(&path.join("both-2.wav")), (8000, 80));
    with(path, "sample run --seconds 0.01 -n 2 --class 1 -o both.wav").refused(&["both-1.wav"]);

    let primed =
        "complete run --input one.wav --keep-seconds 0.02 --class 0,4 -n 1 -o rest.wav --json";
    let rest = with(path, primed).ok().json();
    assert_eq!(
        (&rest["images"], rest["hole_nats"].as_array().unwrap().len()),
        (&2.into(), 2)
    );
    let kept = |file: &str| ar_samples(&path.join(file))[..160].to_vec();
    assert_eq!(kept("rest-1.wav"), kept("rest-2.wav"));
    with(
        path,
        "complete run --input one.wav --keep-seconds 9 -o x.wav",
    )
    .refused(&["one.wav", "0.050 s"]);

    let classified = with(path, "classify run --json").ok().json();
    assert_eq!(classified["images"], 3);
    // In pieces of a window or as they arrive, recordings are taken for the same.
    let heard = "classify run --progress --plot heard.svg --batch-size 2 --json";
    let heard = with(path, heard).ok().json();
    assert_eq!(heard["confusion"], classified["confusion"]);
    let nats = |told: &serde_json::Value| told["nats_per_label"].as_f64().unwrap();
    assert!((nats(&heard) - nats(&classified)).abs() < 1e-3, "{heard}");
    let last = &heard["progress"][19];
    assert_eq!(last["accuracy"], heard["accuracy"]);
    assert!(last["seconds"].as_f64().unwrap() > 0.1, "{heard}");

    let at = with(path, "info run --position 0,40 --test 1 --json")
        .ok()
        .json();
    assert_eq!(at["probabilities"].as_array().unwrap().len(), 256);
    let at = with(path, "info run --position 0,399 --input one.wav --class a").ok();
    assert!(at.stdout.contains("step 400 of 400") && at.stdout.contains("a bar for 4 levels"));
    with(path, "info run --position 0,400 --input one.wav --class a").refused(&["1x400"]);

    let best = "sample run --seconds 0.01 -n 1 --class a --best-of 3 -o best.wav --json";
    let best = with(path, best).ok().json();
    assert_eq!(best["nats"].as_array().unwrap().len(), 1);
    assert_eq!(wav(&path.join("best.wav")), (8000, 80));
}

/// Of 16 bits both ways: a sample drawn is a sample scored, streamed and kept.
#[test]
fn sound_of_16_bits_is_two_bytes_or_one_mixture() {
    for quantize in [
        "--quantize bytes",
        "--quantize linear --levels 65536 --set embedding=0",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let mixture = if quantize.contains("bytes") {
            ""
        } else {
            "--set head=logistic"
        };
        let trained = tiny(
            path,
            &format!("{quantize} {mixture} --steps 2 --run run --json"),
        );
        let test = &trained.ok().json()["test"];
        let bits = test["bits_per_sample"].as_f64().unwrap();
        assert!(bits > 4.0 && bits < 40.0, "{quantize}: {bits}");
        assert_eq!(test["levels"], 65_536, "of a sample: {quantize}");
        let drawn = "sample run --seconds 0.05 --class 2 --seed 3 -n 1 -o one.wav --json";
        let drawn = with(path, drawn).ok().json();
        assert_eq!(wav(&path.join("one.wav")), (8000, 400));
        assert!(drawn["heard"]["periodicity"].is_number(), "{drawn}");
        let streamed = assert_cmd::Command::new(crate::common::PROGRAM)
            .current_dir(path)
            .args("sample run --seconds 0.05 --class 2 --seed 3 --stream".split_whitespace())
            .output()
            .unwrap();
        assert!(streamed.stdout == std::fs::read(path.join("one.wav")).unwrap());
        let kept = "complete run --input one.wav --keep-seconds 0.03 --class 2 -n 1 -o kept.wav";
        with(path, kept).ok();
        let first = |file: &str| ar_samples(&path.join(file))[..240].to_vec();
        assert_eq!(first("one.wav"), first("kept.wav"));
        // What was drawn is as likely when it is read again as when it was drawn.
        let plain = format!(
            "train wavenet --data tones --set tones=30 --crop 300 --batch-size 2 {quantize} {mixture} \
             --set hidden=4 --set skip=4 --set stacks=1 --set max_dilation=4 --steps 1 --run plain"
        );
        with(path, &plain).ok();
        let drawn = with(path, "sample plain --seconds 0.05 -n 1 -o plain.wav --json")
            .ok()
            .json();
        let scored = with(path, "eval plain --data plain.wav --split train --json")
            .ok()
            .json();
        let (a, b) = (
            drawn["nats"][0].as_f64().unwrap(),
            scored["nats_per_sample"].as_f64().unwrap(),
        );
        assert!((a - 400.0 * b).abs() < 1e-3 * a, "{quantize}: {a} {b}");
    }
}

/// Longer than a piece: the beginning is what a shorter one has, the rest as likely as when it was drawn.
#[test]
fn a_long_recording_is_drawn_piece_by_piece() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let plain = "train wavenet --data tones --set tones=30 --crop 300 --batch-size 2 --set hidden=4 \
                 --set skip=4 --set stacks=1 --set max_dilation=4 --set embedding=2 --steps 1 --run run";
    with(path, plain).ok();
    with(path, "sample run --seconds 0.5 -n 1 -o short.wav").ok();
    let drawn = with(path, "sample run --seconds 2.5 -n 1 -o long.wav --json")
        .ok()
        .json();
    let (short, long) = (
        ar_samples(&path.join("short.wav")),
        ar_samples(&path.join("long.wav")),
    );
    assert_eq!((long.len(), &long[..4000]), (20_000, &short[..]));
    let scored = with(path, "eval run --data long.wav --split train --json")
        .ok()
        .json();
    let (a, b) = (
        drawn["nats"][0].as_f64().unwrap(),
        scored["nats_per_sample"].as_f64().unwrap(),
    );
    assert!((a - 20_000.0 * b).abs() < 1e-4 * a, "{a} {b}");
    let kept = "complete run --input long.wav --keep-seconds 2.45 -n 1 -o kept.wav --json";
    let kept = with(path, kept).ok().json();
    assert_eq!(kept["order"], "raster");
    assert_eq!(ar_samples(&path.join("kept.wav"))[..19_600], long[..19_600]);
}

#[test]
fn a_speaker_is_held_out_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    say(
        path,
        &[
            "1_ann_0", "2_ann_0", "1_bob_0", "2_bob_0", "1_eve_0", "2_eve_0",
        ],
    );
    let held = "train wavenet --data said --classes-from {digit}_*_* --conditional --hold-out *_eve_* \
                --crop 300 --batch-size 2 --set hidden=4 --set skip=4 --set stacks=1 --set max_dilation=4 \
                --set embedding=2 --steps 1 --run run --json";
    let test = &with(path, held).ok().json()["test"];
    assert_eq!(test["recordings"], 2);
    with(path, "eval run --data said --split train").ok();
    with(path, "train wavenet --data tones --hold-out *_eve_*")
        .refused(&["--hold-out is for a folder of recordings"]);
    with(path, "train wavenet --data said --hold-out *_zoe_*").ended(1, &["--hold-out *_zoe_*"]);
    let shown = with(path, "data show said --json").ok().json();
    assert!(shown["heard"]["loudness_db"].as_f64().unwrap() < 0.0);
}

/// Recordings of noise, called so.
pub(crate) fn say(folder: &Path, names: &[&str]) {
    std::fs::create_dir(folder.join("said")).unwrap();
    for (i, name) in names.iter().enumerate() {
        let samples: Vec<u16> = (0..900)
            .map(|t| 32_000 + (t * (37 + i) % 999) as u16)
            .collect();
        let file = folder.join("said").join(format!("{name}.wav"));
        ar_data::write_wav(file, 8000, &samples).unwrap();
    }
}

#[test]
fn two_classes_at_once_are_told_apart_by_themselves_and_drawn_in_pairs_nobody_heard() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    say(
        path,
        &[
            "1_ann_0", "2_ann_0", "1_bob_0", "2_bob_0", "1_eve_0", "1_eve_1",
        ],
    );
    let train = "train wavenet --data said --classes-from {digit}_{who}_* --conditional --crop 300 --batch-size 2 \
                 --set hidden=4 --set skip=4 --set stacks=1 --set max_dilation=4 --set embedding=2 --steps 1 \
                 --set data.validation=0 --set data.test=2 --run run --json";
    with(path, train).ok();
    let said = with(path, "info run").ok().stdout;
    assert!(
        said.contains("one of 2 classes and one of 3 others"),
        "{said}"
    );
    with(
        path,
        "sample run --seconds 0.01 -n 1 --class 2_eve -o new.wav",
    )
    .ok();
    with(path, "sample run --seconds 0.01 -n 1 --class 3_eve").refused(&["1_ann, 1_bob, 1_eve"]);
    let told = with(path, "classify run --json").ok().json();
    assert_eq!(
        (&told["kinds"][0]["name"], &told["kinds"][1]["name"]),
        (&"digit".into(), &"who".into())
    );
    assert!(told["kinds"][1]["accuracy"].is_number(), "{told}");
}

#[test]
fn a_wav_cut_at_any_byte_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let whole = path.join("whole.wav");
    ar_data::write_wav(&whole, 8000, &[30_000; 12]).unwrap();
    let bytes = std::fs::read(whole).unwrap();
    with(path, "data show whole.wav").ok();
    for end in 0..bytes.len() {
        std::fs::write(path.join("cut.wav"), &bytes[..end]).unwrap();
        with(path, "data show cut.wav").ended(1, &["cut.wav"]);
    }
}

#[test]
fn a_run_on_sound_goes_on_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let model = |run: &str| std::fs::read(path.join(run).join("model.safetensors")).unwrap();
    tiny(path, "--steps 6 --run whole --set schedule=constant").ok();
    tiny(path, "--steps 3 --run parts --set schedule=constant").ok();
    with(path, "train --run parts --resume --steps 6").ok();
    assert!(model("whole") == model("parts"));
}

#[test]
fn sound_and_images_are_not_taken_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    tiny(path, "--steps 1 --run run").ok();
    with(path, "train pixelcnn --data tones").refused(&["pixelcnn is for images", "wavenet"]);
    with(path, "train wavenet --data tones --set position=true")
        .refused(&["set so, wavenet depends", "position=false"]);
    with(path, "train wavenet --data tones --binarize fixed")
        .refused(&["--binarize is for images; tones is sound"]);
    with(path, "train wavenet --data digits --quantize linear").refused(&["digits is of images"]);
    with(path, "train wavenet --data tones --levels 1024").refused(&["--levels 1024"]);
    with(path, "eval run --data digits").refused(&["the run's data are sound"]);
    with(path, "complete run --test 2 --keep-rows 3").refused(&["--keep-seconds"]);
    let run = run_path();
    ar(path, &["sample", run, "--seconds", "1"]).refused(&["the model is of images"]);
    ar(path, &["eval", run, "--data", "tones"]).refused(&["is sound, the run's data are images"]);
}

/// Samples a second, and how many.
pub(crate) fn wav(path: &Path) -> (u32, usize) {
    (
        ar_data::read_wav(path).unwrap().rate,
        ar_samples(path).len(),
    )
}

fn ar_samples(path: &Path) -> Vec<u16> {
    ar_data::read_wav(path).unwrap().samples
}
