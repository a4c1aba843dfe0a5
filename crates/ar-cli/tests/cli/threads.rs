use std::path::Path;

use assert_cmd::Command;

use crate::common::PROGRAM;

/// Trains and samples with so many threads; the bytes of the weights and of what was drawn.
fn bytes(folder: &Path, model: &[&str], threads: &str) -> [Vec<u8>; 2] {
    let run = |args: &[&str]| {
        let mut command = Command::new(PROGRAM);
        command.current_dir(folder).env("XDG_CACHE_HOME", folder);
        command.env("RAYON_NUM_THREADS", threads).args(args);
        command.assert().success();
    };
    let data = "train --data digits --levels 4 --batch-size 20 --steps 3 --set digits=60 \
                --set data.test=20 --set data.validation=10 --run";
    let data: Vec<&str> = data.split_whitespace().collect();
    run(&[&data[..], &[threads], model].concat());
    let drawn = format!("{threads}.npy");
    run(&["sample", threads, "-n", "5", "-o", &drawn]);
    [format!("{threads}/model.safetensors"), drawn].map(|f| std::fs::read(folder.join(f)).unwrap())
}

/// Each of another way to compute: weights in a staircase, gemm, convolutions, recurrences, attention.
#[test]
fn as_many_threads_as_there_are_change_no_byte() {
    for model in [
        "made --set hidden=[300]",
        "pixelcnn --set hidden=4 --set blocks=1",
        "pixelrnn --set hidden=4 --set layers=1",
        "imagegpt --set embed=8 --set heads=2 --set layers=1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let model: Vec<&str> = model.split_whitespace().collect();
        let of = |threads| bytes(folder.path(), &model, threads);
        let one = of("1");
        for more in ["2", "3"] {
            assert!(of(more) == one, "{model:?} with {more} threads");
        }
    }
}
