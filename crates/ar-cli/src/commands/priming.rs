//! `ar-cli complete` for sound: recordings of which the beginning is given.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_core::{Given, SampleOptions, score_pixels};
use ar_data::Encoding;
use serde::Serialize;

use super::drawing::{Drawing, Target, draw};
use crate::failure::usage;
use crate::output::Output;
use crate::picture::sounds as sounds_of;
use crate::progress::duration;
use crate::run::{Run, order_of};
use crate::words::counted;

/// Which recordings, and how much of them is kept.
#[derive(Debug)]
pub(super) struct Priming<'a> {
    pub(super) inputs: &'a [PathBuf],
    pub(super) keep_seconds: f64,
    /// Completions of each.
    pub(super) count: usize,
    pub(super) drawing: &'a Drawing,
}

#[derive(Serialize)]
struct Report<'a> {
    images: usize,
    inputs: usize,
    seconds: f64,
    file: &'a Path,
    files: &'a [PathBuf],
    sample_rate: u32,
    samples_per_second: f64,
    /// In which the samples were drawn.
    order: String,
    /// Of each input and class: what really followed, in nats, given what was kept.
    hole_nats: Vec<f64>,
}

impl Priming<'_> {
    /// Completes every input, as one of each class asked for; each is as long as its input.
    pub(super) fn run(
        &self,
        run: &mut Run,
        rate: u32,
        target: &Target,
        output: &Output,
    ) -> Result<u8> {
        let Encoding::Sound(companding) = run.encoding else {
            return Err(usage(
                "--keep-seconds: the model is of images; give --keep-rows or --mask",
            ));
        };
        if target.as_array {
            return Err(usage("--output: completed recordings are .wav files"));
        }
        let classes = self.drawing.classes(run)?;
        let rows = classes.len().max(1) * self.inputs.len();
        let (files, picture) = target.of_recordings(rows * self.count, self.drawing, run)?;
        let keep = (self.keep_seconds * f64::from(rate)).round() as usize;
        let (started, mut hole_nats, mut drawn_samples) = (Instant::now(), Vec::new(), 0);
        let mut shown: Vec<Vec<u16>> = Vec::new();
        let mut left = files.iter();
        for path in self.inputs {
            let samples = ar_data::samples_of(path, rate)?;
            if keep >= samples.len() {
                let length = samples.len() as f64 / f64::from(rate);
                return Err(usage(format!(
                    "--keep-seconds {}: {} is {length:.3} s long, so nothing is left to draw",
                    self.keep_seconds,
                    path.display()
                )));
            }
            let (levels, length) = (companding.levels_of(&samples), samples.len());
            run.take_length(samples.len(), "--input", output)?;
            let told = run.data.config.bands().map(|bands| bands.of(&samples));
            shown.push(samples);
            let each = if classes.is_empty() {
                vec![None]
            } else {
                classes.iter().copied().map(Some).collect()
            };
            for class in each {
                let condition = |count| {
                    let (conditioning, device) = (run.spec.conditioning, run.model.device());
                    if let Some(told) = &told {
                        let told = told.repeat(count);
                        let own =
                            conditioning.of_features(told, count, &run.model.domain(), device);
                        return own.map(Some);
                    }
                    conditioning.of_labels(class.map(|class| vec![class; count]), device)
                };
                let known: Vec<bool> = (0..levels.len()).map(|i| i % length < keep).collect();
                let wanted: Vec<bool> = known[..length].iter().map(|known| !known).collect();
                let domain = run.model.domain();
                let true_one = domain.tensor(levels.clone(), run.model.device())?;
                let member = run.model.members()[0];
                hole_nats.extend(score_pixels(
                    member,
                    &true_one,
                    condition(1)?.as_ref(),
                    &wanted,
                )?);
                let options = SampleOptions {
                    given: Some(Given {
                        levels: levels.repeat(self.count),
                        known,
                    }),
                    condition: condition(self.count)?,
                    ..self.drawing.options(self.count, &domain)?
                };
                let drawn = draw(&*run.model, &options, output)?;
                drawn_samples += (length - keep) * self.count;
                for one in drawn.levels.chunks(levels.len()) {
                    let samples = run.encoding.decode(one);
                    let file = left.next().context("a file for each completion")?;
                    ar_data::write_wav(file, rate, &samples)?;
                    shown.push(samples);
                }
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        shown.truncate(16);
        let of_all: Vec<&[u16]> = shown.iter().map(Vec::as_slice).collect();
        sounds_of(&of_all, rate)?.save_png(&picture)?;
        output.say(format_args!(
            "{} of {} after {keep} samples in {}: {}; {}",
            counted(files.len(), "completion"),
            counted(self.inputs.len(), "recording"),
            duration(seconds),
            files[0].display(),
            picture.display()
        ))?;
        output.json(&Report {
            images: files.len(),
            inputs: self.inputs.len(),
            seconds,
            file: &files[0],
            files: &files,
            sample_rate: rate,
            samples_per_second: drawn_samples as f64 / seconds,
            order: order_of(run.model.members()[0]),
            hole_nats,
        })?;
        Ok(0)
    }
}
