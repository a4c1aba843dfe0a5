//! How the trainer makes the model of a run.

use ar_core::Distribution;
use ar_models::Spec;
use ar_train::{Blueprint, Weights};

/// A model's description as the trainer's blueprint.
#[derive(Debug, Clone)]
pub(crate) struct Network(pub(crate) Spec);

impl Blueprint for Network {
    fn build(&self, weights: &Weights) -> ar_core::Result<Box<dyn Distribution>> {
        self.0.build(&weights.clone().into_map())
    }
}
