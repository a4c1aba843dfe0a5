//! What one does around training: dry runs, records, curves elsewhere, completions, manual pages.

use crate::common::{ar, has_keys, run_path, tiny};

#[test]
fn a_dry_run_makes_nothing_and_says_everything() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let dry = ar(path, &tiny(&["--steps", "5000", "--dry-run", "--json"])).ok();
    let report = dry.json();
    has_keys(
        &report,
        "config parameters memory_bytes measured_steps seconds_per_step steps estimated_seconds",
    );
    assert_eq!(report["steps"], 5000);
    assert!(report["config"].as_str().unwrap().contains("hidden = 4"));
    let number = |name: &str| report[name].as_f64().unwrap();
    assert!(number("memory_bytes") > 1e6 && number("seconds_per_step") > 0.0);
    let expected = 5000.0 * number("seconds_per_step");
    assert!((number("estimated_seconds") - expected).abs() < 1e-6 * expected);
    assert!(
        dry.stderr
            .contains("learning rate 0.005 after 100 steps of warm-up"),
        "{dry:#?}"
    );
    let left: Vec<_> = std::fs::read_dir(path).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let timed = ar(path, &tiny(&["--minutes", "3", "--dry-run", "--json"]))
        .ok()
        .json();
    assert!(
        (timed["estimated_seconds"].as_f64().unwrap() - 180.0).abs() < 30.0,
        "{timed}"
    );
}

#[test]
fn a_run_records_how_it_was_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(
        path,
        &tiny(&["--steps", "2", "--run", "run", "--tensorboard"]),
    )
    .ok();
    ar(
        path,
        &[
            "train",
            "--run",
            "run",
            "--resume",
            "--steps",
            "3",
            "--tensorboard",
        ],
    )
    .ok();
    let info = ar(path, &["info", "run", "--json"]).ok().json();
    let sessions = info["run"]["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    has_keys(
        &sessions[1],
        "from_step started version command device processor threads",
    );
    assert_eq!(sessions[1]["from_step"], 2);
    assert!(
        sessions[0]["version"]
            .as_str()
            .unwrap()
            .starts_with("0.1.0")
    );
    let command = sessions[0]["command"].as_array().unwrap();
    assert!(command.contains(&"pixelcnn".into()) && command.contains(&"digits=60".into()));
    assert_eq!(sessions[0]["device"], "cpu");
    let said = ar(path, &["info", "run"]).ok().stdout;
    for words in [
        "from step 0: ",
        "from step 2: ",
        "learning rate 0.005",
        "learning_rate = 0.005",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let events = std::fs::read_dir(path.join("run/tensorboard"))
        .unwrap()
        .count();
    assert_eq!(events, 2, "one for each session");

    // The clock's digits say no more than it knows.
    let metrics = std::fs::read_to_string(path.join("run/metrics.jsonl")).unwrap();
    assert!(!metrics.contains("e-"), "{metrics}");
}

#[test]
fn a_run_without_test_images_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let none = tiny(&["--steps", "1", "--run", "run"]);
    let none: Vec<_> = none
        .into_iter()
        .map(|word| {
            if word == "data.test=20" {
                "data.test=0"
            } else {
                word
            }
        })
        .collect();
    let ran = ar(path, &none).ok();
    assert!(
        ran.stdout
            .contains("run: no test images, so no test likelihood"),
        "{ran:#?}"
    );
    assert!(
        ar(path, &["info", "run"])
            .ok()
            .stdout
            .contains("test: none")
    );
}

#[test]
fn shells_and_manuals_know_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let bash = ar(path, &["completions", "bash"]).ok().stdout;
    assert!(bash.contains("ar-cli") && bash.contains("--keep-rows"));
    ar(path, &["completions", "tcl"]).refused(&["bash", "zsh"]);
    assert!(ar(path, &["man"]).ok().stdout.contains(".TH ar-cli 1"));
    ar(path, &["man", "-o", "."]).ok();
    let page = std::fs::read_to_string(path.join("ar-cli-complete.1")).unwrap();
    assert!(page.contains("keep\\-rows"), "{page}");
    assert!(path.join("ar-cli-data-show.1").exists());
    ar(path, &["man", "-o", "."]).refused(&["--force"]);
    ar(path, &["man", "-o", "nowhere"]).refused(&["nowhere"]);
}

#[test]
fn the_default_of_a_model_is_that_of_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let made = ar(path, &["info", "made", "--json"]).ok().json();
    assert_eq!(made["domain"]["levels"], 2);
    assert_eq!(made["train"]["batch_size"], 100);
    assert!(
        made["parameters"].as_u64().unwrap() < 2_000_000,
        "{}",
        made["parameters"]
    );
    let said = ar(path, &["info", "imagegpt"]).ok().stdout;
    for words in ["training:", "  learning_rate = 0.003", "  steps = 8000"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let colour = ar(path, &["info", "pixelcnn", "--shape", "3x8x8", "--json"])
        .ok()
        .json();
    assert_eq!(colour["domain"]["levels"], 256);
    let list = ar(path, &["data", "list", "--json"]).ok().json();
    assert_eq!(list["sets"][2]["name"], "digits");
}

#[test]
fn pictures_have_the_size_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sample = [
        "sample",
        run_path(),
        "-n",
        "4",
        "--scale",
        "3",
        "-o",
        "s.png",
    ];
    ar(path, &sample).ok();
    let (width, height, _) = crate::common::read_png(&path.join("s.png"));
    assert_eq!(
        (width, height),
        (2 * (3 * 28 + 2) + 2, 2 * (3 * 28 + 2) + 2)
    );
    let cold = [
        "sample",
        run_path(),
        "-n",
        "2",
        "--temperature",
        "1e-40",
        "-o",
        "cold.npy",
    ];
    ar(path, &cold).ok();
    let (_, levels) = crate::common::read_npy(&path.join("cold.npy"));
    let greedy = [
        "sample",
        run_path(),
        "-n",
        "2",
        "--top-k",
        "1",
        "-o",
        "greedy.npy",
    ];
    ar(path, &greedy).ok();
    assert_eq!(levels, crate::common::read_npy(&path.join("greedy.npy")).1);
}
