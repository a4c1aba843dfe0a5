use std::fs;

use ar_train::{RunDirectory, TrainConfig, Trainer};
use candle_core::{DType, Tensor, Var};
use serde_json::Value;

use crate::toy::{Notes, Parity, Plan, begin, config, manifest, parameters, validate};

#[test]
fn everything_comes_when_it_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let mut notes = Notes::default();
    begin(dir.path(), config(), &mut notes).unwrap();
    let validated: Vec<u64> = notes.validations.iter().map(|v| v.step).collect();
    assert_eq!(validated, [6, 12, 18, 23]);
    assert_eq!(notes.samples, [10, 20]);
    let improved = notes.validations.iter().filter(|v| v.best).map(|v| v.step);
    let mut saved: Vec<u64> = improved.chain([4, 8, 12, 16, 20, 23]).collect();
    saved.sort_unstable();
    saved.dedup();
    assert_eq!(notes.checkpoints, saved);
    let first = notes.validations.first().unwrap().validation_nats_per_image;
    assert!(notes.validations.last().unwrap().validation_nats_per_image < first);
    let last = notes.steps.last().unwrap();
    assert_eq!(
        (last.step, last.epoch, last.fraction, last.total_steps),
        (23, 4, 1.0, Some(23))
    );
    assert!(notes.asked.get() >= 22);
}

#[test]
fn the_metrics_file_has_the_keys_scripts_read() {
    let dir = tempfile::tempdir().unwrap();
    begin(dir.path(), config(), &mut Notes::default()).unwrap();
    let text = fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ")
    };
    let mut kinds: Vec<String> = lines.iter().map(keys).collect();
    kinds.sort();
    kinds.dedup();
    assert_eq!(
        kinds,
        [
            "best epoch seconds step validation_nats_per_image",
            "epoch gradient_norm images_per_second learning_rate seconds smoothed_nats_per_image step train_nats_per_image",
        ]
    );
    let steps: Vec<u64> = lines
        .iter()
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [1, 3, 6, 6, 9, 12, 12, 15, 18, 18, 21, 23]);
    assert!(lines.iter().all(|line| {
        line["images_per_second"]
            .as_f64()
            .is_none_or(|rate| rate > 0.0)
    }));
}

#[test]
fn epochs_and_minutes_end_a_run_too() {
    let dir = tempfile::tempdir().unwrap();
    let epochs = TrainConfig {
        steps: None,
        epochs: Some(2),
        ..config()
    };
    assert_eq!(
        begin(dir.path(), epochs, &mut Notes::default())
            .unwrap()
            .step,
        10
    );
    let dir = tempfile::tempdir().unwrap();
    let minutes = TrainConfig {
        steps: None,
        minutes: Some(0.0005),
        ..config()
    };
    let outcome = begin(dir.path(), minutes, &mut Notes::default()).unwrap();
    assert!(
        outcome.finished && outcome.seconds >= 0.03 && outcome.step > 0,
        "{outcome:?}"
    );
}

/// With a clipped gradient of tiny norm, epsilon outweighs it and the step shrinks with the bound.
#[test]
fn clipping_bounds_the_gradient_that_is_applied() {
    let moved = |clip_norm: f64| {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(dir.path()).unwrap();
        let vars = parameters();
        let before = vars["bias"].as_tensor().copy().unwrap();
        let config = TrainConfig {
            steps: Some(1),
            warmup_steps: 0,
            weight_decay: 0.0,
            epsilon: 1.0,
            beta1: 0.0,
            clip_norm,
            ..config()
        };
        let mut notes = Notes::default();
        Trainer::new(&Plan, &vars, manifest(), config, &run)
            .unwrap()
            .train(&Parity, &validate, &mut notes)
            .unwrap();
        let step = (before - vars["bias"].as_tensor())
            .unwrap()
            .abs()
            .unwrap()
            .sum_all()
            .unwrap();
        (
            f64::from(step.to_scalar::<f32>().unwrap()),
            notes.steps[0].gradient_norm,
        )
    };
    let (free, norm) = moved(0.0);
    let (loose, _) = moved(norm * 1.01);
    assert_eq!(free, loose);
    let (clipped, reported) = moved(norm * 1e-3);
    assert_eq!(reported, norm);
    assert!(
        clipped < free * 2e-3 && clipped > free * 0.5e-3,
        "{clipped} {free}"
    );
}

#[test]
fn averaged_weights_follow_the_weights() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(dir.path()).unwrap();
    let vars = parameters();
    let copy = |vars: &std::collections::BTreeMap<String, Var>| -> Vec<f32> {
        let tensor: &Tensor = vars["weight"].as_tensor();
        tensor
            .to_dtype(DType::F32)
            .unwrap()
            .flatten_all()
            .unwrap()
            .to_vec1()
            .unwrap()
    };
    let start = copy(&vars);
    let one = TrainConfig {
        steps: Some(1),
        ..config()
    };
    let mut trainer = Trainer::new(&Plan, &vars, manifest(), one, &run).unwrap();
    trainer.train(&Parity, &validate, &mut ()).unwrap();
    let average: Vec<f32> = trainer
        .averaged()
        .unwrap()
        .get("weight")
        .unwrap()
        .flatten_all()
        .unwrap()
        .to_vec1()
        .unwrap();
    let decay = 2.0f32 / 11.0; // of the first update, below the configured 0.9
    for ((s, w), a) in start.iter().zip(copy(&vars)).zip(average) {
        assert!((decay * s + (1.0 - decay) * w - a).abs() < 1e-6);
    }
    assert_eq!((trainer.step(), trainer.parameters()), (1, 42));
    assert_eq!(trainer.manifest(), &manifest());
}
