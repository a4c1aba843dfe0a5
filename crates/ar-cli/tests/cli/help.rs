use crate::common::ar;

#[test]
fn every_command_says_what_it_takes() {
    let folder = tempfile::tempdir().unwrap();
    let help = |command: &[&str], words: &[&str]| {
        let text = ar(folder.path(), &[command, &["--help"]].concat())
            .ok()
            .stdout;
        for word in words {
            assert!(
                text.contains(word),
                "{word:?} is not in the help of {command:?}:\n{text}"
            );
        }
    };
    help(
        &[],
        &[
            "train",
            "sample",
            "complete",
            "eval",
            "score",
            "classify",
            "check",
            "info",
            "data",
            "Exit codes",
        ],
    );
    let train = [
        "--data ",
        "--data-dir",
        "--levels",
        "--binarize",
        "--palette",
        "--conditional",
        "--patience",
        "--preset",
        "--epochs",
        "--steps",
        "--minutes",
        "--batch-size",
        "--lr",
        "--seed",
        "--device",
        "--config",
        "--set",
        "--run",
        "--resume",
        "--json",
    ];
    help(&["train"], &train);
    let sample = [
        "-n",
        "--class",
        "--temperature",
        "--top-k",
        "--top-p",
        "--seed",
        "--whole-pass",
        "--best-of",
        "-o",
        "--animate",
        "--json",
    ];
    help(&["sample"], &sample);
    help(
        &["complete"],
        &[
            "--input",
            "--test",
            "--keep-rows",
            "--mask",
            "--class",
            "-n",
            "-o",
            "--json",
        ],
    );
    help(
        &["eval"],
        &["--data", "--split", "--limit", "--per-image", "--json"],
    );
    help(
        &["score"],
        &[
            "--test",
            "--map",
            "--sort",
            "--csv",
            "--against",
            "--background",
            "--json",
        ],
    );
    help(
        &["classify"],
        &[
            "--data",
            "--split",
            "--limit",
            "--prior",
            "--progress",
            "--plot",
            "--json",
        ],
    );
    help(
        &["check"],
        &["MODEL|RUN", "--preset", "--classes", "--json"],
    );
    help(&["info"], &["MODEL|RUN", "--draw", "--position", "--json"]);
    help(&["data"], &["list", "show", "fetch"]);
    help(
        &["data", "show"],
        &["-o", "--levels", "--binarize", "--data-dir"],
    );
}

#[test]
fn no_command_and_unknown_ones_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    ar(folder.path(), &[]).refused(&["Usage"]);
    ar(folder.path(), &["paint"]).refused(&["paint"]);
    assert!(
        ar(folder.path(), &["--version"])
            .ok()
            .stdout
            .starts_with("ar-cli ")
    );
}
