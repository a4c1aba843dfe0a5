//! What commands that look at images through a run have in common.

use std::path::Path;

use anyhow::{Context as _, Result};
use ar_core::{Domain, Scan};
use ar_data::Split;

use crate::config::DataConfig;
use crate::dataset::Data;
use crate::device::DeviceChoice;
use crate::failure::usage;
use crate::output::Output;
use crate::reading::ReadingArgs;
use crate::run::Run;
use crate::values::{count, scan};

/// Which images, and on what device.
#[derive(Debug, clap::Args)]
pub(crate) struct Scoring {
    /// auto, mnist, cifar10, digits, letters, tones, or a path [default: the run's own data]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,

    #[command(flatten)]
    reading: ReadingArgs,

    /// Images as large as they are, without the --resize and --crop of the run; for models whose parameters
    /// are not tied to a size
    #[arg(long)]
    full_size: bool,

    /// Which part of the data
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    split: SplitName,

    /// Of a model of several orders, score in this one; of one trained in every order, in any in
    /// which pixels come one after the other
    #[arg(long, value_name = "NAME", value_parser = scan)]
    order: Option<Scan>,

    /// Only the first N images
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    limit: Option<usize>,

    /// Images at once
    #[arg(long, value_name = "B", default_value = "64", value_parser = count, allow_hyphen_values = true)]
    pub(super) batch_size: usize,

    /// auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum SplitName {
    /// Held out for the final figure
    Test,
    /// Held out for choosing
    Validation,
    /// What the model was fitted to
    Train,
}

impl Scoring {
    /// The run at `path`.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn open(&self, path: &Path) -> Result<Run> {
        Run::open(path, &self.device.open()?)
    }

    /// The data, with the run's encoding, and which part of them to look at; it has images. Where they are of
    /// another size than the run's, so is its model from here on.
    ///
    /// # Errors
    /// When there are none, or they are not of the run's kind.
    pub(super) fn data(&self, run: &mut Run, output: &Output) -> Result<(Data, Split)> {
        let source = self.data.as_deref();
        let data = data_of(run, source, &self.reading, self.full_size, output)?;
        self.take_order(run)?;
        let split = match self.split {
            SplitName::Test => Split::Test,
            SplitName::Validation => Split::Validation,
            SplitName::Train => Split::Train,
        };
        if data.split(split).is_empty() {
            return Err(usage(format!(
                "{} has no {} images; choose another --split",
                data.name,
                split.name()
            )));
        }
        Ok((data, split))
    }

    /// Leaves of the model of `run` the order asked for.
    ///
    /// # Errors
    /// When it does not know it.
    pub(super) fn take_order(&self, run: &mut Run) -> Result<()> {
        self.order.map_or(Ok(()), |order| run.take_order(order))
    }

    /// At most so many images; 0 for all.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(0)
    }
}

/// The data of `source`, or those of the run, with the run's encoding; the model takes their size.
///
/// # Errors
/// When they cannot be had or are not of the run's kind.
pub(super) fn data_of(
    run: &mut Run,
    source: Option<&str>,
    reading: &ReadingArgs,
    full_size: bool,
    output: &Output,
) -> Result<Data> {
    reads_sound(run, reading, full_size)?;
    if let (Some(option), false) = (reading.first_of_arrays(), run.data.config.is_array(source)) {
        let name = source.unwrap_or(&run.data.name);
        return Err(usage(format!("{option} is for arrays; {name} is none")));
    }
    let config = config_of(run, source, reading, full_size);
    let data = Data::like(&config, &run.encoding);
    let data = match source {
        Some(_) => data,
        None => data.context(
            "the run's data cannot be had; if they have moved, say where they are with --data",
        ),
    }?;
    let data = seen_by(run, data, output)?;
    let by_class = run.spec.conditioning.classes().is_some();
    if by_class && !has_classes_of(run, &data) {
        return Err(usage(format!(
            "the classes of {} are {}, those of the run's data {}",
            data.name,
            data.classes.join(", "),
            run.data.classes.join(", ")
        )));
    }
    // The same pictures uncut are other data.
    if data.fingerprint != run.data.fingerprint && !(full_size && source.is_none()) {
        output.warn(format_args!(
            "note: these are not the data the model was trained with ({}, {}): {}",
            run.data.name, run.data.source, data.source
        ));
    }
    Ok(data)
}

/// Refuses what says how pictures are read where the model of `run` is of sound.
///
/// # Errors
/// With the option.
pub(super) fn reads_sound(run: &Run, reading: &ReadingArgs, full_size: bool) -> Result<()> {
    let full_size = full_size.then_some("--full-size");
    match reading.first_of_images().or(full_size) {
        Some(option) if run.data.config.sample_rate.is_some() => Err(usage(format!(
            "{option} is for images; the model is of sound"
        ))),
        _ => Ok(()),
    }
}

/// Whether a label of `data` means the same class to `run`.
pub(super) fn has_classes_of(run: &Run, data: &Data) -> bool {
    run.data.classes.starts_with(&data.classes)
}

/// How the data of `source`, or those of the run, are loaded.
pub(super) fn config_of(
    run: &Run,
    source: Option<&str>,
    reading: &ReadingArgs,
    full_size: bool,
) -> DataConfig {
    let own = run.data.config.clone();
    // How the run's own arrays are laid out, and who was held out of them, says nothing of others.
    let (layout, data_range, hold_out) = match source {
        None => (own.layout, own.data_range, own.hold_out),
        Some(_) => (None, None, None),
    };
    let framing = (!full_size).then_some((own.resize, own.crop));
    let (resize, crop) = framing.unwrap_or_default();
    reading.over(DataConfig {
        resize,
        crop,
        source: source.map_or(own.source.clone(), str::to_owned),
        layout,
        data_range,
        hold_out,
        // Whether labels are needed is for the model to say.
        conditional: false,
        ..own
    })
}

/// `data` as the model of `run` sees them; it takes their size.
///
/// # Errors
/// When they are not of the run's kind.
pub(super) fn seen_by(run: &mut Run, data: Data, output: &Output) -> Result<Data> {
    let data = if data.fingerprint == run.data.fingerprint {
        data
    } else {
        data.with_own_levels(run.encoding.levels())?
    };
    data.encoding.distinguishes(data.split(Split::Train))?;
    let (got, own) = (data.domain()?, run.model.domain());
    if (got.channels, got.levels) == (own.channels, own.levels) {
        let of = format!("{}, of", data.name);
        run.take_size([got.height, got.width], &of, output)?;
    }
    let expected = run.model.domain();
    if got != expected {
        return Err(usage(format!(
            "{} is {}, the model is of {}",
            data.name,
            described(&got),
            described(&expected)
        )));
    }
    let (native, expected) = (data.encoding.native_levels(), run.encoding.native_levels());
    if native != expected && native != run.encoding.levels() {
        return Err(usage(format!(
            "{} has {native} native levels, the run's data {expected}",
            data.name
        )));
    }
    Ok(data)
}

fn described(domain: &Domain) -> String {
    let Domain {
        channels,
        height,
        width,
        levels,
    } = domain;
    format!("{channels}x{height}x{width} with {levels} levels")
}
