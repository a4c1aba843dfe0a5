//! RUN: a run directory or a checkpoint file, opened without any flag.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_core::{
    Conditioning, Distribution, Domain, Error, Mixture, Model, Order, Pieces, Scan, Weights,
};
use ar_data::{Encoding, Source};
use ar_models::Spec;
use ar_train::names::{BEST, CONFIG, METRICS, MODEL};
use ar_train::{Checkpoint, Manifest, TrainConfig};
use candle_core::{DType, Device};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{ConfigFile, DataConfig, Draft};
use crate::dataset::Data;
use crate::destination::Destinations;
use crate::failure::usage;
use crate::metrics::{BestStep, read_metrics};
use crate::output::Output;
use crate::paths::folder_of;

/// What a checkpoint says of the data it was trained on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DataRecord {
    /// Short name, as "mnist".
    pub(crate) name: String,
    /// Where it came from, a line for people.
    pub(crate) source: String,
    /// SHA-256 over all pixels and labels.
    pub(crate) fingerprint: String,
    /// Names of the classes, if there are any.
    #[serde(default)]
    pub(crate) classes: Vec<String>,
    /// What is applied to pixels.
    pub(crate) encoding: Encoding,
    /// How to load the same again.
    pub(crate) config: DataConfig,
}

impl DataRecord {
    /// The record of `data`.
    pub(crate) fn of(data: &Data) -> Self {
        Self {
            name: data.name.clone(),
            source: data.source.clone(),
            fingerprint: data.fingerprint.clone(),
            classes: data.classes.clone(),
            encoding: data.encoding.clone(),
            config: data.config.clone(),
        }
    }
}

impl DataRecord {
    /// Keeps `files` from the data, where they are a file or a folder.
    pub(crate) fn is_read(&self, files: &mut Destinations) {
        if let Source::Path(data) = self.config.source() {
            files.reads("the run", &data);
        }
    }
}

/// A trained model and what it was trained on.
#[derive(Debug)]
pub(crate) struct Run {
    /// Where results go unless told otherwise: the folder of the checkpoint.
    pub(crate) directory: PathBuf,
    /// The model, with averaged weights where there are any.
    pub(crate) model: Box<dyn Distribution>,
    /// Its name, configuration and domain.
    pub(crate) spec: Spec,
    /// Its weights.
    pub(crate) weights: Weights,
    /// Updates made.
    pub(crate) step: u64,
    /// The data it was trained on.
    pub(crate) data: DataRecord,
    /// What is applied to pixels.
    pub(crate) encoding: Encoding,
    trained_on: Domain,
}

impl Run {
    /// Opens `path`, a run directory or a checkpoint file, on `device`.
    ///
    /// # Errors
    /// When there is no run, or the checkpoint is damaged or of a model that is not known here.
    pub(crate) fn open(path: &Path, device: &Device) -> Result<Self> {
        let file = if path.is_dir() {
            path.join(meant_by(path)?)
        } else {
            path.to_owned()
        };
        if path.is_dir() && !file.exists() {
            return Err(usage(format!(
                "{} is not a run: it holds no {MODEL}",
                path.display()
            )));
        }
        if !file.exists() {
            return Err(usage(format!(
                "there is no run {}; give a run directory or a checkpoint file",
                path.display()
            )));
        }
        // Whatever is wrong in there is the file's fault, not the command line's.
        Self::from_checkpoint(&file, device)
            .map_err(|error| anyhow::anyhow!("cannot open {}: {error:#}", path.display()))
    }

    /// The order in which every member of the model generates.
    ///
    /// # Errors
    /// When members differ in it.
    pub(crate) fn order(&self) -> Result<&Order> {
        let members = self.model.members();
        match members.as_slice() {
            [first, others @ ..] if others.iter().all(|m| m.order() == first.order()) => {
                Ok(first.order())
            }
            _ => Err(usage(
                "the model is a mixture of several orders; take one of them with --order NAME",
            )),
        }
    }

    /// Puts the model together anew for images of `[height, width]`, where it was of others; `what` has that
    /// size.
    ///
    /// # Errors
    /// When a parameter ties it to the size it was trained on.
    pub(crate) fn take_size(
        &mut self,
        [height, width]: [usize; 2],
        what: &str,
        output: &Output,
    ) -> Result<()> {
        let own = self.model.domain();
        if [height, width] == [own.height, own.width] {
            return Ok(());
        }
        let spec = self.of_size([height, width], what)?;
        self.model = spec.build(&self.weights)?;
        self.spec = spec;
        self.tell_size(output);
        Ok(())
    }

    fn of_size(&self, [height, width]: [usize; 2], what: &str) -> Result<Spec> {
        self.spec.of_size(height, width).map_err(|error| {
            let problem = match error {
                Error::Config { field, problem } if field == "order" => {
                    format!("the order {problem}")
                }
                Error::Config { problem, .. } => problem,
                other => other.to_string(),
            };
            usage(format!("{what} {height}x{width}: {problem}"))
        })
    }

