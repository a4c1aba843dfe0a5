use std::fmt::Debug;

use candle_core::{Device, Tensor};

use crate::{Conditioning, Domain, Likelihood, Order, Result};

/// A distribution over images that can be trained and scored: a [`Model`], or a
/// [`Mixture`](crate::Mixture) of several.
///
/// `condition` is what [`Conditioning`] says, for every image of the batch.
pub trait Distribution: Debug + Send + Sync {
    /// What it is a distribution over.
    fn domain(&self) -> Domain;

    /// What it is conditioned on.
    fn conditioning(&self) -> Conditioning {
        Conditioning::None
    }

    /// Where the parameters live.
    fn device(&self) -> &Device;

    /// The models of which this is an equal mixture: itself alone, when it is one.
    fn members(&self) -> Vec<&dyn Model>;

    /// Negative log-likelihood of each image in nats, `(B,)`. `levels` is `(B, C, H, W)`, `u32`.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) when `levels` is not of the domain, or `condition` not what is needed.
    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor>;

    /// The training objective: mean negative log-likelihood in nats per image, a scalar whose
    /// backward pass reaches every parameter. What varies in training (masks that take turns)
    /// follows from `step`, so that a resumed run sees what it would have seen.
    ///
    /// # Errors
    /// As [`Distribution::nll`].
    fn loss(&self, levels: &Tensor, condition: Option<&Tensor>, step: u64) -> Result<Tensor> {
        let _ = step;
        Ok(self.nll(levels, condition)?.mean(0)?)
    }
}

/// An autoregressive model: a network, written once, that gives every conditional
/// p(xᵢ | x₍<ᵢ₎), all at once or one step at a time.
pub trait Model: Distribution {
    /// In which order values are generated.
    fn order(&self) -> &Order;

    /// The family of every conditional.
    fn likelihood(&self) -> Likelihood;

    /// Which earlier values each step depends on, declared from the structure alone. The harness
    /// holds it against what the network really does, in both directions.
    fn dependence(&self) -> Dependence;

    /// Full pass. `levels` is `(B, C, H, W)`, `u32`; the result holds every
    /// conditional, `(B, C, H, W, P)` with P = [`Likelihood::conditional_size`].
    ///
    /// # Errors
    /// As [`Distribution::nll`].
    fn conditionals(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor>;

    /// Begins a step pass over `batch` images.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for a wrong condition, [`Error::Tensor`](crate::Error::Tensor) when the caches cannot be made.
    fn stepper(&self, batch: usize, condition: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>>;
}

/// [`Distribution::nll`] of any model, from its full pass.
///
/// # Errors
/// As [`Model::conditionals`].
pub fn nll_of(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    condition: Option<&Tensor>,
) -> Result<Tensor> {
    let conditionals = model.conditionals(levels, condition)?;
    let nll = model.likelihood().nll(&conditionals, levels)?;
    Ok(nll.flatten_from(1)?.sum(1)?)
}

/// The step pass: a value the caller holds, with everything the network remembers of what was fed.
///
/// Steps are visited once each, in the model's order; for each, optionally [`Stepper::conditionals`],
/// then [`Stepper::feed`]. Every activation is computed once.
pub trait Stepper {
    /// What the conditionals of `step` are described by, `(B, values_per_step · P)` row by row, given all
    /// values fed so far.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) when the device fails.
    fn conditionals(&mut self, step: usize) -> Result<&[f32]>;

    /// Fixes the values of `step`: `(B, values_per_step)` levels, drawn or given.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) when the device fails.
    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()>;
}

/// For each step, the values (indices into a flat `(C, H, W)` image) its conditional depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependence {
    dims: usize,
    bits: Vec<u64>,
}

impl Dependence {
    /// Nothing depends on anything yet.
    pub fn none(steps: usize, dims: usize) -> Self {
        Self {
            dims,
            bits: vec![0; steps * dims.div_ceil(64)],
        }
    }

    fn words(&self) -> usize {
        self.dims.div_ceil(64)
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.bits.len() / self.words().max(1)
    }

    /// Number of values of an image.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Whether `step` depends on `dim`.
    pub fn contains(&self, step: usize, dim: usize) -> bool {
        self.bits[step * self.words() + dim / 64] >> (dim % 64) & 1 == 1
    }

    /// Declares that `step` depends on `dim`.
    pub fn insert(&mut self, step: usize, dim: usize) {
        let words = self.words();
        self.bits[step * words + dim / 64] |= 1 << (dim % 64);
    }

    /// Declares that `step` depends on all that row `other` of `from` depends on.
    pub fn union(&mut self, step: usize, from: &Self, other: usize) {
        let words = self.words();
        let source = &from.bits[other * words..][..words];
        for (a, b) in self.bits[step * words..][..words].iter_mut().zip(source) {
            *a |= b;
        }
    }

    /// The values that `step` depends on, ascending.
    pub fn of(&self, step: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.dims).filter(move |&d| self.contains(step, d))
    }
}
