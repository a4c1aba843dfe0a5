use serde_json::Value;

use crate::common::{ar, colour_pictures, has_keys, read_png, run_path, tiny};

#[test]
fn models_and_runs_are_causal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let report = ar(path, &["check", run_path(), "--json"]).ok().json();
    has_keys(&report, "causal positions leaks receptive_field undeclared");
    assert_eq!(
        (&report["causal"], &report["positions"]),
        (&true.into(), &784.into())
    );
    assert!(report["leaks"].as_array().unwrap().is_empty());
    let small = [
        "--shape", "3x5x4", "--levels", "6", "--set", "hidden=6", "--set", "blocks=2",
    ];
    let said = ar(path, &[&["check", "pixelcnn"], &small[..]].concat())
        .ok()
        .stdout;
    assert!(
        said.contains("pixelcnn is causal: 60 values changed") && said.contains("receptive field"),
        "{said}"
    );
}

#[test]
fn info_tells_configuration_and_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let model = ar(
        path,
        &[
            "info", "pixelcnn", "--set", "hidden=8", "--json", "--draw", "book",
        ],
    )
    .ok()
    .json();
    assert_eq!(
        (&model["name"], &model["config"]["hidden"]),
        (&"pixelcnn".into(), &8.into())
    );
    let tensors = model["tensors"].as_array().unwrap();
    let size = |tensor: &serde_json::Value| {
        tensor["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|n| n.as_u64().unwrap())
            .product::<u64>()
    };
    assert_eq!(model["parameters"], tensors.iter().map(size).sum::<u64>());
    for picture in ["mask-a", "mask-b", "receptive-field"] {
        assert!(read_png(&path.join(format!("book/pixelcnn-{picture}.png"))).0 > 50);
    }
    assert!(read_png(&path.join("book/order.png")).0 > 50);
    let said = ar(path, &["info", run_path()]).ok().stdout;
    for words in [
        "trained: 3 steps on built-in digits",
        "hidden = 4",
        "kernel = 3",
        "1601.06759",
        "test: ",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let run = ar(path, &["info", run_path(), "--json"]).ok().json();
    assert_eq!(
        (&run["run"]["steps"], &run["run"]["data"]["name"]),
        (&3.into(), &"digits".into())
    );
}

#[test]
fn a_pixel_has_a_distribution_given_what_comes_before_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let info = |more: &[&str]| ar(path, &[&["info", run_path()], more].concat());
    let one = info(&["--position", "14,9", "--json"]).ok().json();
    has_keys(
        &one,
        "position channel step level probabilities nats entropy mean",
    );
    assert_eq!(one["step"], 14 * 28 + 9);
    let probabilities = |told: &Value| -> Vec<f64> {
        serde_json::from_value(told["probabilities"].clone()).unwrap()
    };
    let table = probabilities(&one);
    assert!(table.len() == 4 && (table.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    let own = table[one["level"].as_u64().unwrap() as usize];
    assert!((one["nats"].as_f64().unwrap() + own.ln()).abs() < 1e-9);
    let same = info(&["--position", "14,9", "--test", "0", "--json"]).ok();
    assert_eq!(same.json(), one);

    // The first pixel is given nothing, so all images have the same there.
    ar(path, &["sample", run_path(), "-n", "1", "-o", "a.npy"]).ok();
    let first = |more: &[&str]| {
        let told = info(&[&["--position", "0,0", "--json"], more].concat());
        probabilities(&told.ok().json())
    };
    assert_eq!(first(&["--input", "a.npy"]), first(&["--test", "7"]));
    let said = info(&["--position", "14,9"]).ok().stdout;
    for words in ["step 402 of 784", "█", "^", "the image's own level"] {
        assert!(said.contains(words), "{words}: {said}");
    }

    let refused = |more: &[&str], words: &[&str]| info(more).refused(words);
    refused(&["--position", "28,0"], &["--position 28,0", "28x28"]);
    refused(&["--position", "14"], &["--position", "row and column"]);
    refused(
        &["--position", "0,0", "--channel", "1"],
        &["--channel 1", "1 channel,"],
    );
    refused(
        &["--position", "0,0", "--test", "20"],
        &["--test 20", "20 test images"],
    );
    refused(
        &["--position", "0,0", "--input", "b.npy"],
        &["--input b.npy"],
    );
    refused(
        &["--position", "0,0", "--class", "1"],
        &["--class 1", "--conditional"],
    );
    refused(&["--position", "0,0", "--draw", "d"], &["--draw"]);
    refused(&["--test", "0"], &["--position"]);
    ar(path, &["info", "pixelcnn", "--position", "0,0"]).refused(&["--position", "untrained"]);
}

#[test]
fn a_pixel_of_colour_has_a_distribution_for_each_channel_as_long_as_there_is_an_image() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    colour_pictures(&path.join("pictures"), 24);
    let mut train = tiny(&["--steps", "1", "--run", "run"]);
    train[3] = "pictures";
    ar(path, &train).ok();
    let info = |more: &[&str]| {
        ar(
            path,
            &[&["info", "run", "--position", "4,5", "--json"], more].concat(),
        )
    };
    let blue = info(&["--channel", "2"]).ok().json();
    assert_eq!((&blue["channel"], &blue["step"]), (&2.into(), &89.into()));
    std::fs::rename(path.join("pictures"), path.join("moved")).unwrap();
    info(&[]).refused(&["--input"]);
    info(&["--input", "moved/003.png"]).ok();
}

#[test]
fn what_is_neither_model_nor_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for command in ["check", "info"] {
        ar(path, &[command, "pixelsnn"]).refused(&["pixelsnn", "pixelcnn-plain"]);
        ar(path, &[command, run_path(), "--set", "hidden=8"]).refused(&["--set", "untrained"]);
        ar(path, &[command, "pixelcnn", "--shape", "1x0x4"]).refused(&["--shape", "3x32x32"]);
        ar(path, &[command, "pixelcnn", "--set", "hidden=0"]).refused(&["hidden", "at least 1"]);
        let draw = if command == "info" {
            &["--draw", "d"][..]
        } else {
            &[]
        };
        let large = [command, "pixelcnn", "--shape", "1x600x600", "--levels", "2"];
        ar(path, &[&large, draw].concat()).refused(&["360000 values", "too large"]);
        ar(path, &[command, "pixelcnn", "--levels", "1"]).refused(&["--levels", "at least 2"]);
    }
}

#[test]
fn what_check_and_info_cannot_look_at_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let info = |more: &[&str]| ar(path, &[&["info", "pixelcnn"], more].concat());
    info(&["--set", "steps=10"]).refused(&["--set", "train.steps"]);
    info(&["--levels", "8", "--binarize", "fixed"]).refused(&["--levels 8", "--binarize"]);
    info(&["--palette", "8", "--levels", "4", "--shape", "3x4x4"]).refused(&["--palette 8"]);
    crate::common::colour_pictures(&path.join("unlabelled"), 12);
    let check = ["check", "conditional-pixelcnn", "--data", "unlabelled"];
    ar(path, &check).refused(&["no labels"]);
}
