//! Files and folders that are not what they should be; options are refused where they are tested.

use crate::common::{ar, tiny, trained, write_png};

#[test]
fn checkpoints_that_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let good = std::fs::read(trained().join("model.safetensors")).unwrap();
    let huge = [u64::MAX.to_le_bytes().as_slice(), b"{}"].concat();
    let cases: [(&str, &[u8]); 5] = [
        ("empty", b""),
        ("short", &good[..good.len() - 1]),
        ("header", &good[..100]),
        ("text", b"this is not a checkpoint, whatever its name says"),
        ("huge", &huge),
    ];
    for (name, bytes) in cases {
        let file = format!("{name}.safetensors");
        std::fs::write(path.join(&file), bytes).unwrap();
        ar(path, &["sample", &file]).ended(1, &["cannot open", &file]);
        ar(path, &["info", &file]).ended(1, &[&file]);
    }
    let state = trained().join("state.safetensors");
    ar(path, &["sample", state.to_str().unwrap()]).ended(1, &["training state"]);
    ar(path, &["sample", "nowhere"]).refused(&["no run nowhere"]);
    ar(path, &["eval", "."]).refused(&["not a run"]);
}

#[test]
fn a_checkpoint_of_another_model_or_shape() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let good = std::fs::read(trained().join("model.safetensors")).unwrap();
    // The header is JSON in JSON: quotes are escaped. Lengths stay as they are.
    let changed = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = good
            .windows(from.len())
            .position(|part| part == from.as_bytes())
            .expect(from);
        let mut bytes = good.clone();
        bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        std::fs::write(path.join("other.safetensors"), bytes).unwrap();
        ar(path, &["sample", "other.safetensors"])
    };
    changed(r#"\"pixelcnn\""#, r#"\"pixelsnn\""#).ended(1, &["other.safetensors", "pixelsnn"]);
    changed(r#"\"hidden\":4"#, r#"\"hidden\":5"#).ended(1, &["other.safetensors", "shape"]);
    changed(r#"\"blocks\":1"#, r#"\"blocks\":2"#).ended(1, &["other.safetensors", "missing"]);
}

#[test]
fn data_that_cannot_be_trained_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let train = |data: &str| ar(path, &["train", "pixelcnn", "--steps", "1", "--data", data]);
    std::fs::write(
        path.join("huge-idx3-ubyte"),
        [0, 0, 8, 3, 255, 255, 255, 255, 0, 0, 0, 28, 0, 0, 0, 28],
    )
    .unwrap();
    train("huge-idx3-ubyte").ended(1, &["huge-idx3-ubyte"]);
    std::fs::write(path.join("text.npy"), b"\x93NUMPY\x01\x00\xff\xff nonsense").unwrap();
    train("text.npy").ended(1, &["text.npy"]);
    std::fs::create_dir(path.join("nothing")).unwrap();
    train("nothing").ended(1, &["nothing"]);
    std::fs::create_dir(path.join("mixed")).unwrap();
    write_png(&path.join("mixed/a.png"), 3, 3, &[1; 9]);
    write_png(&path.join("mixed/b.png"), 4, 3, &[1; 12]);
    train("mixed").ended(1, &["a.png", "b.png", "--resize"]);
    train("nowhere").refused(&["nowhere", "no such file"]);
    train("digitz").refused(&["digitz", "did you mean digits?"]);
    let offline = [
        "train",
        "pixelcnn",
        "--data",
        "mnist",
        "--set",
        "download=false",
    ];
    ar(path, &offline).ended(1, &["mnist", "train-images-idx3-ubyte"]);
    assert!(!path.join("runs").exists(), "nothing was begun");
}

#[test]
fn options_of_train_out_of_range() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let train = |more: &[&str]| ar(path, &tiny(more));
    train(&["--steps", "0"]).refused(&["--steps", "at least 1"]);
    train(&["--steps", "-5"]).refused(&["--steps", "at least 1"]);
    train(&["--minutes", "nan"]).refused(&["--minutes", "positive"]);
    train(&["--lr", "0"]).refused(&["--lr", "positive"]);
    train(&["--device", "cuda:x"]).refused(&["--device"]);
    train(&["--binarize", "fixed"]).refused(&["--levels 4 contradicts --binarize"]);
    train(&["--binarize", "often"]).refused(&["--binarize", "threshold"]);
    let levels = |k: &str| {
        ar(
            path,
            &[
                "train",
                "pixelcnn",
                "--data",
                "digits",
                "--set",
                "digits=20",
                "--levels",
                k,
            ],
        )
    };
    levels("1").refused(&["--levels", "at least 2"]);
    levels("300").refused(&["levels", "256", "300"]);
    if !cfg!(feature = "metal") {
        train(&["--device", "metal"]).refused(&["--features metal"]);
    }
    std::fs::write(path.join("file"), b"").unwrap();
    train(&["--steps", "1", "--run", "file/run"]).ended(1, &["file/run"]);
    train(&["--steps", "1", "--run", "file"]).refused(&["--run file", "it is a file"]);
}
