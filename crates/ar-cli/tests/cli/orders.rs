//! Orders that a file lists.

use std::fs::{read_to_string, remove_file, write};

use crate::common::{ar, backwards, tiny};

#[test]
fn a_run_keeps_the_order_that_a_file_listed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write(path.join("order.txt"), backwards()).unwrap();
    let train = |order: &str, run: &str| {
        let order = format!("order=file:{order}");
        let steps = ["--steps", "1", "--set", &order, "--run", run];
        ar(path, &tiny(&steps))
    };
    train("order.txt+mirror", "run").ok();
    remove_file(path.join("order.txt")).unwrap();
    let config = read_to_string(path.join("run/config.toml")).unwrap();
    assert!(config.contains("order = \"pixels:783,782,781"), "{config}");
    assert!(config.contains(",1,0+mirror\""), "{config}");
    let sample = ["sample", "run", "-n", "1", "-o", "out.npy", "--json"];
    assert_eq!(ar(path, &sample).ok().json()["passes"], 784);
    ar(path, &["eval", "run", "--limit", "2"]).ok();
    ar(path, &["check", "run"]).ok();

    train("missing.txt", "no").refused(&["missing.txt", "No such file"]);
    for (listed, problem) in [
        ("0 1 1", "pixel 1 is there twice"),
        ("0, x", "\"x\" is no number of a pixel"),
        ("1\n0\n", "lists 2 pixels, an image has 784"),
    ] {
        write(path.join("bad.txt"), listed).unwrap();
        train("bad.txt", "no").refused(&["order", problem]);
    }
    assert!(!path.join("no").exists());
}
