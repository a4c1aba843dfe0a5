mod session;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use ar_core::{Blueprint, Distribution, Weights};
use candle_core::{Device, Var};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::checkpoint::{encode_checkpoint, step_of};
use crate::files::Pending;
use crate::metrics::MetricsLog;
use crate::optimizer::Optimizer;
use crate::state::{Progress, Snapshot, State, encode_state, exact, read_state};
use crate::{Error, Manifest, Result, RunDirectory, TrainConfig};

/// The lowest validation of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Best {
    /// Updates made then.
    pub step: u64,
    /// Negative log-likelihood under the averaged weights, in nats per image.
    #[serde(with = "exact")]
    pub nats_per_image: f64,
}

/// How a call of [`Trainer::train`] ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Whether the run reached its end; false when the observer asked to stop.
    pub finished: bool,
    /// Updates made.
    pub step: u64,
    /// Seconds of training, over all resumptions.
    pub seconds: f64,
    /// The lowest validation.
    pub best: Option<Best>,
    /// Whether it was patience that ended the run.
    pub early: bool,
}

/// One training run: a model, its optimiser, and their directory.
pub struct Trainer<'a> {
    blueprint: &'a dyn Blueprint,
    run: &'a RunDirectory,
    config: TrainConfig,
    manifest: Manifest,
    model: Box<dyn Distribution>,
    optimizer: Optimizer,
    progress: Progress,
    /// Whether anything happened since the last checkpoint.
    dirty: bool,
    metrics: MetricsLog,
    /// When the present call of `train` began; before it, `progress.seconds` is the whole story.
    since: Option<Instant>,
}

impl fmt::Debug for Trainer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            run,
            config,
            progress,
            ..
        } = self;
        let mut out = f.debug_struct("Trainer");
        out.field("run", run)
            .field("config", config)
            .field("progress", progress)
            .finish_non_exhaustive()
    }
}

impl<'a> Trainer<'a> {
    /// A new run with these initial parameters (f32, all on one device), saved as it is at step 0.
    ///
    /// # Errors
    /// [`Error::Config`]; [`Error::NothingForMuon`]; [`Error::Parameter`] for one that cannot be trained;
    /// [`Error::Io`] when the run cannot be saved; whatever `blueprint` refuses.
    pub fn new(
        blueprint: &'a dyn Blueprint,
        parameters: &BTreeMap<String, Var>,
        manifest: Manifest,
        config: TrainConfig,
        run: &'a RunDirectory,
    ) -> Result<Self> {
        config.validate()?;
        let optimizer = Optimizer::new(parameters, config.optimizer, config.ema_decay > 0.0)?;
        let trainer = Self::assemble(
            blueprint,
            run,
            config,
            manifest,
            optimizer,
            Progress::default(),
        )?;
        trainer.write()?;
        Ok(trainer)
    }

    /// The run of `run` as it was at its last checkpoint, on `device`. Limits and intervals of
    /// `config` may differ from the saved ones; nothing else may.
    ///
    /// # Errors
    /// [`Error::Config`], [`Error::Changed`], [`Error::LimitPassed`] for a limit that is new and below what is
    /// done, and as [`crate::Checkpoint::open`] for the saved state.
    pub fn resume(
        blueprint: &'a dyn Blueprint,
        config: TrainConfig,
        run: &'a RunDirectory,
        device: &Device,
    ) -> Result<Self> {
        config.validate()?;
        let State {
            manifest,
            config: saved,
            progress,
            arrays,
        } = read_state(&run.state_path())?;
        same_training(&saved, &config)?;
        ahead(&saved, &config, &progress)?;
        let optimizer = Optimizer::restore(arrays, config.optimizer, device)?;
        let trainer = Self::assemble(blueprint, run, config, manifest, optimizer, progress)?;
        trainer.repair()?;
        Ok(trainer)
    }

    fn assemble(
        blueprint: &'a dyn Blueprint,
        run: &'a RunDirectory,
        config: TrainConfig,
        manifest: Manifest,
        optimizer: Optimizer,
        progress: Progress,
    ) -> Result<Self> {
        let model = blueprint.build(&optimizer.weights())?;
        let metrics = MetricsLog::open_at(&run.metrics_path(), progress.step)?;
        Ok(Self {
            blueprint,
            run,
            config,
            manifest,
            model,
            optimizer,
            progress,
            dirty: false,
            metrics,
            since: None,
        })
    }

    /// Updates made.
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// What the weights belong to.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Describes the weights anew, as for data that have moved; saved with the next checkpoint.
    pub fn describe(&mut self, manifest: Manifest) {
        self.dirty |= manifest != self.manifest;
        self.manifest = manifest;
    }

