//! What data are taken for: their levels, axes, numbers and sizes.

use std::path::Path;

use crate::common::{Ran, ar, read_npy, read_png, write_npy, write_png};

const SMALL: &[&str] = &[
    "train",
    "pixelcnn",
    "--steps",
    "2",
    "--batch-size",
    "8",
    "--set",
    "hidden=4",
    "--set",
    "blocks=1",
    "--set",
    "first_kernel=3",
    "--run",
    "run",
];

fn train(folder: &Path, more: &[&str]) -> Ran {
    ar(folder, &[SMALL, more].concat())
}

fn show(folder: &Path, more: &[&str]) -> Ran {
    ar(folder, &[&["data", "show"], more, &["--json"]].concat())
}

/// Forty images of 6x5 pixels with values from 0 to 4.
fn few_levels(path: &Path) {
    let values: Vec<u8> = (0..40 * 30u32).map(|i| (i * 7 / 3 % 5) as u8).collect();
    write_npy(path, "|u1", &[40, 6, 5], &values);
}

#[test]
fn small_whole_numbers_are_not_all_black() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    few_levels(&path.join("a.npy"));
    let shown = show(path, &["a.npy"]).ok().json();
    assert_eq!(
        (&shown["native_levels"], &shown["levels"]),
        (&5.into(), &5.into())
    );
    assert!(
        shown["native_from"]
            .as_str()
            .unwrap()
            .contains("largest value is 4")
    );
    let trained = train(path, &["--data", "a.npy", "--levels", "5"]).ok();
    assert!(trained.stderr.contains("5 levels of 5"), "{trained:#?}");
    ar(path, &["sample", "run", "-n", "20", "-o", "s.npy"]).ok();
    let (_, levels) = read_npy(&path.join("s.npy"));
    assert!(
        levels.iter().max() > Some(&1),
        "nothing but black was learned"
    );

    // Taken as 256 levels they would all become the same.
    let black = ["--native-levels", "256", "--levels", "5"];
    show(path, &[&["a.npy"], &black[..]].concat()).refused(&[
        "the same of 5 levels",
        "256 native levels",
        "--native-levels",
    ]);
    show(path, &["a.npy", "--native-levels", "4"]).refused(&["a.npy", "4", "--native-levels"]);
    let wider = show(path, &["a.npy", "--native-levels", "8"]).ok().json();
    assert_eq!(wider["native_levels"], 8);
}

#[test]
fn a_mask_of_zeros_and_ones_is_no_black_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("masks")).unwrap();
    for i in 0..20u8 {
        let pixels: Vec<u8> = (0..30).map(|j| u8::from((i + j) % 3 == 0)).collect();
        write_png(&path.join(format!("masks/{i:02}.png")), 5, 6, &pixels);
    }
    let shown = show(path, &["masks", "--levels", "2", "-o", "m.png"])
        .ok()
        .json();
    assert_eq!(shown["native_levels"], 2);
    let (_, _, pixels) = read_png(&path.join("m.png"));
    assert!(pixels.contains(&255) && pixels.contains(&0));
}

#[test]
fn channels_that_come_last_are_seen() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let values: Vec<u8> = (0..20 * 7 * 5 * 3u32).map(|i| (i % 256) as u8).collect();
    write_npy(&path.join("a.npy"), "|u1", &[20, 7, 5, 3], &values);
    show(path, &["a.npy"]).ended(1, &["a.npy", "--layout nhwc", "--layout nchw"]);
    let last = show(path, &["a.npy", "--layout", "nhwc"]).ok().json();
    assert_eq!(last["shape"], serde_json::json!([3, 7, 5]));
    let first = show(path, &["a.npy", "--layout", "nchw"]).ok().json();
    assert_eq!(first["shape"], serde_json::json!([7, 5, 3]));
    show(path, &["a.npy", "--layout", "hwc"]).refused(&["--layout", "nhwc"]);
    train(path, &["--data", "a.npy", "--layout", "nhwc"]).ok();
    // The run knows.
    let again = ar(path, &["eval", "run", "--json"]).ok().json();
    assert_eq!(again["images"], 2);
}

