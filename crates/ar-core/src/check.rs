//! The causality check: an exact proof by perturbation, not a statistic.
//!
//! Every value of an image is changed in turn. A conditional that changes in even one
//! bit depends on that value; if the value is generated at the same step or later, the model leaks.

use candle_core::{DType, Tensor};
use rand::Rng;
use serde::Serialize;

use crate::random::stream;
use crate::sampler::described_in;
use crate::{Dependence, Error, Model, Result};

/// A conditional that sees a value it has to predict, or a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// The step whose conditional changes.
    pub step: usize,
    /// Its pixel, the first of several: row.
    pub row: usize,
    /// Its pixel: column.
    pub column: usize,
    /// Its channel.
    pub channel: usize,
    /// The value it sees: channel, row, column.
    pub sees: [usize; 3],
}

/// Extent of what one step depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReceptiveField {
    /// The pixel looked at: row, column (the centre of the image, last channel).
    pub of: [usize; 2],
    /// Values generated before it.
    pub earlier: usize,
    /// Values the model declares that it depends on.
    pub declared: usize,
    /// Values that changed it when perturbed.
    pub observed: usize,
    /// How far it reaches: rows above, columns to the left, columns to the right.
    pub reach: [usize; 3],
    /// And rows below, in an order that begins there.
    pub below: usize,
}

/// Result of [`causality`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Whether no conditional sees its own or a later value.
    pub causal: bool,
    /// How many values were perturbed: all of them.
    pub positions: usize,
    /// Each leak found, at most [`MAX_LEAKS`].
    pub leaks: Vec<Leak>,
    /// What the centre pixel depends on.
    pub receptive_field: ReceptiveField,
    /// Dependences that were seen but not declared; the declaration is wrong.
    pub undeclared: usize,
    /// What every step was seen to depend on.
    #[serde(skip)]
    pub observed: Dependence,
}

/// Perturbed images in one full pass.
const BATCH: usize = 16;

/// Leaks listed in a report; one is enough to condemn.
pub const MAX_LEAKS: usize = 100;

/// Perturbs every value of random images, `trials` times, and reports what depends on what.
///
/// More trials find dependences that happen not to show on one image; leaks through live weights
/// show on the first. Costs `trials · (C·H·W + 1)` full passes of one image. `progress` gets (done,
/// of how many) and returns false to cancel.
///
/// # Errors
/// [`Error::Cancelled`] or what the model's full pass gives.
pub fn causality(
    model: &dyn Model,
    seed: u64,
    trials: usize,
    progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Report> {
    let domain = model.domain();
    let (dims, order) = (domain.dims(), model.order());
    let mut observed = Dependence::none(order.steps(), dims);
    let mut rng = stream(seed, "check", &[]);
    for trial in 0..trials {
        let base: Vec<u32> = (0..dims)
            .map(|_| rng.random_range(0..domain.levels as u32))
            .collect();
        let condition = model
            .conditioning()
            .random(1, &domain, &mut rng, model.device())?;
        for first in (0..dims).step_by(BATCH) {
            let some: Vec<usize> = (first..dims.min(first + BATCH)).collect();
            let mut images = base.clone();
            for &d in &some {
                let at = images.len() + d;
                images.extend_from_slice(&base);
                let other = rng.random_range(1..domain.levels as u32);
                images[at] = (base[d] + other) % domain.levels as u32;
            }
            let shape = (some.len() + 1, domain.channels, domain.height, domain.width);
            let x = Tensor::from_vec(images, shape, model.device())?;
            let condition = condition
                .as_ref()
                .map(|c| Tensor::cat(&vec![c; some.len() + 1], 0))
                .transpose()?;
            let all = model
                .conditionals(&x, condition.as_ref())?
                .to_dtype(DType::F64)?
                .flatten(1, 3)?
                .to_vec3::<f64>()?;
            // Where everything is lost in NaN nothing moves.
            if all[0].iter().flatten().any(|value| value.is_nan()) {
                return Err(Error::NotANumber);
            }
            for (changed, &d) in all[1..].iter().zip(&some) {
                for step in 0..order.steps() {
                    let mut own = described_in(model, step);
                    if own.any(|o| differ(&changed[o], &all[0][o])) {
                        observed.insert(step, d);
                    }
                }
            }
            if !progress(trial * dims + first + some.len(), trials * dims) {
                return Err(Error::Cancelled);
            }
        }
    }
    Ok(report(model, observed))
}

fn differ(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).any(|(a, b)| a.to_bits() != b.to_bits())
}

fn report(model: &dyn Model, observed: Dependence) -> Report {
    let (domain, order) = (model.domain(), model.order());
    let (n, w) = (domain.positions(), domain.width);
    let (declared, mut leaks, mut undeclared) = (model.dependence(), Vec::new(), 0);
    for step in 0..order.steps() {
        let here = order.step(step);
        for d in observed.of(step) {
            let (c, p) = (d / n, d % n);
            if order.step_of(c, p) >= step && leaks.len() < MAX_LEAKS {
                let position = here.positions[0] as usize;
                let (row, column) = (position / w, position % w);
                leaks.push(Leak {
                    step,
                    row,
                    column,
                    channel: here.channel,
                    sees: [c, p / w, p % w],
                });
            }
            undeclared += usize::from(!declared.contains(step, d));
        }
    }
    let (row, column) = (domain.height / 2, w / 2);
    let step = order.step_of(domain.channels - 1, row * w + column);
    let (mut reach, mut below, mut count) = ([0; 3], 0, 0);
    for p in declared.of(step).map(|d| d % n) {
        let (y, x) = (p / w, p % w);
        reach[0] = reach[0].max(row.saturating_sub(y));
        reach[1] = reach[1].max(column.saturating_sub(x));
        reach[2] = reach[2].max(x.saturating_sub(column));
        below = below.max(y.saturating_sub(row));
        count += 1;
    }
    let receptive_field = ReceptiveField {
        of: [row, column],
        earlier: (0..step).map(|s| order.dims_of(s).count()).sum(),
        declared: count,
        observed: observed.of(step).count(),
        reach,
        below,
    };
    Report {
        causal: leaks.is_empty(),
        positions: domain.dims(),
        leaks,
        receptive_field,
        undeclared,
        observed,
    }
}
