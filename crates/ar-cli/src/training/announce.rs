//! What is said of a run at its beginning and when it is stopped.

use ar_data::{Encoding, Split};
use ar_train::{OptimizerKind, Schedule, TrainConfig, Trainer};
use candle_core::Device;

use super::plan::{Begun, Plan};
use crate::condition::given;
use crate::device::name;
use crate::output::Output;
use crate::paths::quoted;
use crate::scored::unit_of;
use crate::words::counted;

/// What is trained, on what, and for how long.
pub(crate) fn announce(plan: &Plan, trainer: &Trainer<'_>, device: &Device, output: &Output) {
    announce_matter(plan, trainer, device, output);
    let train = &plan.train;
    let limits = [
        train.epochs.map(|n| counted(n as usize, "epoch")),
        train.steps.map(|n| counted(n as usize, "step")),
        train.minutes.map(|n| format!("{n} minutes")),
        train
            .patience
            .map(|n| format!("{} without a better one", counted(n as usize, "validation"))),
    ];
    let limits: Vec<_> = limits.into_iter().flatten().collect();
    let from = match plan.begun {
        Begun::Anew => String::new(),
        Begun::Resumed => format!("from step {} ", trainer.step()),
    };
    let run = plan.directory.path().display();
    output.note(format_args!(
        "run: {run}, {from}until {}",
        limits.join(" or ")
    ));
    output.note(announced(train));
}

/// Which data and which model.
pub(super) fn announce_matter(
    plan: &Plan,
    trainer: &Trainer<'_>,
    device: &Device,
    output: &Output,
) {
    let Plan { spec, data, .. } = plan;
    let domain = spec.domain;
    let encoding = match (&data.encoding, data.encoding.binarization()) {
        (Encoding::Palette(_), _) => " (colours of a palette)".to_owned(),
        (_, "none") => String::new(),
        (_, how) => format!(" ({how} binarization)"),
    };
    output.note(format_args!("data: {}", data.source));
    let unit = unit_of(&data.encoding);
    output.note(format_args!(
        "{}, {}x{}x{} (channels x height x width), {} levels{encoding} of {} ({})",
        counted(data.split(Split::Train).len(), unit),
        domain.channels,
        domain.height,
        domain.width,
        domain.levels,
        data.encoding.native_levels(),
        data.native_from
    ));
    output.note(format_args!(
        "model: {}{}, {} parameters, on {}",
        spec.model,
        given(spec.conditioning),
        trainer.parameters(),
        name(device)
    ));
    if data.split(Split::Test).is_empty() {
        output.warn(format_args!(
            "note: there are no test {unit}s, so there will be no test likelihood"
        ));
    }
    if data.split(Split::Validation).is_empty() {
        output.warn(format_args!(
            "note: there are no validation {unit}s; training {unit}s stand in"
        ));
    }
}

/// How the weights are moved: batches, learning rate, schedule.
pub(crate) fn announced(train: &TrainConfig) -> String {
    let schedule = match train.schedule {
        Schedule::Constant => "constant".to_owned(),
        Schedule::Cosine => format!("falling to {} of it by a cosine", train.final_fraction),
        Schedule::Exponential => format!("times {} every step", train.decay_per_step),
    };
    let warmup = match train.warmup_steps {
        0 => String::new(),
        n => format!(" after {} of warm-up", counted(n as usize, "step")),
    };
    let optimizer = match train.optimizer {
        OptimizerKind::Adam => "",
        OptimizerKind::Muon => "Muon, ",
    };
    let clipped = match train.clip_norm {
        0.0 => String::new(),
        norm => format!(", gradients clipped to {norm}"),
    };
    format!(
        "batches of {}, {optimizer}learning rate {}{warmup}, {schedule}{clipped}",
        train.batch_size, train.learning_rate
    )
}

/// How to go on.
pub(crate) fn stopped(plan: &Plan, step: u64, output: &Output) {
    output.warn(format_args!(
        "stopped at step {step} and saved; go on with: ar-cli train {} --run {} --resume",
        plan.spec.model,
        quoted(plan.directory.path())
    ));
}
