//! What is seen of a run while it trains.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use ar_core::{Distribution, Domain, SampleOptions};
use ar_data::{Encoding, Epoch, Split, Traversal};
use ar_train::{BoxError, Observer, StepMetrics, ValidationMetrics};

use super::curve::draw_loss;
use super::plan::Plan;
use super::tensorboard::TensorBoard;
use crate::condition::Rows;
use crate::dataset::{Data, pictures};
use crate::interrupt;
use crate::output::Output;
use crate::picture::Picture;
use crate::progress::Progress;
use crate::scored::bits_unit;

/// Images in a sample grid, about: a conditional model draws as many of each class.
pub(super) const GRID: usize = 36;
/// Recordings in one.
const SOUNDS: usize = 6;

/// Progress, sample grids and the loss curve of a run.
#[derive(Debug)]
pub(crate) struct Watch {
    output: Output,
    progress: Progress,
    /// Whether progress counts seconds, as a limit in minutes does, or steps.
    by_time: bool,
    seconds: f64,
    title: String,
    domain: Domain,
    encoding: Encoding,
    /// Of recordings, samples a second.
    rate: Option<u32>,
    told: Option<Told>,
    classes: Vec<String>,
    metrics: PathBuf,
    samples: PathBuf,
    curve: PathBuf,
    log_every: u64,
    tensorboard: Option<TensorBoard>,
}

impl Watch {
    /// Watches the run of `plan`, which ends after `total_steps`, where that is known.
    pub(crate) fn new(output: &Output, plan: &Plan, total_steps: Option<u64>) -> Self {
        let (directory, config) = (&plan.directory, &plan.train);
        let seconds = config.minutes.unwrap_or_default() * 60.0;
        let (unit, total) = match total_steps {
            Some(steps) => ("step", steps),
            None => ("second", seconds.ceil() as u64),
        };
        Self {
            output: output.clone(),
            progress: Progress::new(output, "training", unit, total),
            by_time: total_steps.is_none(),
            seconds,
            title: plan.title(),
            domain: plan.spec.domain,
            encoding: plan.data.encoding.clone(),
            rate: plan.data.sample_rate(),
            told: Told::of(&plan.data),
            classes: plan.data.classes.clone(),
            metrics: directory.metrics_path(),
            samples: directory.samples_path(),
            curve: directory.path().join("loss.svg"),
            log_every: config.log_every,
            tensorboard: None,
        }
    }

    /// Writes the curves for TensorBoard too, into a folder of the run.
    ///
    /// # Errors
    /// When the folder or the file cannot be made.
    pub(crate) fn also_tensorboard(&mut self) -> Result<()> {
        let run = self.metrics.parent().unwrap_or(Path::new("."));
        self.tensorboard = Some(TensorBoard::create(&run.join("tensorboard"))?);
        Ok(())
    }

