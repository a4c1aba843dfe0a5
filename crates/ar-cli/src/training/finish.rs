//! What a finished run leaves behind.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use ar_core::{Distribution, Score};
use ar_data::Split;
use serde::{Deserialize, Serialize};

use super::watch::draw_samples;
use crate::commands::eval::{Scored, with_bar};
use crate::dataset::Data;
use crate::interrupt;
use crate::output::Output;
use crate::picture::{grid, write_whole};

/// Images shown in the terminal.
const PREVIEWED: usize = 8;
/// The result's name in a run directory.
const RESULT_FILE: &str = "result.json";

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
    /// Likelihood of the test images; none when the run was stopped or the data have none.
    pub(crate) test: Option<Scored>,
}

impl RunResult {
    /// What the run in `directory` left, if it was finished.
    pub(crate) fn read(directory: &std::path::Path) -> Option<Self> {
        let text = std::fs::read_to_string(directory.join(RESULT_FILE)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Keeps it in the run directory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn write(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(self)? + "\n";
        write_whole(&self.run.join(RESULT_FILE), text.as_bytes())
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
    let images = draw_samples(model, &data.encoding).context("cannot draw samples")?;
    let file = result.run.join("samples.png");
    grid(&images, None, 2).save_png(&file)?;
    output.preview(&images[..PREVIEWED.min(images.len())]);
    output.note(format_args!("samples: {}", file.display()));
    output.note(format_args!(
        "loss curve: {}",
        result.run.join("loss.svg").display()
    ));

    let test = data.split(Split::Test);
    if test.is_empty() {
        output.warn(format_args!(
            "note: {} has no test images, so there is no test likelihood",
            data.name
        ));
    } else {
        let nats = with_bar(
            model,
            test,
            data.encoding.clone(),
            batch_size,
            0,
            "test",
            output,
        )?;
        if interrupt::asked() {
            let run = result.run.display();
            bail!("stopped before all test images were scored; to score them: ar-cli eval {run}");
        }
        result.test = Some(Scored::new(
            &Score::of(&nats, &model.domain()),
            &data.encoding,
        ));
    }
    result.write()?;
    Ok(result)
}
