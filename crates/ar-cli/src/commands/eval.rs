//! `ar-cli eval`: the likelihood of images under a trained model.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_core::{Distribution, Domain, Score};
use ar_data::{Encoding, Images, Split};
use serde::{Deserialize, Serialize};

use crate::config::DataConfig;
use crate::dataset::{Data, for_scoring, score};
use crate::device::DeviceChoice;
use crate::failure::usage;
use crate::interrupt;
use crate::output::Output;
use crate::picture::write_whole;
use crate::progress::Progress;
use crate::run::Run;
use crate::values::count;

/// Score images under a trained model
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// auto, mnist, cifar10, digits, or a path [default: the run's own data]
    #[arg(long, value_name = "DATA")]
    data: Option<String>,

    /// Folder of data sets, looked at before the cache
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Which part of the data
    #[arg(long, value_name = "SPLIT", default_value = "test")]
    split: SplitName,

    /// Score only the first N images
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    limit: Option<usize>,

    /// Also write index, label, nats and bits/dim of each image
    #[arg(long, value_name = "FILE.csv")]
    per_image: Option<PathBuf>,

    /// Images scored at once
    #[arg(long, value_name = "B", default_value = "64", value_parser = count, allow_hyphen_values = true)]
    batch_size: usize,

    /// auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,

    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
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

/// A likelihood with what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    images: usize,
    nats_per_image: f64,
    standard_error: f64,
    nats_per_dim: f64,
    bits_per_dim: f64,
    levels: usize,
    binarization: String,
}

impl Scored {
    /// `score` under `encoding`, as scoring uses it.
    pub(crate) fn new(score: &Score, encoding: &Encoding) -> Self {
        Self {
            images: score.images,
            nats_per_image: score.nats_per_image,
            standard_error: score.standard_error,
            nats_per_dim: score.nats_per_dim,
            bits_per_dim: score.bits_per_dim,
            levels: encoding.levels(),
            binarization: for_scoring(encoding.clone()).binarization().to_owned(),
        }
    }

    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let binarization = match self.binarization.as_str() {
            "none" => String::new(),
            how => format!(", binarization {how}"),
        };
        format!(
            "{:.3} ± {:.3} nats/image, {:.5} nats/dim, {:.5} bits/dim ({} images, {} levels{binarization})",
            self.nats_per_image,
            self.standard_error,
            self.nats_per_dim,
            self.bits_per_dim,
            self.images,
            self.levels
        )
    }
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let run = Run::open(&args.run, &args.device.open()?)?;
    let data = data_of(args, &run, output)?;
    let split = match args.split {
        SplitName::Test => Split::Test,
        SplitName::Validation => Split::Validation,
        SplitName::Train => Split::Train,
    };
    let images = data.split(split);
    if images.is_empty() {
        return Err(usage(format!(
            "{} has no {} images; choose another --split",
            data.name,
            split.name()
        )));
    }
    let limit = args.limit.unwrap_or(0);
    let nats = with_bar(
        run.model.as_ref(),
        images,
        data.encoding.clone(),
        args.batch_size,
        limit,
        split.name(),
        output,
    )?;
    if let Some(path) = &args.per_image {
        write_per_image(path, &nats, images, &run.model.domain())?;
    }
    let scored = Scored::new(&Score::of(&nats, &run.model.domain()), &data.encoding);
    output.say(format_args!(
        "{} {}: {}",
        data.name,
        split.name(),
        scored.line()
    ))?;
    output.json(&scored)?;
    Ok(0)
}

/// Scores with a bar. After Ctrl-C, where that is listened for, the rest is left out.
pub(crate) fn with_bar(
    model: &dyn Distribution,
    images: &std::sync::Arc<Images>,
    encoding: Encoding,
    batch_size: usize,
    limit: usize,
    label: &str,
    output: &Output,
) -> Result<Vec<f64>> {
    let total = if limit == 0 {
        images.len()
    } else {
        limit.min(images.len())
    };
    let bar = Progress::new(output, format!("scoring {label}"), "images", total as u64);
    score(model, images, encoding, batch_size, limit, &mut |done| {
        bar.at(done as u64, String::new);
        !interrupt::asked()
    })
}

/// The data to score, with the run's encoding.
fn data_of(args: &Args, run: &Run, output: &Output) -> Result<Data> {
    let own = &run.data.config;
    let config = DataConfig {
        source: args.data.clone().unwrap_or_else(|| own.source.clone()),
        data_dir: args.data_dir.clone().or_else(|| own.data_dir.clone()),
        ..own.clone()
    };
    let data = Data::load(&config)?.with_own_levels(run.encoding.levels())?;
    let (got, expected) = (data.domain()?, run.model.domain());
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
    if data.fingerprint != run.data.fingerprint {
        output.warn(format_args!(
            "note: these are not the data the model was trained with ({}, {}): {}",
            run.data.name, run.data.source, data.source
        ));
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

fn write_per_image(path: &Path, nats: &[f64], images: &Images, domain: &Domain) -> Result<()> {
    let mut csv = "index,label,nats,bits_per_dim\n".to_owned();
    for (i, nats) in nats.iter().enumerate() {
        let label = images
            .label(i)
            .map_or(String::new(), |label| label.to_string());
        let bits = nats / (domain.dims() as f64 * std::f64::consts::LN_2);
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "{i},{label},{nats},{bits}");
    }
    write_whole(path, csv.as_bytes())
}
