//! The program as its users run it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod bad_input;
mod check_and_info;
mod common;
mod complete;
mod conditional;
mod configuration;
mod data;
mod eval;
mod help;
mod palette;
mod patience;
mod presets;
mod resume;
mod sample;
mod train;
mod vectors;
