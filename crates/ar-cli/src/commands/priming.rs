//! `ar-cli complete` for sound: recordings of which the beginning is given.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_core::{Given, SampleOptions, score_pixels};
use ar_data::Encoding;
use serde::Serialize;

use super::drawing::{Drawing, Target, draw};
use super::recordings::{Recording, recordings};
use crate::condition::Told;
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
    /// Completes every input, as one of each class asked for or else of its own; each is as long as its input.
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
        let keep = (self.keep_seconds * f64::from(rate)).round() as usize;
        let inputs = recordings("--input", self.inputs, run)?;
        let told = self.told(&inputs, keep, rate, run)?;
        let rows: usize = told.iter().map(Vec::len).sum();
        let completions = rows.saturating_mul(self.count);
        let (files, picture) = target.of_recordings(completions, self.drawing, run)?;
        let (started, mut hole_nats, mut drawn_samples) = (Instant::now(), Vec::new(), 0);
        let mut shown: Vec<Vec<u16>> = Vec::new();
        let mut left = files.iter();
        for (Recording { samples, .. }, told) in inputs.iter().zip(&told) {
            let (levels, length) = (companding.levels_of(samples), samples.len());
            run.take_length(length, "--input", output)?;
            shown.push(samples.clone());
            let known: Vec<bool> = (0..levels.len()).map(|i| i % length < keep).collect();
            let wanted: Vec<bool> = known[..length].iter().map(|known| !known).collect();
            let domain = run.model.domain();
            let true_one = domain.tensor(levels.clone(), run.model.device())?;
            for told in told {
                let (member, condition) = (run.model.members()[0], told.repeated(1, run)?);
                hole_nats.extend(score_pixels(
                    member,
                    &true_one,
                    condition.as_ref(),
                    &wanted,
                )?);
                let options = SampleOptions {
                    given: Some(Given {
                        levels: levels.repeat(self.count),
                        known: known.clone(),
                    }),
                    condition: told.repeated(self.count, run)?,
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
            counted(inputs.len(), "recording"),
            duration(seconds),
            files[0].display(),
            picture.display()
        ))?;
        output.json(&Report {
            images: files.len(),
            inputs: inputs.len(),
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

    /// As what each of `inputs` is completed; all that is wrong with one is said before any is.
    fn told(
        &self,
        inputs: &[Recording],
        keep: usize,
        rate: u32,
        run: &Run,
    ) -> Result<Vec<Vec<Told>>> {
        let classes = self.drawing.classes(run)?;
        let is_conditional = run.spec.conditioning.classes().is_some();
        let bands = run.data.config.bands();
        let told = |input: &Recording| {
            let path = input.path.display();
            if keep >= input.samples.len() {
                let length = input.samples.len() as f64 / f64::from(rate);
                return Err(usage(format!(
                    "--keep-seconds {}: {path} is {length:.3} s long, so nothing is left to draw",
                    self.keep_seconds
                )));
            }
            Ok(match (&classes[..], input.class, bands) {
                ([], Some(class), _) if is_conditional => vec![Told::Class(class)],
                ([], None, _) if is_conditional => {
                    return Err(usage(format!(
                        "the model is conditioned on classes, and neither the name nor the folder of {path} says \
                         one; name it with --class"
                    )));
                }
                ([], _, Some(bands)) => vec![Told::Bands(bands.of(&input.samples))],
                ([], _, None) => vec![Told::Nothing],
                (classes, ..) => classes.iter().copied().map(Told::Class).collect(),
            })
        };
        inputs.iter().map(told).collect()
    }
}
