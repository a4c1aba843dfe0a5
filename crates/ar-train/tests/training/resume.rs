use std::fs;
use std::path::Path;

use ar_train::{
    Batch, BatchSource, BoxError, Error, OptimizerKind, RunDirectory, TrainConfig, Trainer,
};
use candle_core::Device;
use serde_json::Value;

use crate::toy::{Notes, Parity, Plan, begin, config, go_on, manifest, parameters, validate};

/// Everything of a finished run that must not depend on interruptions.
#[derive(Debug, PartialEq)]
pub(crate) struct Trace {
    model: Vec<u8>,
    best: Vec<u8>,
    metrics: Vec<Value>,
}

pub(crate) fn trace(path: &Path) -> Trace {
    let read = |name: &str| fs::read(path.join(name)).unwrap();
    let metrics = String::from_utf8(read("metrics.jsonl")).unwrap();
    let without_clock = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        let object = value.as_object_mut().unwrap();
        object.remove("seconds");
        object.remove("images_per_second");
        value
    };
    Trace {
        model: read("model.safetensors"),
        best: read("best.safetensors"),
        metrics: metrics.lines().map(without_clock).collect(),
    }
}

fn uninterrupted(config: TrainConfig) -> Trace {
    let dir = tempfile::tempdir().unwrap();
    assert!(
        begin(dir.path(), config, &mut Notes::default())
            .unwrap()
            .finished
    );
    trace(dir.path())
}

/// Data that fail before a given step, as suddenly as a kill: nothing is saved then.
pub(crate) struct Dying(pub(crate) u64);

impl BatchSource for Dying {
    fn batches_per_epoch(&self) -> u64 {
        Parity.batches_per_epoch()
    }

    fn epoch(
        &self,
        epoch: u64,
        skip: u64,
    ) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let first = epoch * self.batches_per_epoch() + skip;
        let batches = Parity.epoch(epoch, skip).zip(first..);
        Box::new(batches.map(|(batch, step)| {
            if step < self.0 {
                batch
            } else {
                Err("killed".into())
            }
        }))
    }
}

fn die_at(path: &Path, step: u64) {
    let killed = if RunDirectory::is_run(path) {
        let run = RunDirectory::open(path).unwrap();
        let mut trainer = Trainer::resume(&Plan, config(), &run, &Device::Cpu).unwrap();
        trainer.train(&Dying(step), &validate, &mut ())
    } else {
        let run = RunDirectory::create(path).unwrap();
        let mut trainer = Trainer::new(&Plan, &parameters(), manifest(), config(), &run).unwrap();
        trainer.train(&Dying(step), &validate, &mut ())
    };
    assert!(matches!(killed, Err(Error::Source { .. })), "{killed:?}");
}

#[test]
fn killed_anywhere_the_run_ends_in_the_same_bytes() {
    let expected = uninterrupted(config());
    for step in 0..23 {
        let dir = tempfile::tempdir().unwrap();
        die_at(dir.path(), step);
        go_on(dir.path(), config(), &mut Notes::default()).unwrap();
        assert_eq!(trace(dir.path()), expected, "killed before step {step}");
    }
}

#[test]
fn killed_again_and_again() {
    let dir = tempfile::tempdir().unwrap();
    for step in [1, 3, 5, 9, 9, 14, 22] {
        die_at(dir.path(), step);
    }
    go_on(dir.path(), config(), &mut Notes::default()).unwrap();
    assert_eq!(trace(dir.path()), uninterrupted(config()));
}

#[test]
fn stopped_by_the_observer_it_saves_at_once_and_goes_on() {
    let expected = uninterrupted(config());
    for steps in [0, 1, 5, 6, 13] {
        let dir = tempfile::tempdir().unwrap();
        let mut notes = Notes {
            stop_after: Some(steps),
            ..Notes::default()
        };
        let outcome = begin(dir.path(), config(), &mut notes).unwrap();
        assert_eq!((outcome.finished, outcome.step), (false, steps));
        let outcome = go_on(dir.path(), config(), &mut Notes::default()).unwrap();
        assert_eq!((outcome.finished, outcome.step), (true, 23));
        assert_eq!(trace(dir.path()), expected, "stopped after step {steps}");
    }
}

#[test]
fn a_stop_during_validation_is_made_up_for() {
    let dir = tempfile::tempdir().unwrap();
    {
        let run = RunDirectory::create(dir.path()).unwrap();
        let mut trainer = Trainer::new(&Plan, &parameters(), manifest(), config(), &run).unwrap();
        let mut notes = Notes {
            stop_after: Some(6),
            ..Notes::default()
        };
        let outcome = trainer
            .train(&Parity, &|_| Err("interrupted".into()), &mut notes)
            .unwrap();
        assert_eq!((outcome.finished, outcome.step), (false, 6));
    }
    go_on(dir.path(), config(), &mut Notes::default()).unwrap();
    assert_eq!(trace(dir.path()), uninterrupted(config()));
}

