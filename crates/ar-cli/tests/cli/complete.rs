use std::fs::write;
use std::path::Path;

use crate::common::{ar, backwards, has_keys, read_npy, read_png, run_path, tiny, write_png};

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
        "28x27",
        "tied to images of 28x28",
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

/// A folder of masks beside a folder of pictures: each image has its own hole, and its own order.
#[test]
fn every_image_has_its_own_mask() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let orders = ["--set", "orders=2", "--steps", "1", "--run", "run"];
    ar(path, &tiny(&orders)).ok();
    for of in ["images", "masks"] {
        std::fs::create_dir(path.join(of)).unwrap();
    }
    let pixels: Vec<u8> = (0..784).map(|i| (i * 5 % 256) as u8).collect();
    let upper: Vec<u8> = (0..784).map(|p| if p < 392 { 0 } else { 255 }).collect();
    let lower: Vec<u8> = upper.iter().map(|v| 255 - v).collect();
    for name in ["a", "b"] {
        write_png(&path.join(format!("images/{name}.png")), 28, 28, &pixels);
    }
    write_png(&path.join("masks/a.png"), 28, 28, &upper);
    let complete = [
        "complete", "run", "--mask", "masks", "-n", "2", "--json", "--order", "auto", "-o",
        "out.npy", "--force",
    ];
    let with = |more: &[&str]| ar(path, &[&complete[..], more].concat());
    with(&["--input", "images"]).refused(&["no mask for", "b.png"]);
    with(&["--test", "2"]).refused(&["1 mask for 2 images"]);
    write_png(&path.join("masks/b.png"), 28, 28, &lower);
    let report = with(&["--input", "images"]).ok().json();
    let own: Vec<&str> = report["order"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o.as_str().unwrap())
        .collect();
    assert_eq!(own, ["raster+flip+mirror", "raster"]);
    let levels = read_npy(&path.join("out.npy")).1;
    for (i, completion) in levels.chunks(784).enumerate() {
        let mask = if i < 2 { &upper } else { &lower };
        let kept = (0..784).filter(|&p| mask[p] > 0);
        assert!(kept.clone().all(|p| completion[p] == pixels[p] / 64));
        assert!((0..784).any(|p| mask[p] == 0 && completion[p] != pixels[p] / 64));
    }
    // In the order of their names, where inputs are no files.
    with(&["--test", "2"]).ok();
    write_png(&path.join("images/c.png"), 27, 28, &[9; 27 * 28]);
    with(&["--input", "images"]).refused(&["c.png", "28x27", "one size"]);
}

/// A model trained in every order takes one in which all that is known comes first.
#[test]
fn a_model_of_every_order_is_given_all_that_is_known() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let arguments = [
        "train",
        "masked-transformer",
        "--data",
        "digits",
        "--levels",
        "2",
        "--steps",
        "2",
        "--batch-size",
        "2",
        "--set",
        "every_order=true",
        "--set",
        "orders=1",
        "--set",
        "embed=8",
        "--set",
        "layers=1",
        "--set",
        "heads=2",
        "--run",
        "run",
    ];
    ar(path, &arguments).ok();
    let complete = [
        "complete",
        "run",
        "--test",
        "1",
        "--keep-rows",
        "25",
        "-n",
        "1",
        "--json",
        "--order",
    ];
    let with = |order: &str| ar(path, &[&complete[..], &[order]].concat());
    assert_eq!(with("auto").ok().json()["order"], "known-first");
    assert_eq!(with("spiral").ok().json()["order"], "spiral");
    write(path.join("order.txt"), backwards()).unwrap();
    let listed = &with("file:order.txt").ok().json()["order"];
    assert_eq!(listed, "pixels:783,782,781,780,..");
}

/// Weights without tables of positions take images as large as they are.
#[test]
fn images_of_another_size_than_the_model_was_trained_on() {
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
    let sample = ["sample", "run", "-n", "2", "--json", "--size"];
    let with = |size: &str| {
        ar(
            path,
            &[&sample[..], &[size, "-o", "out.npy", "--force"]].concat(),
        )
    };
    assert_eq!(with("9x14").ok().json()["passes"], 9 * 14);
    assert_eq!(read_npy(&path.join("out.npy")).0, [2, 1, 9, 14]);
    with("9").refused(&["--size", "64x64"]);
    let nats = |more: &[&str]| {
        let eval = ["eval", "run", "--limit", "2", "--json"];
        let report = ar(path, &[&eval[..], more].concat()).ok().json();
        report["nats_per_image"].as_f64().unwrap() / report["nats_per_dim"].as_f64().unwrap()
    };
    assert!((nats(&[]) - 144.0).abs() < 1e-6);
    assert!((nats(&["--full-size"]) - 784.0).abs() < 1e-6);
    picture(path);
    let complete = [
        "complete",
        "run",
        "--input",
        "in.png",
        "--keep-rows",
        "5",
        "-n",
        "1",
        "-o",
        "c.npy",
        "--force",
    ];
    ar(path, &complete).ok();
    assert_eq!(read_npy(&path.join("c.npy")).0, [1, 1, 12, 12]);
    ar(path, &[&complete[..], &["--full-size"]].concat()).ok();
    assert_eq!(read_npy(&path.join("c.npy")).0, [1, 1, 28, 28]);
    ar(
        path,
        &["sample", run_path(), "--size", "9x9", "-o", "no.png"],
    )
    .refused(&["--size 9x9", "tied to images of 28x28", "position=false"]);
}
