//! A run that can begin or go on.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use ar_core::Weights;
use ar_data::Split;
use ar_models::Spec;
use ar_train::{BatchSource as _, ImageBatches, RunDirectory, TrainConfig, Trainer};
use candle_core::{Device, Var};

use crate::condition::given;
use crate::dataset::Data;
use crate::run::{DataRecord, manifest};

/// Everything decided before the first step.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The model's name, configuration and domain.
    pub(crate) spec: Spec,
    /// How it is trained.
    pub(crate) train: TrainConfig,
    /// On what.
    pub(crate) data: Data,
    /// Where everything goes.
    pub(crate) directory: RunDirectory,
    /// Whether it begins or goes on.
    pub(crate) begun: Begun,
    /// What `config.toml` is to hold.
    pub(crate) config: String,
    /// What a checkpoint says of the data.
    pub(crate) record: DataRecord,
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// At step 0.
    Anew,
    /// At its last checkpoint.
    Resumed,
}

impl Plan {
    /// The trainer of the run, which trains as `train` says, at its beginning or at its last checkpoint.
    ///
    /// # Errors
    /// When the model cannot be built, or the run cannot go on as the configuration says.
    pub(crate) fn trainer(&self, train: TrainConfig, device: &Device) -> Result<Trainer<'_>> {
        let (spec, directory) = (&self.spec, &self.directory);
        match self.begun {
            Begun::Resumed => {
                let path = directory.path().display();
                let mut trainer = Trainer::resume(spec, train, directory, device)
                    .with_context(|| format!("cannot resume {path}"))?;
                let mut manifest = trainer.manifest().clone();
                manifest.dataset = serde_json::to_value(&self.record)?;
                trainer.describe(manifest);
                Ok(trainer)
            }
            Begun::Anew => {
                let parameters = spec.initialise(train.seed, device)?;
                self.begin_from_images(&parameters, device)?;
                self.new_trainer(&parameters, train)
            }
        }
    }

    /// Sets what begins with the training images: those of the first epoch, as many as tell frequencies.
    fn begin_from_images(&self, vars: &BTreeMap<String, Var>, device: &Device) -> Result<()> {
        const ENOUGH: usize = 10_000;
        let source = self.batches(device);
        let batches = source.epoch(0, 0).take(ENOUGH.div_ceil(source.batch_size));
        self.spec.begin_from(
            vars,
            batches.map(|batch| match batch {
                Ok(batch) => Ok((batch.levels, batch.condition, batch.scored)),
                Err(error) => Err(anyhow::anyhow!(error)),
            }),
        )
    }

    /// The trainer of a new run that begins with these weights.
    ///
    /// # Errors
    /// When they are not the model's, or cannot be saved.
    pub(crate) fn new_trainer(
        &self,
        parameters: &BTreeMap<String, Var>,
        train: TrainConfig,
    ) -> Result<Trainer<'_>> {
        let (spec, directory) = (&self.spec, &self.directory);
        let model = spec.build(&Weights::from_vars(parameters))?;
        let manifest = manifest(spec, &*model, &self.record)?;
        Ok(Trainer::new(spec, parameters, manifest, train, directory)?)
    }

    /// The training images as the trainer sees them.
    pub(crate) fn batches(&self, device: &Device) -> ImageBatches {
        ImageBatches {
            images: self.data.split(Split::Train).clone(),
            encoding: self.data.encoding.clone(),
            batch_size: self.train.batch_size,
            seed: self.train.seed,
            conditioning: self.spec.conditioning,
            device: device.clone(),
        }
    }

    /// Updates the run will make, where the clock does not decide.
    pub(crate) fn total_steps(&self, source: &ImageBatches) -> Option<u64> {
        let per_epoch = source.batches_per_epoch();
        let by_epochs = self
            .train
            .epochs
            .map(|epochs| epochs.saturating_mul(per_epoch));
        [by_epochs, self.train.steps].into_iter().flatten().min()
    }

    /// What is trained on what, in a few words.
    pub(crate) fn title(&self) -> String {
        let given = given(self.spec.conditioning);
        format!("{} on {}{given}", self.spec.model, self.data.name)
    }
}