    fn tell_size(&self, output: &Output) {
        let of = |domain: Domain| match self.data.config.sample_rate {
            Some(_) => format!("recordings of {} samples", domain.width),
            None => format!("images of {}x{}", domain.height, domain.width),
        };
        let (before, now) = (of(self.trained_on), of(self.model.domain()));
        output.note(format_args!("the model, trained on {before}, takes {now}"));
    }

    /// As [`Run::take_size`] for a recording of `samples`, piece by piece where it is long and the model's reach
    /// is bounded: a plan for all of it would fill the memory.
    ///
    /// # Errors
    /// As [`Run::take_size`].
    pub(crate) fn take_length(
        &mut self,
        samples: usize,
        what: &str,
        output: &Output,
    ) -> Result<()> {
        const PIECE: usize = 1 << 14;
        let entry = ar_models::find(&self.spec.model);
        let reach = entry
            .map(|entry| entry.reach(&self.spec.config))
            .transpose()?;
        let told = matches!(self.spec.conditioning, Conditioning::Map { .. });
        match reach.flatten().filter(|_| !told) {
            Some(reach) if samples > PIECE.max(4 * reach) => {
                let spec = self.of_size([1, PIECE.max(4 * reach)], what)?;
                let pieces = Pieces::new(spec.build(&self.weights)?, samples, reach)?;
                self.model = Box::new(pieces);
                self.spec = spec;
                self.tell_size(output);
                Ok(())
            }
            _ => self.take_size([1, samples], what, output),
        }
    }

    /// Leaves of a model of several orders the one called `scan`, and of one trained in every order that.
    ///
    /// # Errors
    /// When it does not know the order.
    pub(crate) fn take_order(&mut self, scan: Scan) -> Result<()> {
        if let Some(alone) = self.in_order(scan)? {
            self.model = Box::new(alone);
        }
        Ok(())
    }

    /// The model in the order `scan` alone; none where it has no other.
    ///
    /// # Errors
    /// When it does not know the order.
    pub(crate) fn in_order(&self, scan: Scan) -> Result<Option<Mixture>> {
        in_order(&*self.model, scan).map_err(|error| match error {
            Error::Config { field, problem } if field == "order" => {
                usage(format!("--order {scan:#}: {problem}"))
            }
            other => usage(other.to_string()),
        })
    }

    /// Keeps `files` from what this run, opened as `path`, is read from: its data and, if it is one, the file.
    pub(crate) fn is_read(&self, path: &Path, files: &mut Destinations) {
        if path.is_file() {
            files.reads("RUN", path);
        }
        self.data.is_read(files);
    }

    /// Whether its folder is a run's, and not just where somebody keeps a checkpoint.
    pub(crate) fn has_folder(&self) -> bool {
        self.directory.join(CONFIG).is_file()
    }

    /// How it is trained, where its folder says.
    pub(crate) fn train(&self) -> Option<TrainConfig> {
        self.configured()?.typed("train").ok()
    }

    /// What the folder's configuration file says, if it can be read and is not emptied: a checkpoint alone is a run
    /// too.
    fn configured(&self) -> Option<Draft> {
        let file = ConfigFile::read(&self.directory.join(CONFIG)).ok()?;
        file.get("data", "source")?;
        let mut draft = Draft::new(&self.spec.model, None).ok()?;
        draft.merge(&file).ok()?;
        Some(draft)
    }

    /// The data as they were, where the folder's configuration says that they are now.
    fn relocated(&mut self) {
        let place = self
            .configured()
            .map(|draft| draft.typed::<DataConfig>("data"));
        if let Some(Ok(place)) = place {
            self.data.config = self.data.config.at(&place);
        }
    }

    fn from_checkpoint(file: &Path, device: &Device) -> Result<Self> {
        let checkpoint = Checkpoint::open(file, device)?;
        let (spec, data) = described(&checkpoint.manifest)?;
        let weights = checkpoint.best_weights().clone();
        all_finite(&weights)?;
        let model = spec.build(&weights)?;
        let directory = folder_of(file).to_owned();
        let mut run = Self {
            directory,
            model,
            weights,
            step: checkpoint.step,
            encoding: data.encoding.clone(),
            trained_on: spec.domain,
            spec,
            data,
        };
        run.relocated();
        Ok(run)
    }
}

