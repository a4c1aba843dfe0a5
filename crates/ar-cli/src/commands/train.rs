//! `ar-cli train`: a new run, or the rest of one.

use anyhow::{Context as _, Result};
use ar_core::{Distribution, Weights};
use ar_data::Split;
use ar_train::{BoxError, Checkpoint, Outcome, Trainer, score};
use candle_core::Device;

pub(crate) use super::train_args::Args;
use crate::dataset::Data;
use crate::interrupt;
use crate::metrics::BestStep;
use crate::output::Output;
use crate::progress::duration;
use crate::record::record;
use crate::training::{Plan, RunResult, Watch, announce, dry_run, finish, stopped};
use crate::words::counted;

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let device = args.device.open()?;
    let asked = args.given();
    if args.dry_run {
        return dry_run(&asked, &device, output);
    }
    let plan = if args.resume {
        Plan::resume(&asked)?
    } else {
        Plan::begin(&asked)?
    };
    interrupt::install()?;
    if plan.train.patience.is_some() && plan.directory.best_path().exists() {
        // What is going to be tested is looked at before hours of training.
        Checkpoint::describe(&plan.directory.best_path())?;
    }

    let mut trainer = plan.trainer(plan.train.clone(), &device)?;
    // Only now is it certain that the run goes on as the file says.
    plan.directory.write_config(&plan.config)?;
    record(&plan.directory, plan.begun, trainer.step(), &device)?;
    let source = plan.batches(&device);
    announce(&plan, &trainer, &device, output);

    let total = plan.total_steps(&source);
    let mut watch = Watch::new(output, &plan, total);
    if args.tensorboard {
        watch.also_tensorboard()?;
    }
    let outcome = trainer
        .train(&source, &|model| validate(model, &plan), &mut watch)
        .with_context(|| format!("training in {} failed", plan.directory.path().display()))?;
    watch.finish();
    watch.draw_curve()?;

    let (parameters, directory) = (trainer.parameters(), plan.directory.path());
    output.note(format_args!(
        "{} in {}",
        counted(outcome.step as usize, "step"),
        duration(outcome.seconds)
    ));
    let result = RunResult {
        run: directory.to_owned(),
        steps: outcome.step,
        parameters,
        seconds: outcome.seconds,
        best: outcome
            .best
            .map(|best| BestStep::of(best, plan.data.sample_rate().is_some())),
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
        None => output.say(format_args!(
            "{}: no test images, so no test likelihood",
            directory.display()
        ))?,
    }
    output.json(&result)?;
    Ok(0)
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
    let path = plan.directory.best_path();
    let checkpoint = Checkpoint::open(&path, device)?;
    anyhow::ensure!(
        checkpoint.step == best.step,
        "{} is of step {}, not of the best validation at step {}: it belongs to another run",
        path.display(),
        checkpoint.step,
        best.step
    );
    Ok((checkpoint.best_weights().clone(), checkpoint.step))
}

/// Mean nats per image (of recordings, per sample) of the validation images, or of training images where there are none.
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
    let counted = match images.context() {
        Some(_) => (0..nats.len()).map(|i| images.values(i)).sum(),
        None => nats.len(),
    };
    Ok(nats.iter().sum::<f64>() / counted as f64)
}
