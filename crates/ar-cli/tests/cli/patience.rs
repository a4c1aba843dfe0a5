use crate::common::{ar, tiny};

/// A learning rate at which validation soon gets no better.
const WILD: &[&str] = &[
    "--lr",
    "0.3",
    "--steps",
    "80",
    "--patience",
    "2",
    "--set",
    "validate_every=2",
    "--set",
    "ema_decay=0",
    "--set",
    "warmup_steps=0",
];

#[test]
fn a_run_ends_when_validation_gets_no_better_and_means_its_best() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let ran = ar(path, &tiny(&[WILD, &["--run", "run", "--json"]].concat())).ok();
    let result = ran.json();
    let (steps, best) = (result["steps"].as_u64().unwrap(), &result["best"]["step"]);
    assert!(
        steps < 80 && steps == best.as_u64().unwrap() + 4,
        "{result}"
    );
    assert_eq!(&result["tested_step"], best);
    assert!(ran.stderr.contains("ended early"), "{ran:#?}");

    let eval = |run: &str| ar(path, &["eval", run, "--json"]).ok().json()["nats_per_image"].clone();
    let (of_run, of_best) = (eval("run"), eval("run/best.safetensors"));
    assert_eq!(of_run, of_best);
    assert_ne!(of_run, eval("run/model.safetensors"));
    let tested = result["test"]["nats_per_image"].as_f64().unwrap();
    assert!((tested - of_run.as_f64().unwrap()).abs() < 1e-3);
    let info = ar(path, &["info", "run"]).ok().stdout;
    assert!(
        info.contains(&format!("trained: {best} steps")) && info.contains("test: "),
        "{info}"
    );

    let again = ["train", "--run", "run", "--resume", "--json"];
    assert_eq!(ar(path, &again).ok().json()["steps"], steps);
    let more = ar(path, &[&again[..], &["--patience", "3"]].concat())
        .ok()
        .json();
    assert!(more["steps"].as_u64().unwrap() > steps);
}

#[test]
fn patience_needs_validations() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let none = ["--patience", "3", "--set", "validate_every=0"];
    ar(path, &tiny(&none)).refused(&["patience", "validate_every"]);
    ar(path, &tiny(&["--patience", "0"])).refused(&["--patience", "at least 1"]);
}
