//! `ar-cli import`: weights that another program trained, as a run.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use candle_core::safetensors::SliceSafetensors;
use candle_core::{Device, Var};
use serde::Serialize;

use crate::exchange::Mapping;
use crate::failure::usage;
use crate::output::Output;
use crate::reading::DataArgs;
use crate::record::record;
use crate::run::all_finite;
use crate::training::{Given, Plan};
use crate::words::counted;

/// Make a run of weights from a safetensors file
///
/// A mapping file says which tensor becomes which, and how it lies there; without one, names and
/// layouts are this program's. The run is at step 0: it can be scored, sampled and trained on with
/// train --resume.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the model
    model: String,

    /// The weights
    #[arg(long, value_name = "FILE.safetensors")]
    weights: PathBuf,

    /// Rules from names and layouts there to those here
    #[arg(long, value_name = "FILE.toml")]
    map: Option<PathBuf>,

    /// Run directory to make
    #[arg(long, value_name = "DIR")]
    run: PathBuf,

    #[command(flatten)]
    data: DataArgs,

    /// A named size of the model
    #[arg(long, value_name = "NAME")]
    preset: Option<String>,

    /// Any field of [model], [train] or [data]
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// One JSON object on standard output: run, tensors, parameters
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    run: &'a PathBuf,
    tensors: usize,
    parameters: usize,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let mapping = Mapping::read(args.map.as_deref())?;
    let file = args.weights.display();
    if !args.weights.is_file() {
        return Err(usage(format!("--weights {file}: there is no such file")));
    }
    let cannot = || format!("cannot read --weights {file}");
    let bytes = std::fs::read(&args.weights).with_context(cannot)?;
    let theirs = SliceSafetensors::new(&bytes).with_context(cannot)?;
    let names = theirs.tensors().into_iter().map(|(name, _)| name).collect();
    let given = args.given();
    let prepared = Plan::prepare(&given)?;
    let shapes = prepared.spec.shapes()?;
    let weights = mapping
        .import(&names, |name| theirs.load(name, &Device::Cpu), &shapes)
        .with_context(|| format!("cannot import {file}"))?;
    all_finite(&weights).with_context(|| format!("cannot import {file}"))?;
    // Before a folder is made: a model around them tells whether they are what it takes.
    let domain = prepared.spec.build(&weights)?.domain();
    let variables: BTreeMap<String, Var> = weights
        .iter()
        .map(|(name, tensor)| Ok((name.to_owned(), Var::from_tensor(tensor)?)))
        .collect::<Result<_>>()?;
    let plan = prepared.into_plan(&args.run)?;
    plan.new_trainer(&variables, plan.train.clone())?;
    record(&plan.directory, plan.begun, 0, &Device::Cpu)?;
    output.say(format_args!(
        "{}: {} of {file}, {} parameters, {}x{}x{} with {} levels; next: ar-cli eval {}",
        args.run.display(),
        counted(weights.len(), "tensor"),
        weights.elements(),
        domain.channels,
        domain.height,
        domain.width,
        domain.levels,
        args.run.display()
    ))?;
    output.json(&Report {
        run: &args.run,
        tensors: weights.len(),
        parameters: weights.elements(),
    })?;
    Ok(0)
}

impl Args {
    fn given(&self) -> Given {
        Given {
            model: Some(self.model.clone()),
            set: self.set.clone(),
            flags: self.data.flags(),
            preset: self.preset.clone(),
            run: Some(self.run.clone()),
            ..Given::default()
        }
    }
}