/// The moments between the renames of one checkpoint: the state is new, the rest is not there yet.
#[test]
fn checkpoints_older_than_the_state_are_repaired() {
    let dir = tempfile::tempdir().unwrap();
    begin(dir.path(), config(), &mut Notes::default()).unwrap();
    let expected = trace(dir.path());
    for damage in ["model.safetensors", "best.safetensors"] {
        fs::remove_file(dir.path().join(damage)).unwrap();
        fs::write(dir.path().join(".unfinished-x"), b"half").unwrap();
        go_on(dir.path(), config(), &mut Notes::default()).unwrap();
        assert_eq!(trace(dir.path()), expected, "{damage}");
        assert!(!dir.path().join(".unfinished-x").exists());
    }
}

#[test]
fn a_finished_run_can_be_extended() {
    let constant = |steps| TrainConfig {
        steps: Some(steps),
        schedule: ar_train::Schedule::Constant,
        ..config()
    };
    let dir = tempfile::tempdir().unwrap();
    begin(dir.path(), constant(12), &mut Notes::default()).unwrap();
    go_on(dir.path(), constant(24), &mut Notes::default()).unwrap();
    assert_eq!(trace(dir.path()).model, uninterrupted(constant(24)).model);
}

/// Another data set.
struct Longer;

impl BatchSource for Longer {
    fn batches_per_epoch(&self) -> u64 {
        6
    }

    fn epoch(&self, _: u64, _: u64) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        Box::new(std::iter::empty())
    }
}

#[test]
fn another_training_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    begin(
        dir.path(),
        TrainConfig {
            steps: Some(4),
            ..config()
        },
        &mut Notes::default(),
    )
    .unwrap();
    let faster = TrainConfig {
        learning_rate: 0.5,
        ..config()
    };
    let error = go_on(dir.path(), faster, &mut Notes::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a resumed run keeps its `learning_rate`: it was 0.03 and is 0.5"
    );
    let seeded = TrainConfig {
        seed: 1,
        ..config()
    };
    assert!(
        matches!(go_on(dir.path(), seeded, &mut Notes::default()), Err(Error::Changed { field, .. }) if field == "seed")
    );

    let run = RunDirectory::open(dir.path()).unwrap();
    let mut trainer = Trainer::resume(&Plan, config(), &run, &Device::Cpu).unwrap();
    let error = trainer.train(&Longer, &validate, &mut ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a resumed run keeps its `batches per epoch`: it was 5 and is 6"
    );
}

/// A state of before there was a choice of optimisers says nothing of it: it was Adam.
#[test]
fn a_field_newer_than_the_run_had_its_default() {
    let dir = tempfile::tempdir().unwrap();
    let four = TrainConfig {
        steps: Some(4),
        ..config()
    };
    begin(dir.path(), four, &mut Notes::default()).unwrap();
    let path = dir.path().join("state.safetensors");
    let mut state = fs::read(&path).unwrap();
    let new = br#"\"optimizer\":\"adam\","#;
    let at = state.windows(new.len()).position(|window| window == new);
    state[at.unwrap()..][..new.len()].fill(b' ');
    fs::write(&path, &state).unwrap();
    let muon = TrainConfig {
        optimizer: OptimizerKind::Muon,
        ..config()
    };
    let error = go_on(dir.path(), muon, &mut Notes::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a resumed run keeps its `optimizer`: it was \"adam\" and is \"muon\""
    );
    go_on(dir.path(), config(), &mut Notes::default()).unwrap();
}

#[test]
fn a_new_limit_that_has_passed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    begin(dir.path(), config(), &mut Notes::default()).unwrap();
    let limited = |steps, epochs, minutes| {
        let config = TrainConfig {
            steps,
            epochs,
            minutes,
            ..config()
        };
        go_on(dir.path(), config, &mut Notes::default())
    };
    for (config, field) in [
        (limited(Some(22), None, None), "steps"),
        (limited(None, Some(4), None), "epochs"),
        (limited(None, None, Some(1e-9)), "minutes"),
    ] {
        let error = config.unwrap_err();
        assert!(
            matches!(error, Error::LimitPassed { field: of, .. } if of == field),
            "{error}"
        );
    }
    let same = limited(Some(23), None, None).unwrap();
    assert!(
        same.finished && same.step == 23,
        "it has ended where it was to end"
    );
    assert_eq!(limited(Some(24), None, None).unwrap().step, 24);
}
