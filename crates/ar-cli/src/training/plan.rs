//! From arguments and files to a run that can begin or go on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_core::Weights;
use ar_data::{Source, Split};
use ar_models::Spec;
use ar_train::{BatchSource as _, ImageBatches, RunDirectory, TrainConfig, Trainer};
use candle_core::{Device, Var};

use super::announce::given;
use super::given::{Given, LIMITS};
use crate::config::{ConfigFile, DataConfig, Draft, usual_steps};
use crate::dataset::Data;
use crate::failure::usage;
use crate::models::listed;
use crate::run::{DataRecord, described, manifest};

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

/// Everything decided of a new run but where it goes.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The model's name, configuration and domain.
    pub(crate) spec: Spec,
    train: TrainConfig,
    data: Data,
    config: String,
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// At step 0.
    Anew,
    /// At its last checkpoint.
    Resumed,
}

/// Fields that a resumed run may change: they say when things happen and where the data are, not what
/// happens and which data they are, as their fingerprint decides.
const FREE: [&str; 12] = [
    "data.source",
    "data.data_dir",
    "data.download",
    "train.epochs",
    "train.steps",
    "train.minutes",
    "train.patience",
    "train.checkpoint_every",
    "train.validate_every",
    "train.validation_images",
    "train.sample_every",
    "train.log_every",
];

impl Prepared {
    /// The run in a new directory at `path`.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) fn into_plan(self, path: &Path) -> Result<Plan> {
        apart(path, &self.data.config)?;
        let directory = RunDirectory::create(path).map_err(|error| match error {
            ar_train::Error::RunExists { path } => usage(format!(
                "{} already holds a run: add --resume to continue it, or choose another --run",
                path.display()
            )),
            other => {
                anyhow::Error::new(other).context(format!("cannot use --run {}", path.display()))
            }
        })?;
        directory.write_config(&self.config)?;
        let Self {
            spec,
            train,
            data,
            config,
        } = self;
        Ok(Plan {
            record: DataRecord::of(&data),
            spec,
            train,
            data,
            directory,
            begun: Begun::Anew,
            config,
        })
    }
}

impl Plan {
    /// A new run, in `directory` where that is given and `--run` is not to be touched.
    ///
    /// # Errors
    /// As [`Self::prepare`], and when the directory cannot be used.
    pub(crate) fn begin(given: &Given, directory: Option<&Path>) -> Result<Self> {
        let prepared = Self::prepare(given)?;
        let named = || {
            let free = || free_directory(&prepared.spec.model, &prepared.data.name);
            given.run.clone().unwrap_or_else(free)
        };
        let path = directory.map_or_else(named, Path::to_owned);
        prepared.into_plan(&path)
    }

    /// What a new run is made of.
    ///
    /// # Errors
    /// On a configuration that is none, or data that cannot be had.
    pub(crate) fn prepare(given: &Given) -> Result<Prepared> {
        let file = given.config.as_deref().map(ConfigFile::read).transpose()?;
        let asked = model_name(given, file.as_ref())?;
        let mut draft = Draft::new(&asked, given.preset.as_deref())?;
        let name = draft.name.clone();
        if let Some(file) = &file {
            if let (Some(preset), true) = (&given.preset, file.has("model")) {
                return Err(usage(format!(
                    "--preset {preset}: {} has a [model] of its own; give one of them",
                    file.path.display()
                )));
            }
            draft.merge(file)?;
        }
        given.apply(&mut draft)?;
        if LIMITS
            .iter()
            .all(|field| draft.get("train", field).is_null())
        {
            draft.flag(
                "the default",
                "train",
                "steps",
                Some(usual_steps(&name).into()),
            )?;
        }
        let train = train_config(&draft)?;
        let data = Data::load(&draft.typed("data")?, draft.usual_palette)?;
        if data.split(Split::Train).is_empty() {
            return Err(usage(format!("{} has no training images", data.name)));
        }
        let spec = Spec::new(
            &name,
            draft.table("model"),
            data.domain()?,
            data.conditioning(),
        )
        .context("in [model]")?;
        draft.resolve(spec.config.clone(), &data.config)?;

        Ok(Prepared {
            spec,
            train,
            data,
            config: draft.to_toml()?,
        })
    }

