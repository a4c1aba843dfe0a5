use ar_core::{Distribution, Pass};

use crate::optimizer::{Gradients, Optimizer, Update};
use crate::schedule::ema_decay;
use crate::{Batch, Error, Result, TrainConfig};

/// What one update showed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Report {
    /// Mean over the batch, in nats per image, or per value of recordings.
    pub(crate) loss: f64,
    /// Before clipping.
    pub(crate) gradient_norm: f64,
}

/// One update, the `step`-th counted from 1. Where loss or gradient are not finite nothing is updated.
pub(crate) fn step(
    model: &dyn Distribution,
    optimizer: &mut Optimizer,
    config: &TrainConfig,
    batch: &Batch,
    learning_rate: f64,
    step: u64,
) -> Result<Report> {
    let finite = |what, value: f64| {
        if value.is_finite() {
            Ok(value)
        } else {
            Err(Error::NonFinite { what, step, value })
        }
    };
    let pass = Pass {
        seed: config.seed,
        step: step - 1,
        training: true,
        scored: batch.scored.clone(),
    };
    let condition = batch.condition.as_ref();
    let (loss, mut gradients) = model.loss_and_gradient(&batch.levels, condition, &pass)?;
    let loss_nats = finite("the loss", loss / batch.values_per_image().unwrap_or(1.0))?;
    let gradients = Gradients::take(&mut gradients, optimizer)?;
    let gradient_norm = finite("the gradient norm", gradients.norm()?)?;
    let clips = config.clip_norm > 0.0 && gradient_norm > config.clip_norm;
    let update = Update {
        learning_rate,
        beta1: config.beta1,
        beta2: config.beta2,
        epsilon: config.epsilon,
        momentum: config.momentum,
        weight_decay: config.weight_decay,
        gradient_scale: if clips {
            config.clip_norm / gradient_norm
        } else {
            1.0
        },
        ema_decay: ema_decay(config, step),
        step,
    };
    optimizer.update(&gradients, &update)?;
    Ok(Report {
        loss: loss_nats,
        gradient_norm,
    })
}
