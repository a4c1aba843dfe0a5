//! The program as its users run it.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail like tests"
)]

mod archives;
mod bad_input;
mod check_and_info;
mod common;
mod complete;
mod conditional;
mod configuration;
mod data;
mod eval;
mod everyday;
mod exchange;
mod heard;
mod help;
mod orders;
mod outputs;
mod palette;
mod patience;
mod presets;
mod reading;
mod recordings;
mod resume;
mod runs;
mod sample;
mod score;
mod sound;
mod threads;
mod train;
mod vectors;
