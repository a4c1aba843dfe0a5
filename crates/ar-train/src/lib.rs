//! Training of autoregressive models: optimiser, schedules, averaged weights, checkpoints that
//! survive a crash.
//!
//! A [`Trainer`] minimises [`ar_core::Distribution::loss_and_gradient`] over a [`BatchSource`] and keeps everything in a
//! [`RunDirectory`]. Every checkpoint is one whole file, replaced in one rename, so a run killed at
//! any moment resumes and ends with the weights of a run that was never interrupted, byte for byte.
//! This crate knows no concrete model and no data set, and prints nothing: it reports to an
//! [`Observer`].

mod checkpoint;
#[cfg(feature = "data")]
mod classes;
mod config;
mod container;
mod error;
mod files;
#[cfg(feature = "data")]
mod images;
mod metrics;
pub mod names;
mod observer;
mod optimizer;
mod run;
mod schedule;
mod source;
mod stack;
mod state;
mod step;
mod trainer;

pub use checkpoint::{Checkpoint, Described, Manifest};
#[cfg(feature = "data")]
pub use classes::score_classes_by_step;
pub use config::{ConfigError, OptimizerKind, Schedule, TrainConfig};
pub use error::{BoxError, Error, Result};
#[cfg(feature = "data")]
pub use images::{ImageBatches, domain_of, score, surprise};
pub use metrics::{StepMetrics, ValidationMetrics};
pub use observer::Observer;
pub use run::RunDirectory;
pub use source::{Batch, BatchSource, Unit};
pub use stack::with_large_stack;
pub use trainer::{Best, Outcome, Trainer};
