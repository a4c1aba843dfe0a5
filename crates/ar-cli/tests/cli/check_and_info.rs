use crate::common::{ar, has_keys, read_png, run_path};

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
        let large = [command, "pixelcnn", "--shape", "1x300x300", "--levels", "2"];
        ar(path, &[&large, draw].concat()).ended(1, &["90000 values", "too large"]);
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
