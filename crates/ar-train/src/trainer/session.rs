//! One call of [`Trainer::train`]: steps, and what is due between them.

use std::time::Instant;

use ar_core::Distribution;

use super::{Best, Outcome, Trainer};
use crate::metrics::smooth;
use crate::schedule::{Limits, learning_rate};
use crate::step::step;
use crate::{
    Batch, BatchSource, BoxError, Error, Observer, Result, StepMetrics, ValidationMetrics,
    with_large_stack,
};

/// Mean negative log-likelihood of the validation images under a model, in nats per image.
type Validation<'v> = &'v (dyn Fn(&dyn Distribution) -> std::result::Result<f64, BoxError> + Sync);

/// Images and seconds since the last line of the metrics.
#[derive(Debug, Default)]
struct Pace {
    images: u64,
    seconds: f64,
}

impl Trainer<'_> {
    /// Trains until a limit of the configuration is reached or the observer asks to stop, and saves.
    /// Runs on a thread of its own, see [`with_large_stack`].
    ///
    /// `validation` gives the mean negative log-likelihood of the validation images in nats per
    /// image, of a model of the averaged weights that records no graph. An error of it while the
    /// observer asks to stop counts as the stop.
    ///
    /// # Errors
    /// [`Error::NonFinite`] when training diverges: the weights are not updated and the last
    /// checkpoint stays. [`Error::NoGradient`] when the loss does not reach a parameter.
    /// [`Error::Source`], [`Error::Validation`], [`Error::Sample`] of the caller's own parts.
    /// [`Error::Io`] when something cannot be saved; the last checkpoint stays.
    pub fn train(
        &mut self,
        source: &dyn BatchSource,
        validation: Validation<'_>,
        observer: &mut (dyn Observer + Send),
    ) -> Result<Outcome> {
        with_large_stack(|| {
            self.since = Some(Instant::now());
            let before = self.progress.seconds;
            let finished = self.session(source, validation, observer, before);
            self.tick(before);
            self.since = None;
            let (step, seconds, best) = (
                self.progress.step,
                self.progress.seconds,
                self.progress.best,
            );
            Ok(Outcome {
                finished: finished?,
                step,
                seconds,
                best,
                early: self.out_of_patience(),
            })
        })?
    }

    fn session(
        &mut self,
        source: &dyn BatchSource,
        validation: Validation<'_>,
        observer: &mut (dyn Observer + Send),
        before: f64,
    ) -> Result<bool> {
        let per_epoch = source.batches_per_epoch();
        self.metrics.unit = source.unit();
        if per_epoch == 0 {
            return Err(Error::EmptySource);
        }
        match self.progress.batches_per_epoch.replace(per_epoch) {
            Some(was) if was != per_epoch => {
                let (was, now) = (was.to_string(), per_epoch.to_string());
                return Err(Error::Changed {
                    field: "batches per epoch".to_owned(),
                    was,
                    now,
                });
            }
            _ => {}
        }
        let limits = Limits::new(&self.config, per_epoch);
        let mut pace = Pace::default();
        let mut batches = None;
        loop {
            self.tick(before);
            if let Some(finished) = self.between_steps(&limits, validation, observer, before)? {
                return Ok(finished);
            }
            let begun = Instant::now();
            let (epoch, index) = (
                self.progress.step / per_epoch,
                self.progress.step % per_epoch,
            );
            if index == 0 {
                batches = None;
            }
            let batch = match batches
                .get_or_insert_with(|| source.epoch(epoch, index))
                .next()
            {
                Some(batch) => batch.map_err(|source| Error::Source {
                    epoch,
                    batch: index,
                    source,
                })?,
                None => {
                    return Err(Error::ShortEpoch {
                        epoch,
                        got: index,
                        expected: per_epoch,
                    });
                }
            };
            let mut metrics = self.step_on(&batch, &limits, epoch)?;
            self.tick(before);
            metrics.seconds = self.progress.seconds;
            pace.images += batch.levels.dim(0)? as u64;
            pace.seconds += begun.elapsed().as_secs_f64();
            metrics.images_per_second = pace.images as f64 / pace.seconds.max(f64::MIN_POSITIVE);
            if metrics.step == 1 || due(self.config.log_every, metrics.step) {
                self.metrics.append(&metrics)?;
                pace = Pace::default();
            }
            observer.step(&metrics);
        }
    }

    fn step_on(&mut self, batch: &Batch, limits: &Limits, epoch: u64) -> Result<StepMetrics> {
        let (done, seconds) = (self.progress.step, self.progress.seconds);
        let rate = learning_rate(&self.config, limits, done, seconds);
        let report = step(
            &*self.model,
            &mut self.optimizer,
            &self.config,
            batch,
            rate,
            done + 1,
        )?;
        let smoothed = smooth(self.progress.smoothed, done, report.loss);
        self.progress.smoothed = smoothed;
        self.progress.step = done + 1;
        self.dirty = true;
        Ok(StepMetrics {
            step: done + 1,
            epoch,
            seconds,
            train_nats_per_image: report.loss,
            smoothed_nats_per_image: smoothed,
            learning_rate: rate,
            gradient_norm: report.gradient_norm,
            images_per_second: 0.0,
            fraction: limits.fraction(done + 1, 0, seconds),
            total_steps: limits.steps,
        })
    }

    /// Validates, saves and samples as far as each is due. `Some` when the session is over, with
    /// whether the run is. What was due is decided by the step alone, so a session that begins here
    /// does what the one before it could not finish.
    fn between_steps(
        &mut self,
        limits: &Limits,
        validation: Validation<'_>,
        observer: &mut (dyn Observer + Send),
        before: f64,
    ) -> Result<Option<bool>> {
        let step = self.progress.step;
        let mut finished = limits.reached(step, self.progress.seconds);
        if step > 0
            && self.progress.validated != step
            && (finished || due(self.config.validate_every, step))
        {
            match self.validate(validation, observer) {
                Err(Error::Validation { .. }) if observer.should_stop() => {
                    self.save(observer, before)?;
                    return Ok(Some(false));
                }
                other => other?,
            }
        }
        finished |= self.out_of_patience();
        let stop = !finished && observer.should_stop();
        let improved = self.progress.validated == step && self.is_best();
        if finished || stop || improved || due(self.config.checkpoint_every, step) {
            self.save(observer, before)?;
        }
        if !stop && due(self.config.sample_every, step) {
            let model = self.blueprint.build(&self.optimizer.detached()?)?;
            observer
                .sample_due(&*model, step)
                .map_err(|source| Error::Sample { step, source })?;
        }
        Ok((finished || stop).then_some(finished))
    }

    fn validate(
        &mut self,
        validation: Validation<'_>,
        observer: &mut (dyn Observer + Send),
    ) -> Result<()> {
        let step = self.progress.step;
        let model = self.blueprint.build(&self.optimizer.detached()?)?;
        let nats = validation(&*model).map_err(|source| Error::Validation { step, source })?;
        let best = nats.is_finite()
            && self
                .progress
                .best
                .is_none_or(|best| nats < best.nats_per_image);
        if best {
            self.progress.best = Some(Best {
                step,
                nats_per_image: nats,
            });
        }
        self.progress.stale = if best { 0 } else { self.progress.stale + 1 };
        self.progress.validated = step;
        self.dirty = true;
        let metrics = ValidationMetrics {
            step,
            epoch: step / self.progress.batches_per_epoch.unwrap_or(1),
            seconds: self.progress.seconds,
            validation_nats_per_image: nats,
            best,
        };
        self.metrics.append(&metrics)?;
        observer.validated(&metrics);
        Ok(())
    }

    fn save(&mut self, observer: &mut (dyn Observer + Send), before: f64) -> Result<()> {
        if self.dirty {
            self.tick(before);
            self.write()?;
            self.dirty = false;
            observer.checkpointed(self.progress.step, &self.run.model_path());
        }
        Ok(())
    }

    /// Brings `progress.seconds` up to date; `before` is what it was when this session began.
    fn tick(&mut self, before: f64) {
        if let Some(since) = self.since {
            self.progress.seconds = before + since.elapsed().as_secs_f64();
        }
    }
}

fn due(every: u64, step: u64) -> bool {
    every > 0 && step > 0 && step.is_multiple_of(every)
}
