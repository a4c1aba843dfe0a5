//! The program `ar-cli`: trains, samples, completes, scores and checks deep autoregressive models.
//!
//! A library with a thin `main`, so that what the commands do can be tested and documented. Only
//! here are flags, configuration files, pictures, standard streams and exit codes known.

mod animation;
mod args;
mod commands;
mod complexity;
mod condition;
mod config;
mod dataset;
mod destination;
mod device;
mod diagrams;
mod exchange;
mod failure;
mod hearing;
mod interrupt;
mod metrics;
mod models;
mod output;
mod packing;
mod paths;
pub mod picture;
mod program;
mod progress;
mod reading;
mod record;
mod run;
mod scored;
mod target;
mod training;
mod values;
mod words;

pub use args::Cli;
pub use commands::run;
pub use failure::{BAD_USAGE, FAILED, exit_code};
pub use output::{Output, Verbosity};
pub use program::main_with;