    fn tell_tensorboard(&mut self, step: u64, values: &[(&'static str, f64)]) {
        let Some(board) = &mut self.tensorboard else {
            return;
        };
        // A run on sound has its likelihoods per sample, as in its metrics.
        let unit = self.rate.map_or("per_image", |_| "per_sample");
        let named = |(name, value): &(&str, f64)| (name.replace("per_image", unit), *value);
        let values: Vec<_> = values.iter().map(named).collect();
        if let Err(error) = board.write(step, &values) {
            self.output
                .warn(format_args!("warning: {error:#}; no more is written there"));
            self.tensorboard = None;
        }
    }

    /// Draws the loss curve from the metrics written so far.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn draw_curve(&self) -> Result<()> {
        draw_loss(&self.metrics, &self.curve, &self.title)
    }

    /// Takes the progress bar away.
    pub(crate) fn finish(&self) {
        self.progress.finish();
    }

    fn units(&self, nats: f64) -> String {
        if self.rate.is_some() {
            let bits = nats / std::f64::consts::LN_2;
            return format!("{nats:.4} nats/sample, {bits:.4} bits/sample");
        }
        let bits = nats / (self.domain.dims() as f64 * std::f64::consts::LN_2);
        let unit = bits_unit(&self.encoding);
        format!("{nats:.2} nats/image, {bits:.4} {unit}")
    }
}

/// The bands of a few windows of recordings, which are drawn again where a model is told them.
#[derive(Debug)]
pub(super) struct Told {
    count: usize,
    bands: Vec<f32>,
}

impl Told {
    /// Of the first validation recordings, or training ones; none where a model is told nothing.
    pub(super) fn of(data: &Data) -> Option<Self> {
        let splits = [Split::Validation, Split::Train].map(|split| data.split(split));
        let images = splits.into_iter().find(|images| !images.is_empty())?;
        let encoding = data.encoding.clone();
        let epoch = Epoch::new(Arc::clone(images), encoding, SOUNDS, Traversal::Sequential).ok()?;
        let batch = epoch.batch(0)?;
        Some(Self {
            count: batch.len,
            bands: batch.told?,
        })
    }
}

/// Samples as a sheet shows them, a row for each class of a conditional model. The seed is the same
/// every time, so that grids of one run can be compared.
///
/// # Errors
/// When drawing fails; [`ar_core::Error::Cancelled`] after Ctrl-C.
pub(super) fn draw_samples(
    model: &dyn Distribution,
    encoding: &Encoding,
    rate: Option<u32>,
    told: Option<&Told>,
) -> Result<(Vec<Picture>, Rows)> {
    let grid = rate.map_or(GRID, |_| told.map_or(SOUNDS, |told| told.count));
    let (conditioning, device) = (model.conditioning(), model.device());
    let rows = Rows::about(grid, conditioning);
    let options = SampleOptions {
        count: rows.count(),
        condition: match told {
            Some(Told { count, bands }) => {
                Some(conditioning.of_features(bands.clone(), *count, &model.domain(), device)?)
            }
            None => rows.condition(conditioning, device)?,
        },
        ..SampleOptions::default()
    };
    let drawn = ar_core::sample(model, &options, &|_, _| !interrupt::asked())?;
    let images = pictures(&drawn.levels, &model.domain(), encoding, rate)?;
    Ok((images, rows))
}

impl Observer for Watch {
    fn step(&mut self, metrics: &StepMetrics) {
        if metrics.step == 1 || metrics.step.is_multiple_of(self.log_every) {
            let values = [
                ("train/nats_per_image", metrics.train_nats_per_image),
                (
                    "train/smoothed_nats_per_image",
                    metrics.smoothed_nats_per_image,
                ),
                ("train/learning_rate", metrics.learning_rate),
                ("train/gradient_norm", metrics.gradient_norm),
                ("train/images_per_second", metrics.images_per_second),
            ];
            self.tell_tensorboard(metrics.step, &values);
        }
        let done = if self.by_time {
            metrics.fraction * self.seconds
        } else {
            metrics.step as f64
        };
        self.progress.at(done as u64, || {
            let nats = self.units(metrics.smoothed_nats_per_image);
            let step = if self.by_time {
                format!("step {}, ", metrics.step)
            } else {
                String::new()
            };
            format!("{step}{nats}, {:.0} images/s", metrics.images_per_second)
        });
    }

    fn validated(&mut self, metrics: &ValidationMetrics) {
        let nats = metrics.validation_nats_per_image;
        self.tell_tensorboard(metrics.step, &[("validation/nats_per_image", nats)]);
        let best = if metrics.best { " (best so far)" } else { "" };
        let nats = self.units(metrics.validation_nats_per_image);
        self.output.note(format_args!(
            "step {}: validation {nats}{best}",
            metrics.step
        ));
        if let Err(error) = self.draw_curve() {
            self.output.warn(format_args!("warning: {error:#}"));
        }
    }

    fn sample_due(&mut self, model: &dyn Distribution, step: u64) -> Result<(), BoxError> {
        let (images, rows) =
            match draw_samples(model, &self.encoding, self.rate, self.told.as_ref()) {
                Err(_) if interrupt::asked() => return Ok(()),
                drawn => drawn?,
            };
        let file = self.samples.join(format!("step-{step:06}.png"));
        rows.sheet(&self.classes).of(&images).save_png(&file)?;
        Ok(())
    }

    fn checkpointed(&mut self, step: u64, path: &Path) {
        tracing::debug!(step, path = %path.display(), "saved");
    }

    fn should_stop(&self) -> bool {
        interrupt::asked()
    }
}