/// `model` in the order `scan` alone; none where it has no other.
///
/// # Errors
/// When it does not know the order.
pub(crate) fn in_order(model: &dyn Distribution, scan: Scan) -> ar_core::Result<Option<Mixture>> {
    let members = model.members();
    let steps = members[0].order().channel_steps();
    let order = Order::scan(scan, &model.domain(), steps)?;
    if members.len() == 1 && members[0].order().same_steps(&order) {
        return Ok(None);
    }
    let found = model.in_order(&order).ok_or_else(|| {
        let orders = orders_of(model);
        Error::config(
            format!("--order {scan:#}"),
            format!("the model knows {orders}"),
        )
    })?;
    Ok(Some(Mixture::new(vec![found?])?))
}

/// Refuses weights that are no numbers: a rectifier would hide them, and every figure be wrong.
///
/// # Errors
/// Naming the first such tensor.
pub(crate) fn all_finite(weights: &Weights) -> Result<()> {
    for (name, tensor) in weights.iter() {
        let sum = tensor
            .abs()?
            .max_all()?
            .to_dtype(DType::F32)?
            .to_scalar::<f32>()?;
        let total = tensor.sum_all()?.to_dtype(DType::F32)?.to_scalar::<f32>()?;
        anyhow::ensure!(
            sum.is_finite() && !total.is_nan(),
            "{name} holds values that are not numbers: the weights have diverged or are damaged"
        );
    }
    Ok(())
}

/// The checkpoint that a run directory stands for: the last, or the best of a run that validation
/// was to end.
///
/// # Errors
/// When the configuration, which says that, is there and cannot be read.
fn meant_by(directory: &Path) -> Result<&'static str> {
    let config = directory.join(CONFIG);
    if !config.exists() {
        return Ok(MODEL);
    }
    let file = ConfigFile::read(&config).map_err(|error| {
        let instead = format!("mend it, or give {MODEL} or {BEST} in its folder instead");
        anyhow::anyhow!("{error:#}; {instead}")
    })?;
    let patient = file.get("train", "patience").is_some_and(Value::is_u64);
    if !patient || directory.join(BEST).exists() {
        return Ok(if patient { BEST } else { MODEL });
    }
    // Before the first validation there is no best.
    let metrics = read_metrics(&directory.join(METRICS)).unwrap_or_default();
    anyhow::ensure!(
        !metrics
            .iter()
            .any(|line| BestStep::of_metrics(line).is_some()),
        "{}: it has no {BEST}, which a run with patience stands for; put it back, or give {MODEL} in it instead",
        directory.display()
    );
    Ok(MODEL)
}

/// What a checkpoint's header says: the model and the data.
///
/// # Errors
/// When a part cannot be read, or they contradict each other.
pub(crate) fn described(manifest: &Manifest) -> Result<(Spec, DataRecord)> {
    // Whatever is wrong in there is the file's fault, not the command line's.
    read_description(manifest).map_err(|error| anyhow::anyhow!("{error:#}"))
}

fn read_description(manifest: &Manifest) -> Result<(Spec, DataRecord)> {
    let domain: Domain =
        serde_json::from_value(manifest.domain.clone()).context("its domain cannot be read")?;
    let domain = Domain::new(domain.channels, domain.height, domain.width, domain.levels)?;
    let data: DataRecord = serde_json::from_value(manifest.dataset.clone())
        .context("its data record cannot be read")?;
    let conditioning = match &manifest.conditioning {
        Value::Null => Conditioning::None,
        stored => Conditioning::deserialize(stored).context("its conditioning cannot be read")?,
    };
    anyhow::ensure!(
        data.encoding.levels() == domain.levels,
        "it is damaged: its data have {} levels, its model {}",
        data.encoding.levels(),
        domain.levels
    );
    Ok((
        Spec::new(
            &manifest.model,
            manifest.config.clone(),
            domain,
            conditioning,
        )?,
        data,
    ))
}

/// The header of a checkpoint of `spec` trained on `data`.
///
/// # Errors
/// When a part cannot be written as JSON.
pub(crate) fn manifest(
    spec: &Spec,
    model: &dyn Distribution,
    data: &DataRecord,
) -> Result<Manifest> {
    Ok(Manifest {
        model: spec.model.clone(),
        config: spec.config.clone(),
        domain: serde_json::to_value(spec.domain)?,
        conditioning: serde_json::to_value(spec.conditioning)?,
        order: orders_of(model).into(),
        dataset: serde_json::to_value(data)?,
    })
}

/// What the order of a model is called.
pub(crate) fn order_of(model: &dyn Model) -> String {
    match model.order().name() {
        Some(scan) => format!("{scan:#}"),
        None => "a permutation of its own".to_owned(),
    }
}

/// What the orders of a model's members are called.
pub(crate) fn orders_of(model: &dyn Distribution) -> String {
    let members = model.members();
    let mut names: Vec<String> = members.iter().map(|m| order_of(*m)).collect();
    names.dedup();
    // Hundreds of random orders would be most of a checkpoint; they follow from the configuration.
    match names.len() {
        0..=8 => names.join(", "),
        n => format!("{}, .. ({n} orders)", names[0]),
    }
}
