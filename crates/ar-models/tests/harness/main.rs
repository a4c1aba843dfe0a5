//! Every model through the harness, by every route, at its smallest and oddest sizes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;
mod gated_pixel_cnn;
mod image_gpt;
mod local;
mod made;
mod orders;
mod pixel_cnn;
mod pixel_rnn;
mod rnn;
mod wavenet;
