use std::path::Path;

use serde_json::Value;

use crate::common::{ar, has_keys, read_npy, read_png, run_path, tiny, write_png};
use crate::conditional::in_trained;

const ENTRY: &str = "file nats bits_per_dim complexity corrected corrected_bits_per_dim";

fn entries(report: &Value) -> &[Value] {
    report["scores"].as_array().unwrap()
}

fn numbers(report: &Value, key: &str) -> Vec<f64> {
    let of = |entry: &Value| entry[key].as_f64().unwrap();
    entries(report).iter().map(of).collect()
}

fn files(report: &Value) -> Vec<&str> {
    let all = entries(report).iter();
    all.map(|entry| entry["file"].as_str().unwrap()).collect()
}

fn slope(seed: usize) -> Vec<u8> {
    (0..784)
        .map(|i| ((i * 5 + seed * 31) % 256) as u8)
        .collect()
}

#[test]
fn each_test_image_has_the_likelihood_of_eval() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let score = ["score", run_path(), "--test", "5", "--json"];
    let ran = ar(path, &[&score[..], &["--csv", "s.csv"]].concat()).ok();
    let report = ran.json();
    has_keys(&report, "scores corrected_by");
    assert_eq!(report["corrected_by"], "png");
    has_keys(&report["scores"][0], ENTRY);
    assert_eq!(files(&report)[4], "test[4]");
    assert!(ran.stderr.contains("mean of 5"), "{ran:#?}");

    ar(
        path,
        &["eval", run_path(), "--limit", "5", "--per-image", "e.csv"],
    )
    .ok();
    let column = |file: &str, i: usize| -> Vec<f64> {
        let text = std::fs::read_to_string(path.join(file)).unwrap();
        let rows = text.lines().skip(1);
        rows.map(|row| row.split(',').nth(i).unwrap().parse().unwrap())
            .collect()
    };
    let (nats, bits) = (numbers(&report, "nats"), numbers(&report, "bits_per_dim"));
    let same = |ours: &[f64], theirs: &[f64]| {
        assert_eq!(ours.len(), theirs.len());
        assert!(ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-4));
    };
    for (ours, i) in [(&nats, 1), (&bits, 2)] {
        same(ours, &column("s.csv", i));
        same(ours, &column("e.csv", i + 1));
    }
    for (entry, nats) in entries(&report).iter().zip(&nats) {
        let corrected = nats - entry["complexity"].as_f64().unwrap();
        assert!((entry["corrected"].as_f64().unwrap() - corrected).abs() < 1e-9);
    }

    for (by, key) in [("--sort", "nats"), ("--sort=corrected", "corrected")] {
        let sorted = ar(path, &[&score[..], &[by]].concat()).ok().json();
        let values = numbers(&sorted, key);
        assert!(
            values.windows(2).all(|pair| pair[0] >= pair[1]),
            "{values:?}"
        );
        let mut names = files(&sorted);
        names.sort_unstable();
        assert_eq!(names, files(&report));
    }
}

#[test]
fn files_and_folders_are_read_as_complete_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("in")).unwrap();
    for (i, name) in ["b", "a"].iter().enumerate() {
        write_png(&path.join(format!("in/{name}.png")), 28, 28, &slope(i));
    }
    let drawn = ["sample", run_path(), "-n", "3", "-o", "in/s.npy", "--json"];
    let drawn = ar(path, &drawn).ok().json();
    std::fs::write(path.join("in/notes.txt"), b"of no interest").unwrap();
    let score = |more: &[&str]| ar(path, &[&["score", run_path()], more].concat());
    let report = score(&["in", "--json"]).ok().json();
    assert_eq!(
        files(&report),
        [
            "in/a.png",
            "in/b.png",
            "in/s.npy[0]",
            "in/s.npy[1]",
            "in/s.npy[2]"
        ]
    );
    for (i, nats) in numbers(&report, "nats")[2..].iter().enumerate() {
        assert!((nats - drawn["nats"][i].as_f64().unwrap()).abs() < 1e-2);
    }
    let said = score(&["in/a.png"]).ok().stdout;
    assert!(
        said.contains("in/a.png") && said.contains("bits/dim") && !said.contains("mean of"),
        "{said}"
    );

    std::fs::write(path.join("in/broken.png"), b"\x89PNG\r\n\x1a\nno").unwrap();
    score(&["in"]).ended(1, &["in/broken.png"]);
    write_png(&path.join("small.png"), 9, 9, &[1; 81]);
    score(&["small.png"]).refused(&["FILE small.png", "tied to images of 28x28"]);
    std::fs::create_dir(path.join("empty")).unwrap();
    score(&["empty"]).refused(&["FILE empty", ".png"]);
    score(&["nowhere.png"]).refused(&["FILE nowhere.png"]);
    score(&[]).refused(&["FILE", "--test"]);
    score(&["in/a.png", "--test", "1"]).refused(&["--test"]);
    score(&["in/a.png", "--class", "1"]).refused(&["--class 1", "--conditional"]);
    score(&["in/a.png", "--limit", "1"]).refused(&["--against"]);
    score(&["in/a.png", "--scale", "2"]).refused(&["--map"]);
    score(&["in/a.png", "--sort=size"]).refused(&["size", "corrected"]);
}

