use ar_core::Distribution;
use ar_train::{BatchSource, BoxError, Error, Outcome, RunDirectory, TrainConfig, Trainer};
use candle_core::Device;

use crate::resume::{Dying, trace};
use crate::toy::{Notes, Parity, Plan, config, manifest, parameters, validate};

/// Worse the better the model is, so that the first validation is the best.
fn contrary(model: &dyn Distribution) -> Result<f64, BoxError> {
    validate(model).map(|nats| -nats)
}

fn patient(patience: u64) -> TrainConfig {
    TrainConfig {
        patience: Some(patience),
        ..config()
    }
}

fn run(
    path: &std::path::Path,
    config: TrainConfig,
    source: &dyn BatchSource,
    notes: &mut Notes,
) -> Result<Outcome, Error> {
    let directory = if RunDirectory::is_run(path) {
        RunDirectory::open(path)?
    } else {
        RunDirectory::create(path)?
    };
    let mut trainer = if RunDirectory::is_run(path) {
        Trainer::resume(&Plan, config, &directory, &Device::Cpu)?
    } else {
        Trainer::new(&Plan, &parameters(), manifest(), config, &directory)?
    };
    trainer.train(source, &contrary, notes)
}

#[test]
fn patience_ends_a_run_and_more_of_it_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut notes = Notes::default();
    let outcome = run(dir.path(), patient(2), &Parity, &mut notes).unwrap();
    assert!(outcome.finished && outcome.early, "{outcome:?}");
    assert_eq!((outcome.step, outcome.best.unwrap().step), (18, 6));
    assert_eq!(notes.validations.len(), 3);
    // Ended is ended, until it is given more.
    let again = run(dir.path(), patient(2), &Parity, &mut Notes::default()).unwrap();
    assert_eq!((again.step, again.early), (18, true));
    let more = run(dir.path(), patient(9), &Parity, &mut Notes::default()).unwrap();
    assert_eq!((more.step, more.early), (23, false));
}

#[test]
fn killed_anywhere_patience_counts_the_same() {
    let whole = tempfile::tempdir().unwrap();
    run(whole.path(), patient(2), &Parity, &mut Notes::default()).unwrap();
    for step in [0, 5, 6, 7, 12, 13, 17] {
        let dir = tempfile::tempdir().unwrap();
        let killed = run(dir.path(), patient(2), &Dying(step), &mut Notes::default());
        assert!(matches!(killed, Err(Error::Source { .. })), "{killed:?}");
        run(dir.path(), patient(2), &Parity, &mut Notes::default()).unwrap();
        assert_eq!(
            trace(dir.path()),
            trace(whole.path()),
            "killed before step {step}"
        );
    }
}
