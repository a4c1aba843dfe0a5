//! MODEL|RUN: a model by name, freshly initialised, or a trained one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_core::{Conditioning, Distribution, Domain, Model, Weights};
use ar_models::Spec;
use candle_core::Device;

use crate::config::{DataConfig, Draft};
use crate::dataset::Data;
use crate::failure::usage;
use crate::run::Run;
use crate::values::{count, levels};

/// What `check` and `info` look at.
#[derive(Debug, clap::Args)]
pub(crate) struct TargetArgs {
    /// Name of a model, run directory or checkpoint file
    #[arg(value_name = "MODEL|RUN")]
    target: PathBuf,

    /// MODEL only: a field of its configuration
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// MODEL only: a named size of it
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,

    /// MODEL only: condition it on N classes
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    classes: Option<usize>,

    /// MODEL only: take shape and levels from this data set [default: 28x28 grey, 256 levels]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,

    /// MODEL only: folder of data sets, looked at before the cache
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// MODEL only: levels K
    #[arg(long, value_name = "K", value_parser = levels, allow_hyphen_values = true)]
    levels: Option<usize>,

    /// MODEL only: reduce RGB pixels to the K colours of a palette
    #[arg(long, value_name = "K", value_parser = levels, conflicts_with = "levels", allow_hyphen_values = true)]
    palette: Option<usize>,

    /// MODEL only: channels, height and width, such as 3x32x32
    #[arg(long, value_name = "CxHxW", value_parser = shape, conflicts_with = "data")]
    shape: Option<[usize; 3]>,
}

/// A model, and the run it comes from if it is trained.
#[derive(Debug)]
pub(crate) struct Target {
    /// The model.
    pub(crate) model: Box<dyn Distribution>,
    /// Its name, configuration and domain.
    pub(crate) spec: Spec,
    /// Its weights.
    pub(crate) weights: Weights,
    /// The run, without which the model is untrained.
    pub(crate) run: Option<Trained>,
}

/// What is known of a trained model beside itself.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The folder of the checkpoint.
    pub(crate) directory: PathBuf,
    /// Updates made.
    pub(crate) step: u64,
    /// The data it was trained on.
    pub(crate) data: crate::run::DataRecord,
}

impl Target {
    /// The model itself, or the first member of a mixture.
    ///
    /// # Errors
    /// When a mixture has no members, which it cannot.
    pub(crate) fn first(&self) -> Result<&dyn Model> {
        let members = self.model.members();
        members.first().copied().context("a model without members")
    }
}

const DEFAULT_SHAPE: [usize; 3] = [1, 28, 28];
const DEFAULT_LEVELS: usize = 256;
/// Classes of a model whose name says that it is conditional.
const DEFAULT_CLASSES: usize = 10;

impl TargetArgs {
    /// Opens the run, or initialises the model.
    ///
    /// # Errors
    /// When there is neither, or the configuration is none.
    pub(crate) fn open(&self, device: &Device) -> Result<Target> {
        let name = self.target.to_str();
        if let Some(name) = name.filter(|name| ar_models::find(name).is_some()) {
            return self.fresh(name, device);
        }
        if !self.target.exists() {
            let known: Vec<_> = ar_models::registry()
                .iter()
                .map(|entry| entry.name)
                .collect();
            return Err(usage(format!(
                "{} is neither a run nor a model; models are {}",
                self.target.display(),
                known.join(", ")
            )));
        }
        let for_models = [
            ("--set", !self.set.is_empty()),
            ("--preset", self.preset.is_some()),
            ("--classes", self.classes.is_some()),
            ("--data", self.data.is_some()),
            ("--data-dir", self.data_dir.is_some()),
            ("--levels", self.levels.is_some()),
            ("--palette", self.palette.is_some()),
            ("--shape", self.shape.is_some()),
        ];
        if let Some((flag, _)) = for_models.iter().find(|(_, given)| *given) {
            return Err(usage(format!(
                "{flag} is for untrained models; {} is a run",
                self.target.display()
            )));
        }
        let run = Run::open(Path::new(&self.target), device)?;
        Ok(Target {
            model: run.model,
            spec: run.spec,
            weights: run.weights,
            run: Some(Trained {
                directory: run.directory,
                step: run.step,
                data: run.data,
            }),
        })
    }

    fn fresh(&self, name: &str, device: &Device) -> Result<Target> {
        let mut draft = Draft::new(name, self.preset.as_deref())?;
        for assignment in &self.set {
            draft.set(assignment)?;
        }
        let (domain, classes) = self.domain(draft.usual_palette)?;
        let usual_classes = (draft.get("data", "conditional") == true).then_some(classes);
        let conditioning = match self.classes.or(usual_classes) {
            Some(classes) => Conditioning::Class { classes },
            None => Conditioning::None,
        };
        let spec = Spec::new(name, draft.table("model"), domain, conditioning)?;
        let weights = Weights::from_vars(&spec.initialise(0, device)?).detached();
        let model = spec.build(&weights)?;
        Ok(Target {
            model,
            spec,
            weights,
            run: None,
        })
    }

    /// What the model is a distribution over, and how many classes its data have.
    fn domain(&self, usual_palette: Option<usize>) -> Result<(Domain, usize)> {
        if let Some(source) = &self.data {
            let config = DataConfig {
                source: source.clone(),
                data_dir: self.data_dir.clone(),
                levels: self.levels,
                palette: self.palette,
                ..DataConfig::default()
            };
            let data = Data::load(&config, usual_palette)?;
            return Ok((data.domain()?, data.classes.len()));
        }
        let [channels, height, width] = self.shape.unwrap_or(DEFAULT_SHAPE);
        let usual_palette = usual_palette.filter(|_| channels == 3 && self.levels.is_none());
        let (channels, levels) = match self.palette.or(usual_palette) {
            Some(_) if channels != 3 => {
                return Err(usage("--palette is for RGB; give --shape 3xHxW"));
            }
            Some(colours) => (1, colours),
            None => (channels, self.levels.unwrap_or(DEFAULT_LEVELS)),
        };
        let domain = Domain::new(channels, height, width, levels)?;
        Ok((domain, DEFAULT_CLASSES))
    }
}

fn shape(text: &str) -> Result<[usize; 3], String> {
    let sizes: Option<Vec<usize>> = text.split('x').map(|size| size.parse().ok()).collect();
    match sizes.as_deref() {
        Some(&[c, h, w]) if c > 0 && h > 0 && w > 0 => Ok([c, h, w]),
        _ => Err("must be channels, height and width, such as 3x32x32".to_owned()),
    }
}
