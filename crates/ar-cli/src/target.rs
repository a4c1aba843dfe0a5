//! MODEL|RUN: a model by name, freshly initialised, or a trained one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_core::{Conditioning, Distribution, Domain, Model, Weights};
use ar_models::Spec;
use ar_train::TrainConfig;
use candle_core::Device;

use crate::config::{DataConfig, Draft, usual_size, usual_steps, usual_training};
use crate::dataset::Data;
use crate::failure::usage;
use crate::models::{listed, names};
use crate::reading::{ReadingArgs, SeeingArgs};
use crate::run::Run;
use crate::values::count;
use crate::words::meant;

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

    /// MODEL only: take shape and levels from this data set [default: 28x28 grey of 2 levels, as the
    /// digits that `train` takes by default]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    seeing: SeeingArgs,

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
    /// Of an untrained model, the size asked for.
    preset: Option<String>,
}

/// What is known of a trained model beside itself.
#[derive(Debug)]
pub(crate) struct Trained {
    /// The folder of the checkpoint.
    pub(crate) directory: PathBuf,
    /// How it is trained, where its folder says.
    pub(crate) train: Option<TrainConfig>,
    /// Updates made.
    pub(crate) step: u64,
    /// The data it was trained on.
    pub(crate) data: crate::run::DataRecord,
}

impl Target {
    /// How `train` trains such a model unless told otherwise.
    pub(crate) fn usual_training(&self) -> TrainConfig {
        let size = self.preset.as_deref();
        TrainConfig {
            steps: Some(usual_steps(&self.spec.model, size)),
            ..usual_training(&self.spec.model, size)
        }
    }

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
/// Of the digits that `train` takes by default, which are made binary.
const DEFAULT_LEVELS: usize = 2;
/// Of pictures as files hold them.
const STORED_LEVELS: usize = 256;
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
        let run = self.run(device)?;
        let train = run.train();
        Ok(Target {
            model: run.model,
            spec: run.spec,
            weights: run.weights,
            run: Some(Trained {
                train,
                directory: run.directory,
                step: run.step,
                data: run.data,
            }),
            preset: None,
        })
    }

    /// Opens what is no model by name as a run.
    ///
    /// # Errors
    /// When there is none, or something is given that is for models.
    fn run(&self, device: &Device) -> Result<Run> {
        if !self.target.exists() {
            let name = self.target.to_string_lossy();
            return Err(usage(format!(
                "{name} is neither a run nor a model{}; models are {}",
                meant(&name, names()),
                listed()
            )));
        }
        let for_models = [
            ("--set", !self.set.is_empty()),
            ("--preset", self.preset.is_some()),
            ("--classes", self.classes.is_some()),
            ("--data", self.data.is_some()),
            ("--shape", self.shape.is_some()),
        ];
        let given = for_models.iter().find(|(_, given)| *given);
        let given = given.map(|(flag, _)| *flag);
        if let Some(flag) = given
            .or_else(|| self.reading.first_given())
            .or_else(|| self.seeing.first_given())
        {
            return Err(usage(format!(
                "{flag} is for untrained models; {} is a run",
                self.target.display()
            )));
        }
        Run::open(Path::new(&self.target), device)
    }

    /// Opens the run that `option` needs.
    ///
    /// # Errors
    /// As [`TargetArgs::open`]; also for a model by name.
    pub(crate) fn trained(&self, option: &str, device: &Device) -> Result<Run> {
        let name = self.target.to_str();
        match name.filter(|name| ar_models::find(name).is_some()) {
            Some(name) => Err(usage(format!(
                "{option} is for runs; {name} is an untrained model"
            ))),
            None => self.run(device),
        }
    }

    fn fresh(&self, name: &str, device: &Device) -> Result<Target> {
        let config = self.data.as_ref().map(|source| {
            let seen = self.seeing.of(source.clone());
            self.reading.over(seen)
        });
        let of_data = config.as_ref().map(|config| usual_size(name, config));
        let of_data = of_data.transpose()?.flatten();
        let size = self.preset.as_deref().or(of_data);
        let mut draft = Draft::new(name, size)?;
        let usual = draft.clone();
        for assignment in &self.set {
            draft.set(assignment)?;
        }
        let foreign = draft
            .differences(&usual)
            .into_iter()
            .find(|field| !field.starts_with("model."));
        if let Some(field) = foreign {
            return Err(usage(format!(
                "--set: {field} is no field of the model, which is all that check and info look at"
            )));
        }
        let (domain, classes) = self.domain(&draft, config)?;
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
            preset: size.map(str::to_owned),
        })
    }

    /// What the model is a distribution over, and how many classes its data have.
    fn domain(&self, draft: &Draft, config: Option<DataConfig>) -> Result<(Domain, usize)> {
        let usual_palette = draft.usual_palette;
        if let Some(config) = config {
            let config = DataConfig {
                conditional: draft.get("data", "conditional") == true,
                ..config
            };
            let data = Data::load(&config, usual_palette)?;
            return Ok((data.domain()?, data.classes.len()));
        }
        self.seeing.of(String::new()).validate()?;
        let needing_data = self.reading.first_given().or_else(|| {
            let seeing = &self.seeing;
            [
                ("--resize", seeing.resize.is_some()),
                ("--crop", seeing.crop.is_some()),
                ("--quantize", seeing.quantize.is_some()),
            ]
            .into_iter()
            .find_map(|(flag, given)| given.then_some(flag))
        });
        if let Some(flag) = needing_data {
            return Err(usage(format!(
                "{flag} says how data are read: name them with --data"
            )));
        }
        let (asked, two) = (self.seeing.levels, self.seeing.binarize.map(|_| 2));
        let [channels, height, width] = self.shape.unwrap_or(DEFAULT_SHAPE);
        let usual_palette = usual_palette.filter(|_| channels == 3 && asked.is_none());
        let usual_levels = if self.shape.is_none() {
            DEFAULT_LEVELS
        } else {
            STORED_LEVELS
        };
        let (channels, levels) = match self.seeing.palette.or(usual_palette) {
            Some(_) if channels != 3 => {
                return Err(usage("--palette is for RGB; give --shape 3xHxW"));
            }
            Some(colours) => (1, colours),
            None => (channels, asked.or(two).unwrap_or(usual_levels)),
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