    /// Number of scalars trained.
    pub fn parameters(&self) -> usize {
        self.optimizer.weights().elements()
    }

    /// Copies of the weights to sample and score with: averaged where averaging is on.
    ///
    /// # Errors
    /// [`Error::Tensor`].
    pub fn averaged(&self) -> Result<Weights> {
        self.optimizer.detached()
    }

    /// Replaces the state, then the checkpoints that go with it. All are written and synced before
    /// the first is renamed, so a full disk leaves the old ones; the state alone decides where a run
    /// resumes, and a process killed between two renames is repaired by [`Trainer::resume`].
    fn write(&self) -> Result<()> {
        self.metrics.sync()?;
        let arrays = self.optimizer.snapshot()?;
        let path = self.run.state_path();
        let state = encode_state(&path, &self.manifest, &self.config, &self.progress, &arrays)?;
        let mut pending = vec![Pending::write(&path, &state)?];
        drop(state);
        let model = self.encode_model(&arrays)?;
        pending.push(Pending::write(&self.run.model_path(), &model)?);
        if self.is_best() {
            pending.push(Pending::write(&self.run.best_path(), &model)?);
        }
        pending.into_iter().try_for_each(Pending::commit)
    }

    /// Makes the checkpoints those of the state again.
    fn repair(&self) -> Result<()> {
        let stale = |path: &PathBuf| step_of(path).ok() != Some(self.progress.step);
        let mut paths = vec![self.run.model_path()];
        paths.extend(self.is_best().then(|| self.run.best_path()));
        paths.retain(stale);
        if paths.is_empty() {
            return Ok(());
        }
        let model = self.encode_model(&self.optimizer.snapshot()?)?;
        paths
            .iter()
            .try_for_each(|path| Pending::write(path, &model)?.commit())
    }

    fn encode_model(&self, arrays: &Snapshot) -> Result<Vec<u8>> {
        let (path, step) = (self.run.model_path(), self.progress.step);
        encode_checkpoint(
            &path,
            &self.manifest,
            step,
            &arrays.weights,
            arrays.averaged.as_ref(),
        )
    }

    /// Whether validations have not improved for as long as the configuration waits.
    fn out_of_patience(&self) -> bool {
        let patience = self.config.patience;
        patience.is_some_and(|patience| self.progress.stale >= patience)
    }

    /// Whether the present weights are those of the lowest validation.
    fn is_best(&self) -> bool {
        self.progress
            .best
            .is_some_and(|best| best.step == self.progress.step)
    }
}

/// A configuration as it is saved: reading a number from JSON may move its last bit.
fn through_text(config: &TrainConfig) -> BTreeMap<String, Value> {
    let text = serde_json::to_string(config);
    text.and_then(|text| serde_json::from_str(&text))
        .unwrap_or_default()
}

fn same_training(saved: &BTreeMap<String, Value>, config: &TrainConfig) -> Result<()> {
    // A field that the saved configuration does not know yet had no other value than its default.
    let usual = through_text(&TrainConfig::default());
    for (field, now) in &through_text(config) {
        let known = saved.get(field).or(usual.get(field));
        let was = known.unwrap_or(&Value::Null);
        if was != now && !TrainConfig::FREE.contains(&field.as_str()) {
            return Err(Error::Changed {
                field: field.clone(),
                was: was.to_string(),
                now: now.to_string(),
            });
        }
    }
    Ok(())
}

/// Whether every limit that differs from the saved one lies ahead. One that was there may have been reached.
fn ahead(saved: &BTreeMap<String, Value>, config: &TrainConfig, progress: &Progress) -> Result<()> {
    let now = through_text(config);
    let (step, per_epoch) = (progress.step, progress.batches_per_epoch);
    let epochs = per_epoch.map_or(0.0, |n| step as f64 / n.max(1) as f64);
    let minutes = progress.seconds / 60.0;
    for (field, reached, done) in [
        ("steps", step as f64, format!("{step} steps")),
        ("epochs", epochs, format!("{epochs:.2} epochs")),
        ("minutes", minutes, format!("{minutes:.2} minutes")),
    ] {
        let limit = |of: &BTreeMap<String, Value>| of.get(field).and_then(Value::as_f64);
        let new = limit(&now).filter(|new| Some(*new) != limit(saved));
        if new.is_some_and(|new| new < reached) {
            return Err(Error::LimitPassed { field, done });
        }
    }
    Ok(())
}
