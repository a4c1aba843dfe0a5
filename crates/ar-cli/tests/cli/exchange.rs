//! Weights from and to PyTorch.

use std::path::Path;

use crate::common::{ar, has_keys};

/// The mapping of the book, between `PixelCnn` of `xtask/torch_peers.py` and ours.
const MAP: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../docs/examples/pytorch-pixelcnn.toml"
);
/// PyTorch's state of a small one, with its images and their likelihoods.
const TWIN: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/twin/pixelcnn.safetensors"
);

/// Makes the run `run` of the weights in `file`.
fn import_file(folder: &Path, file: &str, run: &str, more: &[&str]) -> crate::common::Ran {
    let args = [
        "import",
        "pixelcnn",
        "--weights",
        file,
        "--run",
        run,
        "--data",
        "digits",
        "--levels",
        "256",
    ];
    let set = ["digits=20", "hidden=4", "blocks=2", "position=false"];
    let set = set.iter().flat_map(|field| ["--set", *field]);
    ar(
        folder,
        &args
            .into_iter()
            .chain(set)
            .chain(more.iter().copied())
            .collect::<Vec<_>>(),
    )
}

fn import(folder: &Path, more: &[&str]) -> crate::common::Ran {
    import_file(folder, TWIN, "run", more)
}

#[test]
fn pytorch_weights_score_as_pytorch_scores() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let ran = import(path, &["--map", MAP, "--json"]).ok().json();
    has_keys(&ran, "run tensors parameters");

    // Its own images, and the nats per image that it gave them.
    let bytes = std::fs::read(TWIN.replace("pixelcnn.", "images.")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let images = file.tensor("levels").unwrap().data().to_vec();
    let nats: Vec<f32> = file
        .tensor("nats")
        .unwrap()
        .data()
        .as_chunks()
        .0
        .iter()
        .map(|&b| f32::from_le_bytes(b))
        .collect();
    crate::common::write_npy(&path.join("x.npy"), "|u1", &[nats.len(), 28, 28], &images);
    let score = [
        "eval",
        "run",
        "--data",
        "x.npy",
        "--split",
        "train",
        "--per-image",
        "n.csv",
        "--json",
    ];
    ar(path, &score).ok();
    let csv = std::fs::read_to_string(path.join("n.csv")).unwrap();
    let mut ours: Vec<f64> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').nth(2).unwrap().parse().unwrap())
        .collect();
    // The file's images in their order, but for those held out.
    let mut theirs: Vec<f64> = nats.iter().map(|&n| f64::from(n)).collect();
    ours.sort_by(f64::total_cmp);
    theirs.sort_by(f64::total_cmp);
    for own in &ours {
        let near = theirs
            .iter()
            .any(|other| (own - other).abs() < 1e-4 * other);
        assert!(near, "{own} is none of {theirs:?}");
    }
    assert_eq!((ours.len(), theirs.len()), (17, 20));
}

#[test]
fn what_goes_out_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    import(path, &["--map", MAP]).ok();
    ar(
        path,
        &["export", "run", "--map", MAP, "-o", "out.safetensors"],
    )
    .ok();
    let tensors = |file: &Path| {
        let bytes = std::fs::read(file).unwrap();
        let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        let mut all: Vec<_> = file
            .tensors()
            .into_iter()
            .filter(|(name, _)| !name.ends_with("mask"))
            .map(|(name, view)| (name, view.shape().to_vec(), view.data().len()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(
        tensors(Path::new(TWIN)),
        tensors(&path.join("out.safetensors"))
    );
    // Dead taps are zero there and whatever they were here: the network is the same.
    import_file(path, "out.safetensors", "again", &["--map", MAP]).ok();
    let read = |run: &str| std::fs::read(path.join(run).join("model.safetensors")).unwrap();
    assert!(read("run") == read("again"));
    // And training goes on from there.
    ar(path, &["train", "--run", "run", "--resume", "--steps", "1"]).ok();
    let info = ar(path, &["info", "run", "--json"]).ok().json();
    assert_eq!(info["run"]["sessions"][0]["command"][1], "import");
    assert_eq!(info["run"]["sessions"][1]["command"][1], "train");
}

#[test]
fn what_does_not_fit_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    import(path, &[]).ended(1, &["blocks.0.0.weight", "its shape"]);
    import(path, &["--map", "no.toml"]).refused(&["--map no.toml"]);
    std::fs::write(
        path.join("m.toml"),
        "[[weights]]\nours = '*.*.*'\ntheirs = '*'\n",
    )
    .unwrap();
    import(path, &["--map", "m.toml"]).refused(&["m.toml", "at most one star"]);
    std::fs::write(
        path.join("m.toml"),
        "[[weights]]\nours = '*'\ntheirs = '*'\nkernel = [3, 3]\n",
    )
    .unwrap();
    import(path, &["--map", "m.toml"]).refused(&["m.toml", "layout = \"conv\""]);
    let text = std::fs::read_to_string(MAP).unwrap();
    std::fs::write(path.join("m.toml"), text.replace("ignore", "#")).unwrap();
    import(path, &["--map", "m.toml"]).ended(1, &["mask", "ignore"]);
    import(path, &["--map", MAP, "--set", "blocks=3"]).ended(1, &["blocks.2", "the file has no"]);
    import(path, &["--map", MAP, "--set", "first_kernel=3"])
        .ended(1, &["first.weight", "[4, 1, 8]"]);
    assert!(!path.join("run").exists(), "nothing was begun");
}