#[test]
fn maps_show_each_image_beside_its_surprise() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_png(&path.join("a.png"), 28, 28, &slope(1));
    let score = |more: &[&str]| ar(path, &[&["score", run_path()], more].concat());
    let map = ["--map", "maps", "--json"];
    let report = score(&[&["a.png"], &map[..]].concat()).ok().json();
    has_keys(&report["map"], "max unit order");
    assert_eq!(
        (&report["map"]["unit"], &report["map"]["order"]),
        (&"nats/pixel".into(), &"raster".into())
    );
    assert!(report["map"]["max"].as_f64().unwrap() > 0.0);
    assert_eq!(report["scores"][0]["map"], "maps/a.png");
    let (width, height, _) = read_png(&path.join("maps/a.png"));
    assert!(width > 2 * 224 && height > 224, "{width}x{height}");

    score(&[&["a.png"], &map[..]].concat()).refused(&["--map", "--force"]);
    let small = [&["a.png", "--scale", "1", "--force"], &map[..]].concat();
    score(&small).ok();
    assert!(read_png(&path.join("maps/a.png")).1 < 100);
    score(&["--test", "2", "--map", "maps"]).ok();
    assert!(path.join("maps/test-1.png").is_file());
    score(&["maps", "--map", "maps", "--force"]).refused(&["FILE"]);
    score(&["a.png", "--map", "a.png"]).refused(&["--map a.png", "a file"]);
    score(&["a.png", "--csv", "a.txt"]).refused(&["--csv", ".csv"]);
    score(&["a.png", "--map", ".", "--force"]).refused(&["what FILE reads"]);
    assert_eq!(read_png(&path.join("a.png")).2, slope(1));
}

#[test]
fn maps_of_several_orders_are_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(
        path,
        &tiny(&["--set", "orders=2", "--steps", "1", "--run", "run"]),
    )
    .ok();
    let score = |more: &[&str]| {
        let all = [
            "score", "run", "--test", "1", "--map", "m", "--force", "--json",
        ];
        ar(path, &[&all[..], more].concat())
    };
    let first = score(&[]).ok();
    assert!(first.stderr.contains("first of 2 orders"), "{first:#?}");
    assert_eq!(first.json()["map"]["order"], "raster");
    let other = score(&["--order", "raster+flip+mirror"]).ok();
    assert!(!other.stderr.contains("first of 2 orders"));
    assert_eq!(other.json()["map"]["order"], "raster+flip+mirror");
    assert_ne!(
        numbers(&first.json(), "nats"),
        numbers(&other.json(), "nats")
    );
    score(&["--order", "hilbert"]).refused(&["raster+flip+mirror"]);
}

