//! From arguments and files to a run that can begin or go on.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_data::Split;
use ar_models::Spec;
use ar_train::{RunDirectory, TrainConfig};

use super::given::{Given, LIMITS};
use crate::config::{ConfigFile, Draft, default_steps};
use crate::dataset::Data;
use crate::failure::usage;
use crate::run::{DataRecord, described};

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
}

/// Whether a run begins or goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// At step 0.
    Anew,
    /// At its last checkpoint.
    Resumed,
}

/// Fields of `[train]` that a resumed run may change: they say when things happen, not what.
const FREE: [&str; 9] = [
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

impl Plan {
    /// A new run.
    ///
    /// # Errors
    /// On a configuration that is none, data that cannot be had, a directory that cannot be used.
    pub(crate) fn begin(given: &Given) -> Result<Self> {
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
                Some(default_steps(&name).into()),
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

        let path = given
            .run
            .clone()
            .unwrap_or_else(|| free_directory(&name, &data.name));
        let directory = RunDirectory::create(&path).map_err(|error| match error {
            ar_train::Error::RunExists { path } => usage(format!(
                "{} already holds a run: add --resume to continue it, or choose another --run",
                path.display()
            )),
            other => {
                anyhow::Error::new(other).context(format!("cannot use --run {}", path.display()))
            }
        })?;
        directory.write_config(&draft.to_toml()?)?;
        Ok(Self {
            spec,
            train,
            data,
            directory,
            begun: Begun::Anew,
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
        let extended = !changed.is_empty();
        changed.retain(|field| !FREE.contains(&field.as_str()));
        if !changed.is_empty() {
            return Err(usage(format!(
                "--resume: {} cannot change in a run that has begun; only limits and intervals can",
                changed.join(", ")
            )));
        }
        let train = train_config(&draft)?;
        let data = Data::like(&record.config, &record.encoding)?;
        same_data(&data, &record)?;
        if extended {
            directory.write_config(&draft.to_toml()?)?;
        }
        Ok(Self {
            spec,
            train,
            data,
            directory,
            begun: Begun::Resumed,
        })
    }
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
        (None, None) => return Err(usage(format!("which MODEL? models are {}", model_names()))),
    };
    Ok(asked.to_owned())
}

fn model_names() -> String {
    ar_models::registry()
        .iter()
        .map(|entry| entry.name)
        .collect::<Vec<_>>()
        .join(", ")
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
        "cannot resume: the data have changed since the run began (was {}, now {})",
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
