//! From a run's folder to the rest of it.

use anyhow::{Context as _, Result};
use ar_models::Spec;
use ar_train::{RunDirectory, TrainConfig};

use super::given::Given;
use super::plan::{Begun, Plan};
use crate::config::{ConfigFile, DataConfig, Draft};
use crate::dataset::Data;
use crate::failure::usage;
use crate::models::is_same;
use crate::run::{DataRecord, described};

/// Whether a resumed run may change a field: those that say when things happen and where the data are, not
/// what happens and which data they are, as their fingerprint decides.
fn is_free(field: &str) -> bool {
    let place = ["data.source", "data.data_dir", "data.download"];
    let of_training = field.strip_prefix("train.");
    place.contains(&field) || of_training.is_some_and(|field| TrainConfig::FREE.contains(&field))
}

impl Plan {
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
            .filter(|name| !is_same(name, &spec.model))
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
        changed.retain(|field| !is_free(field));
        if !changed.is_empty() {
            return Err(usage(format!(
                "--resume: {} cannot change in a run that has begun; only limits, intervals and where the data are can",
                changed.join(", ")
            )));
        }
        let train = draft.training()?;
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
}

/// Refuses a configuration file whose `[model]` or `[data]` is no longer that of the run.
fn as_it_began(draft: &Draft, spec: &Spec, same_data: bool) -> Result<()> {
    let edited = match (draft.table("model") == spec.config, same_data) {
        (true, true) => return Ok(()),
        (false, _) => "[model]",
        (true, false) => "[data]",
    };
    Err(usage(format!(
        "config.toml of the run: {edited} is not what it began with; put it back, or begin a new run with --config"
    )))
}

/// The configuration that a run keeps.
fn stored(directory: &RunDirectory, name: &str) -> Result<Draft> {
    let mut draft = Draft::new(name, None)?;
    let file = ConfigFile::read(&directory.config_path())?;
    // The last field of a whole file: a default would stand in for each that is missing.
    anyhow::ensure!(
        file.get("train", "weight_decay").is_some(),
        "{} is cut off: it has no weight_decay in [train]; put the whole file back",
        file.path.display()
    );
    draft.merge(&file)?;
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
