//! What a finished run leaves behind.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use ar_core::Distribution;
use ar_data::Split;
use ar_train::names::RESULT;
use serde::{Deserialize, Serialize};

use super::watch::{Told, draw_samples};
use crate::dataset::Data;
use crate::interrupt;
use crate::metrics::BestStep;
use crate::output::Output;
use crate::picture::write_whole;
use crate::scored::{Scored, with_bar};

/// The result of a run, as `train --json` prints it and `result.json` keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunResult {
    /// The run directory.
    pub(crate) run: PathBuf,
    /// Updates made.
    pub(crate) steps: u64,
    /// Numbers trained.
    pub(crate) parameters: usize,
    /// Seconds of training, over all resumptions.
    pub(crate) seconds: f64,
    /// The lowest validation.
    #[serde(default)]
    pub(crate) best: Option<BestStep>,
    /// Updates of the weights that were tested: all, or with patience those of the best.
    #[serde(default)]
    pub(crate) tested_step: Option<u64>,
    /// Likelihood of the test images; none when the run was stopped or the data have none.
    pub(crate) test: Option<Scored>,
}

impl RunResult {
    /// The test likelihood of the weights after `step` updates, if those were tested.
    pub(crate) fn test_of(&self, step: u64) -> Option<&Scored> {
        let tested = self.tested_step.unwrap_or(self.steps);
        self.test.as_ref().filter(|_| tested == step)
    }

    /// What the run in `directory` left, if it was finished.
    pub(crate) fn read(directory: &std::path::Path) -> Option<Self> {
        let path = directory.join(RESULT);
        let text = std::fs::read_to_string(&path).ok()?;
        let read = serde_json::from_str(&text);
        let damaged = |error| tracing::warn!("{} cannot be read: {error}", path.display());
        read.map_err(damaged).ok()
    }

    /// Keeps it in the run directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_whole(&self.run.join(RESULT), text.as_bytes())
    }
}

/// Draws the final samples and scores the test images; fills in `result.test` and keeps the result.
///
/// # Errors
/// When drawing, scoring or writing fails, or somebody asked to stop.
pub(crate) fn finish(
    model: &dyn Distribution,
    data: &Data,
    batch_size: usize,
    mut result: RunResult,
    output: &Output,
) -> Result<RunResult> {
    let told = Told::of(data);
    let drawn = draw_samples(model, &data.encoding, data.sample_rate(), told.as_ref());
    let (images, rows) = drawn.context("cannot draw samples")?;
    let file = result.run.join("samples.png");
    rows.sheet(&data.classes).of(&images).save_png(&file)?;
    output.preview(&rows.few(&images));
    output.note(format_args!("samples: {}", file.display()));
    output.note(format_args!(
        "loss curve: {}",
        result.run.join("loss.svg").display()
    ));

    let test = data.split(Split::Test);
    if !test.is_empty() {
        let nats = with_bar(model, test, &data.encoding, batch_size, 0, "test", output)?;
        if interrupt::asked() {
            let run = result.run.display();
            bail!("stopped before all test images were scored; to score them: ar-cli eval {run}");
        }
        result.test = Some(Scored::new(&nats, test, model, &data.encoding));
    }
    result.write()?;
    Ok(result)
}
