use std::fs;

use ar_core::Distribution;
use ar_train::{
    Batch, BatchSource, BoxError, Checkpoint, Error, RunDirectory, TrainConfig, Trainer,
};
use candle_core::{Device, Tensor};

use crate::toy::{
    Kinked, Notes, Parity, Plan, begin, config, go_on, manifest, parameters, validate,
};

/// Poisons the weights when it hands out the batch of this step.
struct Poison<'a>(u64, &'a candle_core::Var);

impl BatchSource for Poison<'_> {
    fn batches_per_epoch(&self) -> u64 {
        Parity.batches_per_epoch()
    }

    fn epoch(
        &self,
        epoch: u64,
        skip: u64,
    ) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let first = epoch * self.batches_per_epoch() + skip + 1;
        Box::new(Parity.epoch(epoch, skip).zip(first..).map(|(batch, step)| {
            if step == self.0 {
                self.1
                    .set(&Tensor::full(f32::NAN, self.1.shape(), &Device::Cpu)?)?;
            }
            batch
        }))
    }
}

#[test]
fn a_loss_that_is_not_a_number_keeps_the_last_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    {
        let run = RunDirectory::create(dir.path()).unwrap();
        let vars = parameters();
        let mut trainer = Trainer::new(&Plan, &vars, manifest(), config(), &run).unwrap();
        let error = trainer
            .train(&Poison(10, &vars["bias"]), &validate, &mut ())
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::NonFinite {
                    what: "the loss",
                    step: 10,
                    ..
                }
            ),
            "{error}"
        );
        assert!(
            error
                .to_string()
                .starts_with("the loss is NaN at step 10: ")
        );
        let weight: Vec<f32> = vars["weight"].flatten_all().unwrap().to_vec1().unwrap();
        assert!(weight.iter().all(|w| w.is_finite()));
    }
    let checkpoint = Checkpoint::open(dir.path(), &Device::Cpu).unwrap();
    assert_eq!(checkpoint.step, 8);
    assert!(
        validate(&*ar_core::Blueprint::build(&Plan, &checkpoint.weights).unwrap())
            .unwrap()
            .is_finite()
    );
    assert!(
        go_on(dir.path(), config(), &mut Notes::default())
            .unwrap()
            .finished
    );
}

#[test]
fn a_gradient_that_is_not_a_number_updates_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(dir.path()).unwrap();
    let (vars, untouched) = (parameters(), parameters());
    let mut trainer = Trainer::new(&Kinked, &vars, manifest(), config(), &run).unwrap();
    let error = trainer.train(&Parity, &validate, &mut ()).unwrap_err();
    assert!(
        matches!(
            error,
            Error::NonFinite {
                what: "the gradient norm",
                step: 1,
                ..
            }
        ),
        "{error}"
    );
    for (var, old) in vars.values().zip(untouched.values()) {
        let values = |var: &candle_core::Var| var.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(values(var), values(old));
    }
    assert_eq!(Checkpoint::open(dir.path(), &Device::Cpu).unwrap().step, 0);
}

#[test]
fn a_validation_that_is_not_a_number_is_never_the_best() {
    let dir = tempfile::tempdir().unwrap();
    {
        let run = RunDirectory::create(dir.path()).unwrap();
        let mut trainer = Trainer::new(&Plan, &parameters(), manifest(), config(), &run).unwrap();
        let outcome = trainer
            .train(&Parity, &|_: &dyn Distribution| Ok(f64::NAN), &mut ())
            .unwrap();
        assert_eq!(outcome.best, None);
    }
    assert!(!dir.path().join("best.safetensors").exists());
    assert_eq!(
        go_on(dir.path(), config(), &mut Notes::default())
            .unwrap()
            .step,
        23
    );
}

#[test]
fn run_directories_are_guarded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new/run");
    assert!(matches!(
        RunDirectory::open(&path),
        Err(Error::NoRun { .. })
    ));
    {
        let run = RunDirectory::create(&path).unwrap();
        assert!(matches!(
            RunDirectory::create(&path),
            Err(Error::RunLocked { .. })
        ));
        run.write_config("seed = 1\n").unwrap();
        assert_eq!(run.read_config().unwrap(), "seed = 1\n");
        assert!(run.samples_path().is_dir());
    }
    // Killed before the first checkpoint: nothing is lost by starting anew.
    assert!(!RunDirectory::is_run(&path));
    begin(&path, config(), &mut Notes::default()).unwrap();
    let error = RunDirectory::create(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("already holds a run: resume it or choose another directory"),
        "{error}"
    );
    let run = RunDirectory::open(&path).unwrap();
    assert!(matches!(
        RunDirectory::open(&path),
        Err(Error::RunLocked { .. })
    ));
    drop(run);

    let file = dir.path().join("file");
    fs::write(&file, b"").unwrap();
    let error = RunDirectory::create(&file.join("run")).unwrap_err();
    assert!(
        error.to_string().starts_with("cannot create run directory")
            && error.to_string().ends_with("file/run")
    );
}

/// A directory in the place of a file makes the write fail, whoever runs the test.
#[test]
fn a_failed_save_leaves_the_old_state_and_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut notes = Notes {
        stop_after: Some(5),
        ..Notes::default()
    };
    begin(dir.path(), config(), &mut notes).unwrap();
    let state = fs::read(dir.path().join("state.safetensors")).unwrap();
    {
        let run = RunDirectory::open(dir.path()).unwrap();
        let mut trainer = Trainer::resume(&Plan, config(), &run, &Device::Cpu).unwrap();
        let away = dir.path().with_extension("away");
        fs::rename(dir.path(), &away).unwrap();
        let error = trainer.train(&Parity, &validate, &mut ()).unwrap_err();
        assert!(
            matches!(&error, Error::Io { action: "write", path, .. } if path.ends_with("state.safetensors")),
            "{error}"
        );
        fs::rename(&away, dir.path()).unwrap();
    }
    assert_eq!(
        fs::read(dir.path().join("state.safetensors")).unwrap(),
        state
    );
    assert_eq!(
        go_on(dir.path(), config(), &mut Notes::default())
            .unwrap()
            .step,
        23
    );
}

#[test]
fn sources_are_held_to_their_word() {
    struct Short(u64);
    impl BatchSource for Short {
        fn batches_per_epoch(&self) -> u64 {
            self.0
        }
        fn epoch(
            &self,
            epoch: u64,
            skip: u64,
        ) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
            Box::new(Parity.epoch(epoch, skip).take(3))
        }
    }
    for (batches, message) in [
        (0, "there are no training batches"),
        (5, "epoch 0 ended after 3 of 5 batches"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDirectory::create(dir.path()).unwrap();
        let mut trainer = Trainer::new(&Plan, &parameters(), manifest(), config(), &run).unwrap();
        assert_eq!(
            trainer
                .train(&Short(batches), &validate, &mut ())
                .unwrap_err()
                .to_string(),
            message
        );
    }
}

#[test]
fn a_bad_configuration_stops_a_run_before_it_begins() {
    let dir = tempfile::tempdir().unwrap();
    let bad = TrainConfig {
        learning_rate: f64::NAN,
        ..config()
    };
    assert!(matches!(
        begin(dir.path(), bad, &mut Notes::default()),
        Err(Error::Config(_))
    ));
    assert!(!RunDirectory::is_run(dir.path()));
}
