//! `ar-cli info`: what a model or a run is.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use ar_core::{Conditioning, Domain, Likelihood, LogisticMixture};
use ar_data::Encoding;
use ar_train::TrainConfig;
use serde::Serialize;
use serde_json::Value;

use super::position::{At, tell as tell_position};
use crate::condition::{in_words, listed_classes};
use crate::device::DeviceChoice;
use crate::diagrams::Diagrams;
use crate::output::Output;
use crate::record::{Record, Session};
use crate::run::{DataRecord, orders_of};
use crate::target::{Target, TargetArgs};
use crate::training::{RunResult, announced};
use crate::words::counted;

/// Describe a model or a run, or what a run says of one pixel
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,

    #[command(flatten)]
    at: At,

    /// Draw the masks and the receptive field into this folder
    #[arg(long, value_name = "DIR")]
    draw: Option<PathBuf>,

    /// Replace pictures that exist
    #[arg(long)]
    force: bool,

    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    name: &'a str,
    about: &'a str,
    paper: &'a str,
    domain: Domain,
    conditioning: Conditioning,
    presets: Vec<&'static str>,
    /// Models of which it is an equal mixture; 1 when it is one itself.
    members: usize,
    order: String,
    steps_per_image: usize,
    likelihood: Likelihood,
    parameters: usize,
    tensors: Vec<TensorInfo<'a>>,
    config: &'a Value,
    /// How it is trained: a run's own, or what `train` takes unless told otherwise.
    train: TrainConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<RunInfo<'a>>,
}

#[derive(Debug, Serialize)]
struct TensorInfo<'a> {
    name: &'a str,
    shape: &'a [usize],
}

#[derive(Debug, Serialize)]
struct RunInfo<'a> {
    steps: u64,
    data: &'a DataRecord,
    result: Option<RunResult>,
    sessions: Vec<Session>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let device = DeviceChoice::Cpu.open()?;
    if let Some(position) = args.at.position {
        let run = args.target.trained("--position", &device)?;
        return tell_position(&args.at, position, run, output);
    }
    let target = args.target.open(&device)?;
    let diagrams = match &args.draw {
        Some(folder) => Diagrams::of(&target, folder, args.force)?,
        None => Diagrams::default(),
    };
    let report = report(&target)?;
    tell(&report, output)?;
    for file in diagrams.save()? {
        output.say(format_args!("drawn: {}", file.display()))?;
    }
    output.json(&report)?;
    Ok(0)
}

fn report(target: &Target) -> Result<Report<'_>> {
    let entry = ar_models::find(&target.spec.model).context("the model is not in the registry")?;
    let first = target.first()?;
    let order = first.order();
    Ok(Report {
        name: entry.name,
        about: entry.about,
        paper: entry.paper,
        domain: target.spec.domain,
        conditioning: target.spec.conditioning,
        presets: entry.presets()?.into_iter().map(|(name, _)| name).collect(),
        members: target.model.members().len(),
        order: orders_of(&*target.model),
        steps_per_image: order.steps(),
        likelihood: first.likelihood(),
        parameters: target.weights.elements(),
        tensors: target
            .weights
            .iter()
            .map(|(name, tensor)| TensorInfo {
                name,
                shape: tensor.dims(),
            })
            .collect(),
        config: &target.spec.config,
        train: match target.run.as_ref().and_then(|run| run.train.clone()) {
            Some(train) => train,
            None => target.usual_training(),
        },
        run: target.run.as_ref().map(|run| RunInfo {
            steps: run.step,
            data: &run.data,
            result: RunResult::read(&run.directory),
            sessions: Record::read(&run.directory.join(ar_train::names::RECORD)).sessions,
        }),
    })
}

fn tell(report: &Report<'_>, output: &Output) -> Result<()> {
    let Domain {
        channels,
        height,
        width,
        levels,
    } = report.domain;
    output.say(format_args!("{}: {}", report.name, report.about))?;
    output.say(format_args!("paper: {}", report.paper))?;
    output.say(format_args!(
        "domain: {channels}x{height}x{width} (channels x height x width), {levels} levels"
    ))?;
    if report.conditioning != Conditioning::None {
        output.say(format_args!("given: {}", in_words(report.conditioning)))?;
    }
    let orders = if report.members > 1 {
        let members = report.members;
        output.say(format_args!("an equal mixture of {members} models"))?;
        "orders"
    } else {
        "order"
    };
    output.say(format_args!(
        "{orders}: {}, {} steps an image",
        report.order, report.steps_per_image
    ))?;
    let likelihood = match report.likelihood {
        Likelihood::Bernoulli => "Bernoulli".to_owned(),
        Likelihood::Categorical { levels } => format!("categorical over {levels} levels"),
        Likelihood::LogisticMixture(LogisticMixture {
            components,
            channels,
            levels,
        }) => format!(
            "mixture of {components} discretized logistics over {levels} levels{}",
            if channels > 1 {
                format!(", {channels} channels of a pixel together")
            } else {
                String::new()
            }
        ),
    };
    output.say(format_args!("likelihood: {likelihood}"))?;
    if let Some(run) = &report.run {
        tell_run(run, &report.train, output)?;
    }
    if report.run.is_none() && !report.presets.is_empty() {
        output.say(format_args!("presets: {}", report.presets.join(", ")))?;
    }
    output.say("configuration:")?;
    for (field, value) in report.config.as_object().into_iter().flatten() {
        output.say(format_args!("  {field} = {value}"))?;
    }
    output.say("training:")?;
    let train = serde_json::to_value(&report.train)?;
    for (field, value) in train.as_object().into_iter().flatten() {
        let value = match value {
            Value::Null => "none".to_owned(),
            value => value.to_string(),
        };
        output.say(format_args!("  {field} = {value}"))?;
    }
    output.say(format_args!("parameters: {}", report.parameters))?;
    for TensorInfo { name, shape } in &report.tensors {
        output.say(format_args!("  {name} {shape:?}"))?;
    }
    Ok(())
}

fn tell_run(run: &RunInfo<'_>, train: &TrainConfig, output: &Output) -> Result<()> {
    let encoding = &run.data.encoding;
    output.say(format_args!(
        "trained: {} on {}",
        counted(run.steps as usize, "step"),
        run.data.source
    ))?;
    output.say(announced(train))?;
    if !run.data.classes.is_empty() {
        output.say(format_args!(
            "classes: {}",
            listed_classes(&run.data.classes)
        ))?;
    }
    output.say(format_args!(
        "{}, fingerprint of the data: {}",
        match encoding {
            Encoding::Palette(palette) => format!("palette of {} colours", palette.levels()),
            other => format!("binarization: {}", other.binarization()),
        },
        run.data.fingerprint
    ))?;
    // A result of other steps belongs to a run that has been extended since.
    let result = run.result.as_ref();
    match result.and_then(|result| result.test_of(run.steps)) {
        Some(test) => output.say(format_args!("test: {}", test.line()))?,
        None if result.is_some_and(|r| r.steps == run.steps && r.test.is_none()) => {
            output.say("test: none, as the data have no test images")?;
        }
        None => {}
    }
    for session in &run.sessions {
        let Session {
            from_step,
            started,
            version,
            command,
            device,
            processor,
            threads,
        } = session;
        output.say(format_args!(
            "from step {from_step}: {started}, {version}, {device}, {processor}, {}: {}",
            counted(*threads, "thread"),
            command.join(" ")
        ))?;
    }
    Ok(())
}
