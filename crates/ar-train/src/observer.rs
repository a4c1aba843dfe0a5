use std::path::Path;

use ar_core::Distribution;

use crate::{BoxError, StepMetrics, ValidationMetrics};

/// What a [`crate::Trainer`] reports to. Every method may be left out; `()` ignores everything.
pub trait Observer {
    /// After every step.
    fn step(&mut self, metrics: &StepMetrics) {
        let _ = metrics;
    }

    /// After every validation.
    fn validated(&mut self, metrics: &ValidationMetrics) {
        let _ = metrics;
    }

    /// Every `sample_every` steps, with the model of the averaged weights. A run that is resumed
    /// may ask for the samples of its last step again.
    ///
    /// # Errors
    /// Whatever ends the run: samples that cannot be written.
    fn sample_due(&mut self, model: &dyn Distribution, step: u64) -> Result<(), BoxError> {
        let _ = (model, step);
        Ok(())
    }

    /// After every checkpoint.
    fn checkpointed(&mut self, step: u64, path: &Path) {
        let _ = (step, path);
    }

    /// Asked before every step: whether to save and stop.
    fn should_stop(&self) -> bool {
        false
    }
}

impl Observer for () {}