    /// The run of `--run` as it was at its last checkpoint.
    ///
    /// # Errors
    /// When there is none, an argument contradicts it, or its data have changed.
    pub(crate) fn resume(given: &Given) -> Result<Self> {
        let path = given
            .run
            .clone()
            .ok_or_else(|| usage("--resume needs --run DIR"))?;
        let directory = RunDirectory::open(&path).map_err(|error| match error {
            ar_train::Error::NoRun { path } => usage(format!(
                "--resume: {} holds no run; leave --resume out to begin one",
                path.display()
            )),
            other => other.into(),
        })?;
        let (spec, record) = described(&directory.manifest()?)
            .with_context(|| format!("cannot resume {}", path.display()))?;
        if let Some(name) = given
            .model
            .as_deref()
            .filter(|name| !is_model(name, &spec.model))
        {
            return Err(usage(format!(
                "{} trains {}, not {name}",
                path.display(),
                spec.model
            )));
        }

        let stored = stored(&directory, &spec.model)?;
        let mut draft = stored.clone();
        if let Some(file) = given.config.as_deref().map(ConfigFile::read).transpose()? {
            draft.merge(&file)?;
        }
        given.apply(&mut draft)?;
        if let Some(asked) = &given.model {
            let implied = Draft::new(asked, None)?.get("data", "conditional") == true;
            if implied && draft.get("data", "conditional") != true {
                return Err(usage(format!(
                    "{} is not conditional, as {asked} would be",
                    path.display()
                )));
            }
        }
        let mut changed = draft.differences(&stored);
        changed.retain(|field| !FREE.contains(&field.as_str()));
        if !changed.is_empty() {
            return Err(usage(format!(
                "--resume: {} cannot change in a run that has begun; only limits, intervals and where the data are can",
                changed.join(", ")
            )));
        }
        let train = train_config(&draft)?;
        let place: DataConfig = draft.typed("data")?;
        let config = record.config.at(&place);
        as_it_began(&draft, &spec, place == config)?;
        let data = Data::like(&config, &record.encoding).with_context(|| {
            format!(
                "{}: its data cannot be had; if they have moved, say where they are with --data",
                path.display()
            )
        })?;
        same_data(&data, &record)?;
        let record = if config == record.config {
            record
        } else {
            DataRecord::of(&data)
        };
        Ok(Self {
            spec,
            train,
            data,
            directory,
            begun: Begun::Resumed,
            config: draft.to_toml()?,
            record,
        })
    }

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
            Begun::Anew => self.new_trainer(&spec.initialise(train.seed, device)?, train),
        }
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

/// Refuses a configuration file whose `[model]` or `[data]` is no longer that of the run.
fn as_it_began(draft: &Draft, spec: &Spec, same_data: bool) -> Result<()> {
    let edited = match (draft.table("model") == spec.config, same_data) {
        (true, true) => return Ok(()),
        (false, _) => "[model]",
        (true, false) => "[data]",
    };
    Err(usage(format!(
        "config.toml: {edited} is not what the run began with; put it back, or begin a new run with --config"
    )))
}

/// Refuses a run inside the folder of its own data: its pictures would become data.
fn apart(run: &Path, data: &DataConfig) -> Result<()> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = match data.source() {
        Source::Path(path) if path.is_dir() => absolute(&path),
        _ => return Ok(()),
    };
    if absolute(run).starts_with(&folder) {
        return Err(usage(format!(
            "--run {} lies inside its data {}: its pictures would become data; choose another --run",
            run.display(),
            folder.display()
        )));
    }
    Ok(())
}

fn model_name(given: &Given, file: Option<&ConfigFile>) -> Result<String> {
    let in_file = file.and_then(|file| file.name.as_deref());
    let asked = match (given.model.as_deref(), in_file) {
        (Some(asked), Some(in_file)) if !is_model(asked, in_file) => {
            let path = file
                .map(|file| file.path.display().to_string())
                .unwrap_or_default();
            return Err(usage(format!("{path} configures {in_file}, not {asked}")));
        }
        (Some(asked), _) | (None, Some(asked)) => asked,
        (None, None) => return Err(usage(format!("which MODEL? models are {}", listed()))),
    };
    Ok(asked.to_owned())
}

/// Whether two names are of one model.
fn is_model(a: &str, b: &str) -> bool {
    let name = |text: &str| {
        ar_models::find(text).map_or_else(|| text.to_owned(), |entry| entry.name.to_owned())
    };
    name(a) == name(b)
}

fn train_config(draft: &Draft) -> Result<TrainConfig> {
    let train: TrainConfig = draft.typed("train")?;
    train
        .validate()
        .map_err(|error| usage(format!("in [train]: {error}")))?;
    Ok(train)
}

/// The configuration that a run keeps.
fn stored(directory: &RunDirectory, name: &str) -> Result<Draft> {
    let mut draft = Draft::new(name, None)?;
    draft.merge(&ConfigFile::read(&directory.config_path())?)?;
    Ok(draft)
}

fn same_data(data: &Data, record: &DataRecord) -> Result<()> {
    anyhow::ensure!(
        data.fingerprint == record.fingerprint,
        "these are not the data that the run began with, as their fingerprints differ (was {}, now {})",
        record.source,
        data.source
    );
    Ok(())
}

/// `runs/MODEL-DATA-NNN`, with the first number that is free.
fn free_directory(model: &str, data: &str) -> PathBuf {
    let plain: String = data
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let numbered = |n: usize| Path::new("runs").join(format!("{model}-{plain}-{n:03}"));
    let mut n = 1;
    while numbered(n).exists() {
        n += 1;
    }
    numbered(n)
}