#[test]
fn floats_are_taken_where_they_are_levels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let array = |name: &str, value: &dyn Fn(u32) -> f32| {
        let bytes: Vec<u8> = (0..20 * 12).flat_map(|i| value(i).to_le_bytes()).collect();
        write_npy(&path.join(name), "<f4", &[20, 12], &bytes);
    };
    array("binary.npy", &|i| (i % 3 % 2) as f32);
    let shown = show(path, &["binary.npy"]).ok().json();
    assert_eq!(
        (&shown["native_levels"], &shown["train"]),
        (&2.into(), &17.into())
    );
    array("scaled.npy", &|i| (i % 5) as f32 / 4.0);
    show(path, &["scaled.npy"]).ended(1, &["scaled.npy", "0.25", "--data-range"]);
    let scaled = show(path, &["scaled.npy", "--data-range", "0..1"])
        .ok()
        .json();
    assert_eq!(scaled["native_levels"], 256);
    array("signed.npy", &|i| (i % 3) as f32 - 1.0);
    let signed = show(path, &["signed.npy", "--data-range", "-1..1"])
        .ok()
        .json();
    assert_eq!(signed["native_levels"], 256);
    show(path, &["signed.npy", "--data-range", "1..0"]).refused(&["--data-range"]);
    array("broken.npy", &|i| if i == 7 { f32::NAN } else { 1.0 });
    show(path, &["broken.npy"]).ended(1, &["broken.npy", "NaN"]);
}

#[test]
fn pictures_of_different_sizes_are_made_to_fit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("pictures")).unwrap();
    for i in 0..24u32 {
        let (width, height) = (9 + i % 4, 8 + i % 5);
        let pixels: Vec<u8> = (0..width * height * 3)
            .map(|j| (i * 9 + j % 40) as u8)
            .collect();
        write_png(
            &path.join(format!("pictures/{i:02}.png")),
            width,
            height,
            &pixels,
        );
    }
    show(path, &["pictures"]).ended(1, &["pictures/", "--resize", "--crop"]);
    let resized = show(path, &["pictures", "--resize", "6x7"]).ok().json();
    assert_eq!(resized["shape"], serde_json::json!([3, 6, 7]));
    assert!(
        resized["source"].as_str().unwrap().contains("6x7"),
        "{resized}"
    );
    show(path, &["pictures", "--crop", "9x9"]).refused(&["pictures/", "9x9"]);
    show(path, &["pictures", "--resize", "6"]).refused(&["--resize", "such as 64x64"]);

    let trained = train(
        path,
        &["--data", "pictures", "--crop", "8x8", "--levels", "4"],
    )
    .ok();
    assert!(trained.stderr.contains("3x8x8"), "{trained:#?}");
    let text = std::fs::read_to_string(path.join("run/config.toml")).unwrap();
    assert!(text.contains("crop = \"8x8\""), "{text}");
    let scored = ar(path, &["eval", "run", "--json"]).ok();
    assert!(!scored.stderr.contains("not the data"), "{scored:#?}");
    assert_eq!(
        scored.json()["nats_per_image"],
        ar(path, &["eval", "run", "--json"]).ok().json()["nats_per_image"]
    );
    ar(path, &["train", "--run", "run", "--resume", "--steps", "4"]).ok();
    let complete = [
        "complete",
        "run",
        "--keep-rows",
        "3",
        "--input",
        "pictures/03.png",
    ];
    ar(path, &complete).ok();
}

#[test]
fn how_a_runs_own_arrays_are_laid_out_says_nothing_of_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let floats: Vec<u8> = (0..20 * 36)
        .flat_map(|i: u32| ((i * 7 % 11) as f32 / 10.0).to_le_bytes())
        .collect();
    write_npy(&path.join("floats.npy"), "<f4", &[20, 6, 6], &floats);
    let range = [
        "--data",
        "floats.npy",
        "--data-range",
        "0..1",
        "--levels",
        "4",
    ];
    train(path, &range).ok();
    ar(path, &["sample", "run", "-n", "20", "-o", "s.npy"]).ok();
    let own = ["eval", "run", "--split", "train", "--json"];
    let theirs = ar(path, &[&own[..], &["--data", "s.npy"]].concat())
        .ok()
        .json();
    assert_eq!(theirs["levels"], 4);
    assert_eq!(ar(path, &own).ok().json()["images"], 17);
    let complete = ["complete", "run", "--keep-rows", "2", "--input"];
    ar(path, &[&complete[..], &["s.npy"]].concat()).ok();
    ar(
        path,
        &[&complete[..], &["floats.npy", "-o", "f.png"]].concat(),
    )
    .ok();
}

#[test]
fn a_runs_own_array_is_scored_as_it_was_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let values: Vec<u8> = (0..40 * 30u32).map(|i| (i * 5 % 21) as u8).collect();
    write_npy(&path.join("a.npy"), "|u1", &[40, 6, 5], &values);
    let coarse = [
        "--data",
        "a.npy",
        "--native-levels",
        "256",
        "--levels",
        "32",
        "--json",
    ];
    let trained = train(path, &coarse).ok().json();
    let scored = ar(path, &["eval", "run", "--json"]).ok().json();
    let (then, now) = (
        &trained["test"]["nats_per_image"],
        &scored["nats_per_image"],
    );
    let differ = (then.as_f64().unwrap() - now.as_f64().unwrap()).abs();
    assert!(differ < 1e-3, "{then} {now}");
}