#[test]
fn other_images_are_told_from_these() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("noise")).unwrap();
    for i in 0..7usize {
        let noise: Vec<u8> = (0..784)
            .map(|p| ((p * p * 131 + p * 37 + i * 11) % 251) as u8)
            .collect();
        write_png(&path.join(format!("noise/{i}.png")), 28, 28, &noise);
    }
    let score = |more: &[&str]| ar(path, &[&["score", run_path(), "--json"], more].concat());
    let same = score(&["--test", "20", "--against", "digits"]).ok().json();
    assert_eq!(
        (&same["auroc"], &same["auroc_corrected"]),
        (&0.5.into(), &0.5.into())
    );
    assert_eq!(same["against_images"], 20);
    let told = score(&["--test", "20", "--against", "noise"]).ok();
    let report = told.json();
    has_keys(
        &report,
        "scores corrected_by against against_images auroc auroc_corrected",
    );
    // All of the folder, and nothing held out of it.
    assert_eq!(
        (&report["against"], &report["against_images"]),
        (&"noise".into(), &7.into())
    );
    assert!(told.stderr.contains("0.5 is chance"), "{told:#?}");
    // From the other side the same pairs are the other way round.
    let back = score(&["noise", "--against", "digits"]).ok().json();
    for key in ["auroc", "auroc_corrected"] {
        let (a, b) = (report[key].as_f64().unwrap(), back[key].as_f64().unwrap());
        assert!((a + b - 1.0).abs() < 1e-9, "{key}: {a} {b}");
    }
    let few = score(&["--test", "3", "--against", "noise", "--limit", "2"])
        .ok()
        .json();
    assert_eq!(few["against_images"], 2);
    let one = score(&["--test", "3", "--against", "noise/3.png"])
        .ok()
        .json();
    assert_eq!(one["against_images"], 1);
    score(&["--test", "3", "--against", "nowhere"]).refused(&["--against nowhere"]);
    write_png(&path.join("small.png"), 9, 9, &[1; 81]);
    score(&["--test", "3", "--against", "small.png"]).refused(&["--against small.png", "28x28"]);
}

#[test]
fn another_run_is_a_background() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(
        path,
        &tiny(&["--steps", "1", "--seed", "7", "--run", "other"]),
    )
    .ok();
    let mut binary = tiny(&["--steps", "1", "--run", "binary", "--binarize", "fixed"]);
    binary.retain(|arg| !["--levels", "4"].contains(arg));
    ar(path, &binary).ok();
    let score = |more: &[&str]| {
        let all = ["score", run_path(), "--test", "4", "--json", "--background"];
        ar(path, &[&all[..], more].concat())
    };
    let own = score(&[run_path()]).ok().json();
    assert_eq!(numbers(&own, "corrected"), [0.0; 4]);
    let report = score(&["other", "--csv", "b.csv"]).ok().json();
    assert_eq!(report["corrected_by"], "other");
    has_keys(
        &report["scores"][0],
        "file nats bits_per_dim background corrected corrected_bits_per_dim",
    );
    let csv = std::fs::read_to_string(path.join("b.csv")).unwrap();
    assert!(
        csv.starts_with("file,nats,bits_per_dim,background,corrected"),
        "{csv}"
    );
    score(&["binary"]).refused(&["--background binary", "another way"]);
    score(&["nowhere"]).refused(&["nowhere"]);
}

#[test]
fn binary_sets_are_made_binary_as_the_files_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut train = tiny(&["--steps", "1", "--run", "run", "--binarize", "fixed"]);
    train.retain(|arg| !["--levels", "4"].contains(arg));
    ar(path, &train).ok();
    std::fs::create_dir(path.join("in")).unwrap();
    for i in 0..3 {
        write_png(&path.join(format!("in/{i}.png")), 28, 28, &slope(i));
    }
    // Drawn where the others are cut at half, the same images would not be the same.
    let report = ar(path, &["score", "run", "in", "--against", "in", "--json"])
        .ok()
        .json();
    assert_eq!(
        (&report["auroc"], &report["auroc_corrected"]),
        (&0.5.into(), &0.5.into())
    );
}

#[test]
fn images_of_a_conditional_run_are_of_a_class() {
    let alone = "score-alone.png";
    let dark = crate::conditional::trained().join("pictures/dark/02.png");
    std::fs::copy(dark, crate::conditional::trained().join(alone)).unwrap();
    let score = |more: &[&str]| in_trained(&[&["score", "run", "--json"], more].concat());
    score(&[alone]).refused(&[alone, "--class"]);
    score(&[alone, "--class", "grey"]).refused(&["--class grey", "dark, light"]);
    let nats = |more: &[&str]| numbers(&score(more).ok().json(), "nats")[0];
    let (dark, light) = (
        nats(&[alone, "--class", "dark"]),
        nats(&[alone, "--class", "1"]),
    );
    assert!(dark < light, "{dark} {light}");
    assert_eq!(nats(&["pictures/dark/02.png"]), dark);
    let wrong = nats(&["pictures/dark/02.png", "--class", "light"]);
    assert!((wrong - light).abs() < 1e-9);
    let labelled = score(&["--test", "4", "--against", "pictures"]).ok().json();
    assert_eq!(
        (entries(&labelled).len(), &labelled["against_images"]),
        (4, &80.into())
    );
    // What has no classes is taken as of one.
    score(&["--test", "4", "--against", alone]).refused(&[alone, "no labels", "--class"]);
    score(&["--test", "4", "--against", alone, "--class", "dark"]).ok();
}

