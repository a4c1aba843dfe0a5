//! `train --dry-run`: what a run would be, measured over its first steps in a folder that is thrown away.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use ar_core::Distribution;
use ar_train::{BoxError, Observer, StepMetrics, TrainConfig};
use candle_core::Device;
use serde::Serialize;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use super::announce::{announce_matter, announced};
use super::given::Given;
use super::plan::Plan;
use crate::interrupt;
use crate::output::Output;
use crate::progress::duration;

/// Enough steps for a mean.
const STEPS: usize = 20;
/// Or so much time, of which the first step may take longer.
const SECONDS: Duration = Duration::from_secs(5);

#[derive(Debug, Serialize)]
struct Report {
    config: String,
    parameters: usize,
    /// Most memory of the process so far.
    memory_bytes: u64,
    /// Steps measured, the first left out.
    measured_steps: usize,
    seconds_per_step: f64,
    /// Updates of the whole run; an estimate where the clock decides.
    steps: u64,
    /// Of the whole run, without validation and samples.
    estimated_seconds: f64,
}

/// Tells what `given` asks for, and trains a few steps to say what it costs.
///
/// # Errors
/// As for a run; nothing is left behind.
pub(crate) fn dry_run(given: &Given, device: &Device, output: &Output) -> Result<u8> {
    let folder = tempfile::tempdir().context("cannot make a folder for --dry-run")?;
    let prepared = Plan::prepare(given)?;
    if let Some(run) = &given.run {
        prepared.may_lie_in(run)?;
    }
    let plan = prepared.into_plan(&folder.path().join("run"))?;
    let source = plan.batches(device);
    let planned = plan.total_steps(&source);
    let only_steps = TrainConfig {
        checkpoint_every: u64::MAX,
        validate_every: 0,
        patience: None,
        sample_every: 0,
        ..plan.train.clone()
    };
    interrupt::install()?;
    let mut trainer = plan.trainer(only_steps, device)?;
    announce_matter(&plan, &trainer, device, output);
    let mut meter = Meter::begin();
    let no_validation = |_: &dyn Distribution| -> Result<f64, BoxError> { Ok(0.0) };
    trainer.train(&source, &no_validation, &mut meter)?;

    if interrupt::asked() || meter.times.is_empty() {
        bail!("stopped before there was anything to measure");
    }
    let seconds_per_step = meter.seconds_per_step();
    let limit = plan.train.minutes.map(|minutes| minutes * 60.0);
    let steps = match (planned, limit) {
        (Some(steps), None) => steps,
        (planned, limit) => {
            let in_time = limit.unwrap_or_default() / seconds_per_step;
            planned.unwrap_or(u64::MAX).min(in_time as u64)
        }
    };
    let report = Report {
        config: plan.config.clone(),
        parameters: trainer.parameters(),
        memory_bytes: meter.memory,
        measured_steps: meter.times.len().saturating_sub(1).max(1),
        seconds_per_step,
        steps,
        estimated_seconds: steps as f64 * seconds_per_step,
    };
    output.say(report.config.trim_end())?;
    output.say(format_args!("parameters: {}", report.parameters))?;
    output.say(format_args!("{}", announced(&plan.train)))?;
    output.say(format_args!(
        "memory: {:.0} MB (the process, after {} steps)",
        report.memory_bytes as f64 / 1e6,
        meter.times.len()
    ))?;
    output.say(format_args!(
        "time: {} for {} steps of {:.1} ms, without validation and samples",
        duration(report.estimated_seconds),
        report.steps,
        1e3 * seconds_per_step
    ))?;
    output.json(&report)?;
    Ok(0)
}

/// Times steps and watches the memory.
#[derive(Debug)]
struct Meter {
    began: Instant,
    times: Vec<Instant>,
    memory: u64,
}

impl Meter {
    fn begin() -> Self {
        Self {
            began: Instant::now(),
            times: Vec::new(),
            memory: 0,
        }
    }

    /// The mean without the first step, which makes buffers; that alone where there is no other.
    fn seconds_per_step(&self) -> f64 {
        match self.times.as_slice() {
            [first, .., last] => (*last - *first).as_secs_f64() / (self.times.len() - 1) as f64,
            [only] => (*only - self.began).as_secs_f64(),
            [] => 0.0,
        }
    }
}

impl Observer for Meter {
    fn step(&mut self, _: &StepMetrics) {
        self.times.push(Instant::now());
        self.memory = self.memory.max(memory());
    }

    fn should_stop(&self) -> bool {
        let long = |first: &Instant| first.elapsed() > SECONDS;
        interrupt::asked() || self.times.len() >= STEPS || self.times.first().is_some_and(long)
    }
}

/// Bytes of memory this process has now.
fn memory() -> u64 {
    let own = Pid::from_u32(std::process::id());
    let Ok(mut system) = System::new() else {
        return 0;
    };
    let what = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), true, what);
    system.process(own).map_or(0, sysinfo::Process::memory)
}
