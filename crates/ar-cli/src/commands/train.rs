//! `ar-cli train`: a new run, or the rest of one.

use anyhow::{Context as _, Result};
use ar_core::{Distribution, Weights};
use ar_data::Split;
use ar_train::{BoxError, Checkpoint, ImageBatches, Outcome, Trainer, score};
use candle_core::Device;

pub(crate) use super::train_args::Args;
use crate::dataset::Data;
use crate::interrupt;
use crate::output::Output;
use crate::progress::duration;
use crate::run::{DataRecord, manifest};
use crate::training::{Begun, Plan, RunResult, Watch, announce, finish, given, stopped};

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let device = args.device.open()?;
    let asked = args.given();
    let plan = if args.resume {
        Plan::resume(&asked)?
    } else {
        Plan::begin(&asked)?
    };
    interrupt::install()?;

    let mut trainer = trainer(&plan, &device)?;
    let source = ImageBatches {
        images: plan.data.split(Split::Train).clone(),
        encoding: plan.data.encoding.clone(),
        batch_size: plan.train.batch_size,
        seed: plan.train.seed,
        conditioning: plan.spec.conditioning,
        device: device.clone(),
    };
    announce(&plan, &trainer, &device, output);

    let (model, condition) = (&plan.spec.model, given(plan.spec.conditioning));
    let title = format!("{model} on {}{condition}", plan.data.name);
    let pair = (plan.spec.domain, plan.data.encoding.clone());
    let total = total_steps(&plan, &source);
    let mut watch = Watch::new(output, &plan.directory, title, pair, &plan.train, total);
    let outcome = trainer
        .train(&source, &|model| validate(model, &plan), &mut watch)
        .with_context(|| format!("training in {} failed", plan.directory.path().display()))?;
    watch.finish();
    watch.draw_curve()?;

    let (parameters, directory) = (trainer.parameters(), plan.directory.path());
    output.note(format_args!(
        "{} steps in {}",
        outcome.step,
        duration(outcome.seconds)
    ));
    let result = RunResult {
        run: directory.to_owned(),
        steps: outcome.step,
        parameters,
        seconds: outcome.seconds,
        best: outcome.best.map(Into::into),
        tested_step: None,
        test: None,
    };
    if !outcome.finished {
        stopped(&plan, outcome.step, output);
        output.json(&result)?;
        return Ok(1);
    }
    let (weights, step) = meant(&plan, &trainer, &outcome, &device, output)?;
    let result = RunResult {
        tested_step: Some(step),
        ..result
    };
    let model = plan.spec.build(&weights)?;
    let result = finish(
        model.as_ref(),
        &plan.data,
        plan.train.batch_size,
        result,
        output,
    )?;
    match &result.test {
        Some(test) => output.say(format_args!(
            "{}: test {}",
            directory.display(),
            test.line()
        ))?,
        None => output.say(directory.display())?,
    }
    output.json(&result)?;
    Ok(0)
}

fn trainer<'a>(plan: &'a Plan, device: &Device) -> Result<Trainer<'a>> {
    let (spec, directory) = (&plan.spec, &plan.directory);
    Ok(match plan.begun {
        Begun::Resumed => Trainer::resume(spec, plan.train.clone(), directory, device)
            .with_context(|| format!("cannot resume {}", directory.path().display()))?,
        Begun::Anew => {
            let parameters = spec.initialise(plan.train.seed, device)?;
            let weights = Weights::from_vars(&parameters);
            let model = spec.build(&weights)?;
            let manifest = manifest(spec, &*model, &DataRecord::of(&plan.data))?;
            Trainer::new(spec, &parameters, manifest, plan.train.clone(), directory)?
        }
    })
}

/// The weights that the run stands for, and after how many updates they were: with patience those of
/// the best validation, otherwise the last.
fn meant(
    plan: &Plan,
    trainer: &Trainer<'_>,
    outcome: &Outcome,
    device: &Device,
    output: &Output,
) -> Result<(Weights, u64)> {
    let (Some(patience), Some(best)) = (plan.train.patience, outcome.best) else {
        return Ok((trainer.averaged()?, outcome.step));
    };
    if outcome.early {
        output.note(format_args!(
            "no better validation in {patience}: training ended early"
        ));
    }
    output.note(format_args!(
        "the best validation was at step {}",
        best.step
    ));
    let checkpoint = Checkpoint::open(&plan.directory.best_path(), device)?;
    Ok((checkpoint.best_weights().clone(), checkpoint.step))
}

/// Mean nats per image of the validation images, or of training images where there are none.
fn validate(model: &dyn Distribution, plan: &Plan) -> Result<f64, BoxError> {
    let Data { encoding, .. } = &plan.data;
    let validation = plan.data.split(Split::Validation);
    let images = if validation.is_empty() {
        plan.data.split(Split::Train)
    } else {
        validation
    };
    let (batch_size, limit) = (plan.train.batch_size, plan.train.validation_images);
    let nats = score(model, images, encoding, batch_size, limit, &mut |_| {
        !interrupt::asked()
    })?;
    if interrupt::asked() {
        return Err("asked to stop".into());
    }
    Ok(nats.iter().sum::<f64>() / nats.len() as f64)
}

/// Updates the run will make, where the clock does not decide.
fn total_steps(plan: &Plan, source: &ImageBatches) -> Option<u64> {
    use ar_train::BatchSource as _;
    let by_epochs = plan
        .train
        .epochs
        .map(|epochs| epochs.saturating_mul(source.batches_per_epoch()));
    [by_epochs, plan.train.steps].into_iter().flatten().min()
}
