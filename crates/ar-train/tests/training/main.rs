//! Training runs from end to end, on a model of a few parameters.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod checkpoints;
mod errors;
mod patience;
mod resume;
mod toy;
mod tracking;
