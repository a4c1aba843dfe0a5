use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::common::{PROGRAM, ar, tiny};

fn model(folder: &Path, run: &str) -> Vec<u8> {
    std::fs::read(folder.join(run).join("model.safetensors")).unwrap()
}

/// Begins a run and gives it back when it has validated at `step`.
fn running_beyond(folder: &Path, args: &[&str], step: u64) -> Child {
    let mut child = Command::new(PROGRAM)
        .current_dir(folder)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begins = format!("step {step}: validation");
    let mut lines = BufReader::new(child.stderr.take().unwrap())
        .lines()
        .map_while(Result::ok);
    assert!(
        lines.any(|line| line.starts_with(&begins)),
        "it ended before step {step}"
    );
    // Somebody has to read on, or the program would write into a closed pipe.
    std::thread::spawn(move || lines.for_each(drop));
    child
}

#[test]
fn an_extended_run_equals_one_that_was_never_stopped() {
    for more in [&[][..], &MUON] {
        extended_equals_whole(more);
    }
}

const MUON: [&str; 4] = ["--set", "optimizer=muon", "--set", "hidden=16"];

fn extended_equals_whole(more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let train = |own: &[&str]| ar(path, &[&tiny(own)[..], more].concat());
    train(&["--steps", "6", "--run", "whole"]).ok();
    train(&["--steps", "3", "--run", "parts"]).ok();
    let result = ar(
        path,
        &[
            "train", "--run", "parts", "--resume", "--steps", "6", "--json",
        ],
    )
    .ok()
    .json();
    assert_eq!(result["steps"], 6);
    assert!(model(path, "whole") == model(path, "parts"));
    let again = train(&["--steps", "6", "--run", "parts", "--resume", "--json"])
        .ok()
        .json();
    assert_eq!(again["test"], result["test"]);
}

#[test]
fn a_killed_run_resumes_to_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let more = [
        "--steps",
        "240",
        "--set",
        "checkpoint_every=7",
        "--set",
        "validate_every=10",
        "--run",
    ];
    ar(path, &tiny(&[&more[..], &["whole"]].concat())).ok();

    let mut child = running_beyond(path, &tiny(&[&more[..], &["killed"]].concat()), 30);
    child.kill().unwrap();
    assert!(!child.wait().unwrap().success());
    assert!(
        model(path, "killed") != model(path, "whole"),
        "it was killed too late to prove anything"
    );

    let resumed = ar(path, &["train", "pixelcnn", "--run", "killed", "--resume"]).ok();
    assert!(resumed.stderr.contains("from step "), "{resumed:#?}");
    assert!(model(path, "killed") == model(path, "whole"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_saves_and_says_how_to_go_on() {
    use std::io::Read as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let args = tiny(&[
        "--steps",
        "100000",
        "--set",
        "validate_every=5",
        "--run",
        "run",
        "--json",
    ]);
    let mut child = running_beyond(path, &args, 5);
    assert!(
        Command::new("kill")
            .args(["-INT", &child.id().to_string()])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    let result: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert!(result["test"].is_null());
    let steps = result["steps"].as_u64().unwrap();
    let more = (steps + 2).to_string();
    let resumed = ar(
        path,
        &["train", "--run", "run", "--resume", "--steps", &more],
    )
    .ok();
    assert!(
        resumed.stderr.contains(&format!("from step {steps} ")),
        "{resumed:#?}"
    );
}

#[test]
fn what_contradicts_the_run_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(path, &tiny(&["--steps", "1", "--run", "run"])).ok();
    let resume = |more: &[&str]| {
        ar(
            path,
            &[&["train", "--run", "run", "--resume"], more].concat(),
        )
    };
    resume(&["--lr", "0.5"]).refused(&["train.learning_rate", "cannot change"]);
    resume(&["--set", "hidden=8"]).refused(&["model.hidden"]);
    resume(&["--levels", "8", "--seed", "3"]).refused(&["data.levels", "train.seed"]);
    resume(&[
        "--data",
        "auto",
        "--levels",
        "4",
        "--set",
        "checkpoint_every=9",
    ])
    .ok();
    ar(
        path,
        &["train", "pixelcnn-plain", "--run", "run", "--resume"],
    )
    .refused(&["trains pixelcnn"]);
    ar(path, &["train", "pixelcnn", "--resume"]).refused(&["--run"]);
    ar(path, &["train", "pixelcnn", "--run", "none", "--resume"]).refused(&["none", "no run"]);
    ar(path, &tiny(&["--steps", "1", "--run", "run"]))
        .refused(&["already holds a run", "--resume"]);
}

#[test]
fn data_that_have_moved_are_found_by_their_fingerprint() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let pictures = |name: &str, first: u8| {
        std::fs::create_dir(path.join(name)).unwrap();
        for i in 0..20u8 {
            let pixels = [first + i, 3 * i, 255, 0, 7, 9];
            crate::common::write_png(&path.join(format!("{name}/{i:02}.png")), 3, 2, &pixels);
        }
    };
    pictures("here", 1);
    pictures("others", 2);
    let train = [
        "train", "pixelcnn", "--data", "here", "--set", "hidden=4", "--set", "blocks=1", "--run",
        "run",
    ];
    ar(path, &[&train[..], &["--steps", "2"]].concat()).ok();
    std::fs::rename(path.join("here"), path.join("there")).unwrap();
    let resume = |more: &[&str]| {
        let args = ["train", "--run", "run", "--resume"];
        ar(path, &[&args[..], more].concat())
    };
    resume(&["--steps", "3"]).refused(&["have moved", "--data", "here"]);
    ar(path, &["eval", "run"]).refused(&["here"]);
    resume(&["--steps", "3", "--data", "others"]).ended(1, &["not the data", "fingerprints"]);
    resume(&["--steps", "3", "--data", "there"]).ok();
    ar(path, &["eval", "run"]).ok();
    resume(&["--steps", "4"]).ok();

    // The configuration file of the run says where they are, too.
    std::fs::rename(path.join("there"), path.join("elsewhere")).unwrap();
    let config = path.join("run/config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let edited = text.replace("/there", "/elsewhere");
    assert_ne!(text, edited);
    std::fs::write(&config, &edited).unwrap();
    ar(path, &["eval", "run"]).ok();
    resume(&["--steps", "5"]).ok();
    std::fs::write(&config, edited.replace("hidden = 4", "hidden = 8")).unwrap();
    resume(&["--steps", "6"]).refused(&["config.toml", "[model]"]);
    // What a cut file lacks would be replaced by defaults.
    let end = edited.find("weight_decay").unwrap();
    std::fs::write(&config, &edited[..end]).unwrap();
    resume(&["--steps", "6"]).ended(1, &["config.toml", "cut off", "weight_decay"]);
}

#[test]
fn a_limit_that_has_passed_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(path, &tiny(&["--steps", "4", "--run", "run"])).ok();
    let files = ["config.toml", "model.safetensors", "result.json"];
    let all = || files.map(|file| std::fs::read(path.join("run").join(file)).unwrap());
    let before = all();
    let resume = ["train", "--run", "run", "--resume", "--steps", "3"];
    ar(path, &resume).refused(&["steps", "4 steps already"]);
    assert!(before == all());
}