#[test]
fn images_of_another_size_are_scored_where_the_model_takes_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let free = [
        "--set",
        "position=false",
        "--steps",
        "1",
        "--crop",
        "12x12",
        "--run",
        "run",
    ];
    ar(path, &tiny(&free)).ok();
    write_png(&path.join("in.png"), 28, 28, &slope(3));
    let dims = |more: &[&str]| {
        let all = ["score", "run", "in.png", "--json", "--map", "m", "--force"];
        let report = ar(path, &[&all[..], more].concat()).ok().json();
        let (nats, bits) = (
            numbers(&report, "nats")[0],
            numbers(&report, "bits_per_dim")[0],
        );
        (nats / bits / std::f64::consts::LN_2).round()
    };
    assert_eq!((dims(&[]), dims(&["--full-size"])), (144.0, 784.0));
    assert_eq!(dims(&["--background", "run", "--full-size"]), 784.0);
    ar(
        path,
        &["sample", "run", "--size", "9x14", "-n", "2", "-o", "s.npy"],
    )
    .ok();
    assert_eq!(read_npy(&path.join("s.npy")).0, [2, 1, 9, 14]);
    let mixed = [
        "score",
        "run",
        "--full-size",
        "in.png",
        "--against",
        "s.npy",
    ];
    ar(path, &mixed).refused(&["--against s.npy", "9x14", "28x28"]);
    ar(path, &["score", "run", "--full-size", "in.png", "s.npy"]).refused(&["s.npy", "one size"]);
}

#[test]
fn recordings_are_scored_whole_and_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let with = |line: &str| ar(path, &line.split_whitespace().collect::<Vec<_>>());
    let model = "--set hidden=4 --set skip=4 --set stacks=1 --set embedding=2 --steps 1";
    let tones = "train wavenet --data tones --set tones=30 --crop 300 --batch-size 2";
    with(&format!("{tones} {model} --set max_dilation=4 --run run")).ok();
    with(&format!(
        "{tones} {model} --set max_dilation=1 --run shallow"
    ))
    .ok();
    let drawn = with("sample run --seconds 0.1 -n 2 -o in.wav --json")
        .ok()
        .json();
    let one = "score run in-2.wav in-1.wav --json --map maps";
    let report = with(one).ok().json();
    assert_eq!(files(&report), ["in-2.wav", "in-1.wav"]);
    for (nats, i) in numbers(&report, "nats").into_iter().zip([1, 0]) {
        let expected = drawn["nats"][i].as_f64().unwrap();
        assert!(
            (nats - expected).abs() < 1e-3 * expected,
            "{nats} {expected}"
        );
    }
    assert_eq!(report["map"]["unit"], "bits/sample");
    assert!(report["map"]["max"].as_f64().unwrap() > 1.0);
    assert!(read_png(&path.join("maps/in-1.png")).1 > 250);

    // A background that looks less far back, and sets of recordings of any length.
    let ratio = with("score run . --background shallow --against tones --limit 2 --json");
    let ratio = ratio.ok().json();
    assert_eq!(
        (entries(&ratio).len(), &ratio["against_images"]),
        (2, &2.into())
    );
    with("eval run --per-image e.csv --limit 2").ok();
    let tested = with("score run --test 2 --json").ok().json();
    let csv = std::fs::read_to_string(path.join("e.csv")).unwrap();
    for (row, nats) in csv.lines().skip(1).zip(numbers(&tested, "nats")) {
        let expected: f64 = row.split(',').nth(2).unwrap().parse().unwrap();
        assert!((nats - expected).abs() < 1e-6 * expected);
    }
    write_png(&path.join("a.png"), 28, 28, &slope(0));
    with("score run a.png").refused(&["a.png", "WAV"]);
    with("score run --test 1 --against a.png").refused(&["--against a.png", "sound"]);
    with(&format!("score {} in-1.wav", run_path())).ended(1, &["in-1.wav"]);
    is_whole(&path.join("maps/in-2.png"));
}

fn is_whole(picture: &Path) {
    assert!(!read_png(picture).2.is_empty());
}
