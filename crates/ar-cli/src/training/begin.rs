//! From arguments and files to a new run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_data::{Source, Split};
use ar_models::Spec;
use ar_train::{RunDirectory, TrainConfig};

use super::given::{Given, LIMITS};
use super::plan::{Begun, Plan};
use crate::config::{ConfigFile, DataConfig, Draft, usual_size, usual_steps};
use crate::dataset::Data;
use crate::failure::usage;
use crate::models::{is_same, listed};
use crate::paths::identity;
use crate::run::DataRecord;

/// Everything decided of a new run but where it goes.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// The model's name, configuration and domain.
    pub(crate) spec: Spec,
    train: TrainConfig,
    data: Data,
    config: String,
}

impl Plan {
    /// A new run.
    ///
    /// # Errors
    /// As [`Self::prepare`], and when the directory cannot be used.
    pub(crate) fn begin(given: &Given) -> Result<Self> {
        let prepared = Self::prepare(given)?;
        let free = || free_directory(&prepared.spec.model, &prepared.data.name);
        let path = given.run.clone().unwrap_or_else(free);
        prepared.into_plan(&path)
    }

    /// What a new run is made of.
    ///
    /// # Errors
    /// On a configuration that is none, or data that cannot be had.
    pub(crate) fn prepare(given: &Given) -> Result<Prepared> {
        let file = given.config.as_deref().map(ConfigFile::read).transpose()?;
        let asked = model_name(given, file.as_ref())?;
        let with = |preset: Option<&str>| -> Result<Draft> {
            let mut draft = Draft::new(&asked, preset)?;
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
            Ok(draft)
        };
        let mut size = given.preset.as_deref();
        let mut draft = with(size)?;
        let is_conditional = |draft: &Draft| draft.get("data", "conditional") == true;
        if is_conditional(&Draft::new(&asked, None)?) && !is_conditional(&draft) {
            return Err(usage(format!(
                "conditional=false: {asked} is conditional; {} by itself is not",
                draft.name
            )));
        }
        let asked_data = draft.typed::<DataConfig>("data")?;
        let own_size = given.preset.is_some() || file.as_ref().is_some_and(|f| f.has("model"));
        if let Some(of_sound) = usual_size(&draft.name, &asked_data)?.filter(|_| !own_size) {
            size = Some(of_sound);
            draft = with(size)?;
        }
        if ar_data::is_sound(&asked_data.source()) {
            give_context(&mut draft)?;
        }
        let name = draft.name.clone();
        if LIMITS
            .iter()
            .all(|field| draft.get("train", field).is_null())
        {
            draft.flag(
                "the default",
                "train",
                "steps",
                Some(usual_steps(&name, size).into()),
            )?;
        }
        let train = draft.training()?;
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
        let shapes = spec.shapes()?;
        train.optimizer.suits(shapes.values().map(Vec::as_slice))?;
        draft.resolve(spec.config.clone(), &data.config)?;

        Ok(Prepared {
            spec,
            train,
            data,
            config: draft.to_toml()?,
        })
    }
}

impl Prepared {
    /// Whether the run may have this directory; nothing is made.
    ///
    /// # Errors
    /// When it is a file, lies inside the run's own data, or holds a run already.
    pub(super) fn may_lie_in(&self, path: &Path) -> Result<()> {
        if path.is_file() {
            return Err(usage(format!("--run {}: it is a file", path.display())));
        }
        apart(path, &self.data.config)?;
        if RunDirectory::is_run(path) {
            return Err(usage(format!(
                "{} already holds a run: choose another --run, or continue it with train --resume",
                path.display()
            )));
        }
        Ok(())
    }

    /// The run in a new directory at `path`.
    ///
    /// # Errors
    /// When the directory cannot be used.
    pub(crate) fn into_plan(self, path: &Path) -> Result<Plan> {
        self.may_lie_in(path)?;
        let directory = RunDirectory::create(path)
            .with_context(|| format!("cannot use --run {}", path.display()))?;
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

/// Lets crops of recordings be given as many samples as the model's conditionals depend on.
fn give_context(draft: &mut Draft) -> Result<()> {
    let entry = ar_models::find(&draft.name);
    let reach = entry.map(|entry| entry.reach(&draft.table("model")));
    let Some(reach) = reach.transpose()?.flatten() else {
        let is = match usual_size(&draft.name, &draft.typed("data")?)? {
            Some(_) => format!("set so, {} depends on all of a recording", draft.name),
            None => format!("{} is for images", draft.name),
        };
        return Err(usage(format!(
            "{is}: recordings are learned in parts, by a model that depends on so many samples before and no \
             more; take wavenet, in raster order and with position=false"
        )));
    };
    match draft.get("data", "context").as_u64() {
        Some(context) if context < reach as u64 => Err(usage(format!(
            "context={context}: the model depends on {reach} samples before each"
        ))),
        Some(_) => Ok(()),
        None => draft.flag("the model's reach", "data", "context", Some(reach.into())),
    }
}

/// Refuses a run inside the folder of its own data: its pictures would become data.
fn apart(run: &Path, data: &DataConfig) -> Result<()> {
    let folder = match data.source() {
        Source::Path(path) if path.is_dir() => identity(&path),
        _ => return Ok(()),
    };
    if identity(run).starts_with(&folder) {
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
        (Some(asked), Some(in_file)) if !is_same(asked, in_file) => {
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
