//! Several runs: a table of them, and two side by side.

use crate::common::{ar, has_keys, tiny, trained};

#[test]
fn runs_are_listed_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(
        path,
        &tiny(&["--steps", "30", "--lr", "0.02", "--run", "runs/a"]),
    )
    .ok();
    ar(
        path,
        &tiny(&["--steps", "40", "--lr", "0.02", "--run", "runs/b"]),
    )
    .ok();
    let listed = ar(path, &["runs", "--json"]).ok().json();
    let runs = listed["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    has_keys(
        &runs[1],
        "run model data steps finished seconds parameters validation test",
    );
    let named = |name: &str, value: serde_json::Value| assert_eq!(runs[1][name], value, "{name}");
    named("run", "runs/b".into());
    named("model", "pixelcnn".into());
    named("data", "digits".into());
    named("steps", 40.into());
    named("finished", true.into());
    let table = ar(path, &["runs"]).ok().stdout;
    for words in ["nats/image", "runs/a", "runs/b", "± ", "pixelcnn"] {
        assert!(table.contains(words), "{words}: {table}");
    }
    ar(path, &["runs", "nowhere"]).refused(&["nowhere", "no such folder"]);
    assert!(ar(path, &["runs", "."]).ok().stdout.contains("runs/b"));
    std::fs::create_dir(path.join("empty")).unwrap();
    assert!(
        ar(path, &["runs", "empty"])
            .ok()
            .stdout
            .contains("no runs in empty")
    );

    let compared = ar(path, &["compare", "runs/a", "runs/b", "--json"])
        .ok()
        .json();
    has_keys(&compared, "images runs difference standard_error file");
    let [a, b] = [0, 1].map(|i| {
        compared["runs"][i]["score"]["nats_per_image"]
            .as_f64()
            .unwrap()
    });
    let (difference, error) = (
        compared["difference"].as_f64().unwrap(),
        compared["standard_error"].as_f64().unwrap(),
    );
    assert!(
        (difference - (b - a)).abs() < 1e-6 && difference < 0.0,
        "{compared}"
    );
    // Paired: far more certain than the difference of two means.
    let own = compared["runs"][0]["score"]["standard_error"]
        .as_f64()
        .unwrap();
    assert!(error > 0.0 && error < own, "{compared}");
    assert_eq!(compared["images"], 20);
    let svg = std::fs::read_to_string(path.join("runs/a/compared.svg")).unwrap();
    for words in ["validation, runs/a", "validation, runs/b"] {
        assert!(svg.contains(words), "{words}");
    }
    let better = ar(path, &["compare", "runs/a", "runs/b", "-o", "c.svg"])
        .ok()
        .stdout;
    assert!(better.contains("runs/b is better by"), "{better}");
    ar(path, &["compare", "runs/a"]).refused(&["RUN"]);
}

#[test]
fn likelihoods_of_different_things_are_not_compared() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let eight: Vec<&str> = tiny(&["--steps", "1", "--run", "eight"])
        .into_iter()
        .map(|word| if word == "4" { "8" } else { word })
        .collect();
    ar(path, &eight).ok();
    let other = trained().to_str().unwrap();
    ar(path, &["compare", "eight", other]).refused(&["levels", "cannot be compared"]);
    ar(
        path,
        &tiny(&["--steps", "1", "--conditional", "--run", "given"]),
    )
    .ok();
    ar(path, &["compare", "given", other, "-o", "c.svg"]).refused(&["given different things"]);
}

/// Both runs are scored in the order that was asked for, as `eval` scores each of them.
#[test]
fn runs_are_compared_in_one_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for (run, seed) in [("a", "1"), ("b", "2")] {
        let orders = [
            "--set", "orders=2", "--steps", "1", "--seed", seed, "--run", run,
        ];
        ar(path, &tiny(&orders)).ok();
    }
    let nats = |args: &[&str]| {
        let report = ar(
            path,
            &[args, &["--json", "--order", "raster+flip+mirror"]].concat(),
        );
        report.ok().json()
    };
    let compared = nats(&["compare", "a", "b"]);
    for (i, run) in ["a", "b"].into_iter().enumerate() {
        let own = nats(&["eval", run]);
        let side = &compared["runs"][i]["score"]["nats_per_image"];
        assert_eq!(side, &own["nats_per_image"]);
        let mixed = ar(path, &["eval", run, "--json"]).ok().json();
        assert_ne!(side, &mixed["nats_per_image"]);
    }
}
