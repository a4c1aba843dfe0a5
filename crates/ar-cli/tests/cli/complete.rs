use std::path::Path;

use crate::common::{ar, has_keys, read_npy, read_png, run_path, tiny, write_png};

fn picture(folder: &Path) -> Vec<u8> {
    let pixels: Vec<u8> = (0..784).map(|i| (i * 5 % 256) as u8).collect();
    write_png(&folder.join("in.png"), 28, 28, &pixels);
    pixels
}

#[test]
fn kept_rows_stay_and_the_rest_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pixels = picture(path);
    let complete = [
        "complete",
        run_path(),
        "--input",
        "in.png",
        "--keep-rows",
        "10",
        "-n",
        "3",
        "--json",
    ];
    let report = ar(path, &[&complete[..], &["-o", "out.npy"]].concat())
        .ok()
        .json();
    has_keys(&report, "images inputs seconds file order hole_nats");
    assert_eq!(report["order"], "raster");
    assert!(report["hole_nats"][0].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&report["images"], &report["inputs"]),
        (&3.into(), &1.into())
    );
    let (shape, levels) = read_npy(&path.join("out.npy"));
    assert_eq!(shape, [3, 1, 28, 28]);
    let given: Vec<u8> = pixels[..280].iter().map(|v| v / 64).collect();
    for completion in levels.chunks(784) {
        assert_eq!(completion[..280], given);
    }
    assert_ne!(levels[..784], levels[784..1568]);

    ar(path, &[&complete[..], &["-o", "out.png"]].concat()).ok();
    let (width, height, _) = read_png(&path.join("out.png"));
    assert!(
        width > 5 * 56 && height >= 56,
        "original, given part and three completions: {width}x{height}"
    );
}

#[test]
fn a_mask_keeps_what_is_not_black() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pixels = picture(path);
    let mask: Vec<u8> = (0..784)
        .map(|p| if p % 28 < 14 { 0 } else { 1 + (p % 200) as u8 })
        .collect();
    write_png(&path.join("mask.png"), 28, 28, &mask);
    ar(
        path,
        &[
            "complete",
            run_path(),
            "--input",
            "in.png",
            "--mask",
            "mask.png",
            "-n",
            "1",
            "-o",
            "out.npy",
        ],
    )
    .ok();
    let levels = read_npy(&path.join("out.npy")).1;
    let kept = |p: &usize| mask[*p] > 0;
    assert!((0..784).filter(kept).all(|p| levels[p] == pixels[p] / 64));
    assert!(
        (0..784)
            .filter(|p| !kept(p))
            .any(|p| levels[p] != pixels[p] / 64)
    );
}

#[test]
fn binary_runs_threshold_pictures_and_take_levels_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pixels = picture(path);
    let mut train = tiny(&["--steps", "1", "--run", "run", "--binarize", "fixed"]);
    train.retain(|arg| !["--levels", "4"].contains(arg));
    ar(path, &train).ok();
    let complete = ["complete", "run", "--keep-rows", "28", "-n", "1"];
    let ran = ar(
        path,
        &[&complete[..], &["--input", "in.png", "-o", "a.npy"]].concat(),
    )
    .ok();
    assert!(
        ran.stderr.contains("made binary at half the range"),
        "{ran:#?}"
    );
    let levels = read_npy(&path.join("a.npy")).1;
    assert!(
        levels
            .iter()
            .zip(&pixels)
            .all(|(level, pixel)| *level == pixel / 128)
    );
    let again = ar(
        path,
        &[&complete[..], &["--input", "a.npy", "-o", "b.npy"]].concat(),
    )
    .ok();
    assert!(!again.stderr.contains("made binary"));
    assert_eq!(levels, read_npy(&path.join("b.npy")).1);
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    picture(path);
    write_png(&path.join("small.png"), 27, 28, &[9; 27 * 28]);
    std::fs::write(path.join("empty.png"), b"").unwrap();
    let complete = |more: &[&str]| ar(path, &[&["complete", run_path()], more].concat());
    complete(&["--input", "in.png", "--mask", "small.png"]).refused(&[
        "small.png",
        "28x27",
        "28x28",
    ]);
    complete(&["--input", "in.png", "--keep-rows", "29"]).refused(&["--keep-rows 29", "28 rows"]);
    complete(&["--input", "in.png", "--keep-rows", "0"]).refused(&["--keep-rows"]);
    complete(&["--input", "in.png"]).refused(&["--keep-rows", "--mask"]);
    complete(&["--input", "in.png", "--keep-rows", "3", "--mask", "in.png"]).refused(&["--mask"]);
    complete(&["--keep-rows", "3"]).refused(&["--input"]);
    complete(&["--input", "small.png", "--keep-rows", "3"]).refused(&[
        "small.png",
        "1x28x27",
        "1x28x28",
    ]);
    complete(&["--input", "empty.png", "--keep-rows", "3"]).ended(1, &["empty.png"]);
    complete(&["--input", "no.png", "--keep-rows", "3"]).refused(&["--input no.png"]);
    complete(&["--input", "in.png", "--mask", "no.png"]).refused(&["--mask no.png"]);
    complete(&["--input", "in.png", "--keep-rows", "3", "-n", "0"]).refused(&["at least 1"]);
    complete(&[
        "--input",
        "in.png",
        "--keep-rows",
        "3",
        "-n",
        "9000000000000",
    ])
    .refused(&["-n: at most"]);
}

/// Of several orders `auto` takes one in which what is hidden comes last.
#[test]
fn a_hole_is_completed_in_the_order_that_leaves_it_for_last() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let orders = ["--set", "orders=2", "--steps", "1", "--run", "run"];
    ar(path, &tiny(&orders)).ok();
    let mut mask = vec![0u8; 784];
    mask[392..].fill(255); // the upper half is hidden
    write_png(&path.join("mask.png"), 28, 28, &mask);
    let complete = [
        "complete", "run", "--test", "3", "--mask", "mask.png", "-n", "1", "--json",
    ];
    let with = |more: &[&str]| ar(path, &[&complete[..], more].concat());
    let auto = with(&["--order", "auto"]).ok().json();
    assert_eq!(auto["order"], "raster+flip+mirror");
    let raster = with(&["--order", "raster"]).ok().json();
    assert_eq!(raster["order"], "raster");
    for report in [&auto, &raster] {
        let nats = report["hole_nats"].as_array().unwrap();
        assert!(nats.len() == 3 && nats.iter().all(|n| n.as_f64().unwrap() > 0.0));
    }
    let mixed = with(&[]).ok().json();
    assert!(mixed["order"].is_null() && mixed["hole_nats"][2].is_null());
    with(&["--order", "hilbert"]).refused(&["raster+flip+mirror"]);
    with(&["--order", "zigzag"]).refused(&["coarse-to-fine"]);
}
