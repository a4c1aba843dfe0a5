//! `ar-cli export`: a run's weights for another program.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use candle_core::Device;
use serde::Serialize;

use crate::destination::Destinations;
use crate::exchange::Mapping;
use crate::output::Output;
use crate::picture::write_whole;
use crate::run::Run;
use crate::words::counted;

/// Write a run's weights into a safetensors file for another program
///
/// Averaged weights where there are any. The mapping file is that of import: the same rules, read the
/// other way.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "FILE.safetensors")]
    output: PathBuf,

    /// Rules from names and layouts here to those there; without it they stay
    #[arg(long, value_name = "FILE.toml")]
    map: Option<PathBuf>,

    /// Replace a file that exists, other than a run's own
    #[arg(long)]
    force: bool,

    /// One JSON object on standard output: file, tensors, parameters
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    file: &'a Path,
    tensors: usize,
    parameters: usize,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let mut files = Destinations::new(args.force);
    if let Some(map) = &args.map {
        files.reads("--map", map);
    }
    files.file("--output", &args.output, &["safetensors"])?;
    let mapping = Mapping::read(args.map.as_deref())?;
    let run = Run::open(&args.run, &Device::Cpu)?;
    let theirs = mapping
        .export(&run.weights)
        .with_context(|| format!("cannot export {}", args.run.display()))?;
    let bytes = safetensors::serialize(&theirs, None)
        .with_context(|| format!("cannot encode {}", args.output.display()))?;
    write_whole(&args.output, &bytes)?;
    let (tensors, parameters) = (theirs.len(), run.weights.elements());
    output.say(format_args!(
        "{}: {}, {parameters} parameters",
        args.output.display(),
        counted(tensors, "tensor")
    ))?;
    output.json(&Report {
        file: &args.output,
        tensors,
        parameters,
    })?;
    Ok(0)
}
