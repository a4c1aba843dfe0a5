//! The ground autoregressive models stand on: p(x) = Π p(xᵢ | x₍<ᵢ₎).
//!
//! One value, the generation [`Order`], decides everything else: the [`Taps`] a causal layer may
//! read, the sequence of steps the [`sample`] loop walks, and what the causality [`check`] proves.
//! A [`Model`] is written once and runs as a *full pass* (every conditional at once: training and
//! likelihood) and as a *step pass* (one conditional at a time: sampling). Both must agree, and
//! [`harness`] is the test every model has to pass.
//!
//! Data are integer levels `0..K`, shape `(B, C, H, W)`, type `u32`. This crate knows no concrete
//! model, no file and no clock.

mod any_order;
pub mod check;
mod classify;
mod conditioning;
mod dependence;
mod domain;
mod draw;
pub mod elementary;
mod error;
pub mod harness;
mod likelihood;
mod mask;
mod mixture;
mod model;
mod order;
mod pieces;
pub mod random;
mod sample;
mod sampler;
mod score;
mod taps;
mod weights;

pub use any_order::AnyOrder;
pub use classify::{class_log_likelihoods, class_log_likelihoods_by_step, log_posterior};
pub use conditioning::Conditioning;
pub use dependence::Dependence;
pub use domain::Domain;
pub use draw::Tempering;
pub use error::{Error, Result};
pub use likelihood::{Cumulative, Likelihood, LogisticMixture};
pub use mask::{ChannelGroups, MaskType};
pub use mixture::Mixture;
pub use model::{
    Distribution, Gradients, Model, Pass, Stepper, Turn, nll_of, nll_of_conditionals, nll_of_parts,
    nll_of_values,
};
pub use order::{ChannelSteps, Order, Scan, Step, Walk};
pub use pieces::Pieces;
pub use sample::{Engine, SampleOptions, Sampled, sample};
pub use sampler::{Fixed, Given, Sampler};
pub use score::{Score, auroc, mean_and_error, score_images, score_pixels, score_steps, surprise};
pub use taps::{Grid, Kernel, Stride, Taps};
pub use weights::{Blueprint, Weights};
