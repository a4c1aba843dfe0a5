//! `ar-cli info RUN --position R,C`: what a model thinks of one pixel.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use ar_core::{Error, Model};
use candle_core::{DType, IndexOp as _};
use serde::Serialize;

use super::drawing::classes_named;
use super::inputs::{Files, Input, test_image};
use super::recordings::recording;
use crate::condition::Told;
use crate::failure::usage;
use crate::output::Output;
use crate::picture::bars;
use crate::reading::ReadingArgs;
use crate::run::Run;
use crate::words::counted;

/// Which pixel, of which image.
#[derive(Debug, clap::Args)]
pub(super) struct At {
    /// RUN only: instead, the distribution of the level of this pixel (row and column from 0; of sound 0,SAMPLE)
    /// given the pixels of an image that come before it
    #[arg(long, value_name = "R,C", value_parser = row_and_column, conflicts_with = "draw", allow_hyphen_values = true)]
    pub(super) position: Option<[usize; 2]>,

    /// With --position, the image: a PNG, JPEG or WAV file, or a .npy file of levels
    #[arg(long, value_name = "FILE", requires = "position")]
    input: Option<PathBuf>,

    /// With --position, the image is test image I of the run's data, counted from 0 [default: 0]
    #[arg(
        long,
        value_name = "I",
        requires = "position",
        conflicts_with = "input"
    )]
    test: Option<usize>,

    /// With --position, the channel, from 0 [default: 0]
    #[arg(long, value_name = "C", requires = "position")]
    channel: Option<usize>,

    /// With --position, of a conditional model the class, by name or by number from 0 [default: that of the
    /// image]
    #[arg(long, value_name = "CLASS", requires = "position")]
    class: Option<String>,
}

/// A conditional p(level | the values before).
#[derive(Debug, PartialEq, Serialize)]
struct Conditional {
    /// Row and column.
    position: [usize; 2],
    channel: usize,
    /// In which the value is generated, counted from 0.
    step: usize,
    /// What the image has there.
    level: u32,
    /// Of every level.
    probabilities: Vec<f64>,
    /// -ln p of the image's own level.
    nats: f64,
    /// In nats.
    entropy: f64,
    /// The level to be expected.
    mean: f64,
}

/// Tells the distribution at `position`.
///
/// # Errors
/// When there is no such pixel, no image, or no class for it.
pub(super) fn tell(at: &At, position: [usize; 2], mut run: Run, output: &Output) -> Result<u8> {
    let image = at.image(&mut run, output)?;
    let condition = at.told(&run, &image)?.repeated(1, &run)?;
    let members = run.model.members();
    let model = *members.first().context("a model without members")?;
    let channel = at.channel.unwrap_or(0);
    let place = format!("--position {},{}", position[0], position[1]);
    let domain = model.domain();
    if position[0] >= domain.height || position[1] >= domain.width {
        return Err(usage(format!(
            "{place}: the image is {}x{}, counted from 0",
            domain.height, domain.width
        )));
    }
    if channel >= domain.channels {
        return Err(usage(format!(
            "--channel {channel}: the model's images have {}, counted from 0",
            counted(domain.channels, "channel")
        )));
    }
    let levels = domain.tensor(image.levels.clone(), run.model.device())?;
    let conditionals = model.conditionals(&levels, condition.as_ref())?;
    let [row, column] = position;
    let described = channel / model.likelihood().values();
    let parameters = conditionals.i((0, described, row, column))?;
    let parameters: Vec<f32> = parameters.to_dtype(DType::F32)?.to_vec1()?;
    let found = Conditional::of(model, &image.levels, position, channel, &parameters)?;

    let of_first = match members.len() {
        1 => String::new(),
        n => format!(" (of the first of {n} members)"),
    };
    output.say(format_args!(
        "p(level at {row},{column}, channel {channel}), step {} of {}{of_first}, given the values before:",
        found.step + 1,
        model.order().steps()
    ))?;
    let (lines, each) = bars(&found.probabilities, found.level as usize, output.columns());
    for line in lines {
        output.say(line)?;
    }
    if each > 1 {
        output.say(format_args!("a bar for {each} levels"))?;
    }
    output.say(format_args!(
        "the image's own level {}: p = {:.5}, {:.4} nats; entropy {:.4} nats, mean {:.2}",
        found.level,
        found.probabilities[found.level as usize],
        found.nats,
        found.entropy,
        found.mean
    ))?;
    output.json(&found)?;
    Ok(0)
}

impl At {
    fn image(&self, run: &mut Run, output: &Output) -> Result<Input> {
        let Some(path) = &self.input else {
            let image = test_image(self.test.unwrap_or(0), run, output);
            return image.context("--position needs an image; --input FILE gives another");
        };
        if run.data.config.sample_rate.is_some() {
            return recording(path, run, output);
        }
        if path.is_dir() {
            let problem = "it is a folder; give one image";
            return Err(usage(format!("--input {}: {problem}", path.display())));
        }
        let files = Files {
            option: "--input",
            in_folders: &[],
            paths: std::slice::from_ref(path),
            reading: &ReadingArgs::default(),
            full_size: false,
        };
        let mut images = files.read(run, output)?;
        if images.len() > 1 {
            output.note(format_args!(
                "{} holds {}; the first is taken",
                path.display(),
                counted(images.len(), "image")
            ));
        }
        ensure!(!images.is_empty(), "{} holds no image", path.display());
        Ok(images.swap_remove(0))
    }

    /// What the model is told of the image.
    fn told(&self, run: &Run, image: &Input) -> Result<Told> {
        let named = classes_named(self.class.as_slice(), run)?.first().copied();
        match (run.spec.conditioning.classes(), named.or(image.class)) {
            (Some(_), None) => Err(usage(
                "the model is conditioned on classes and the image has no label; name its class with --class",
            )),
            (Some(_), Some(class)) => Ok(Told::Class(class)),
            (None, _) => Ok(image.bands.clone().map_or(Told::Nothing, Told::Bands)),
        }
    }
}

impl Conditional {
    /// At a pixel of an image `(C, H, W)`, from what describes the value there.
    fn of(
        model: &dyn Model,
        image: &[u32],
        position: [usize; 2],
        channel: usize,
        parameters: &[f32],
    ) -> Result<Self> {
        let (domain, likelihood) = (model.domain(), model.likelihood());
        let at = position[0] * domain.width + position[1];
        // Of the same pixel, what is described together with this value and comes before it.
        let first = channel - channel % likelihood.values();
        let before: Vec<u32> = (first..channel).map(|c| image[domain.dim(c, at)]).collect();
        let logs = likelihood.log_probabilities(parameters, &before);
        if logs.iter().any(|log| log.is_nan()) {
            return Err(Error::NotANumber.into());
        }
        let level = image[domain.dim(channel, at)];
        let probabilities: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
        let own = probabilities.iter().zip(&logs);
        let entropy = own.filter(|(p, _)| **p > 0.0).map(|(p, log)| -p * log);
        let mean = probabilities.iter().enumerate();
        Ok(Self {
            position,
            channel,
            step: model.order().step_of(channel, at),
            level,
            nats: -logs[level as usize],
            entropy: entropy.sum(),
            mean: mean.map(|(level, p)| level as f64 * p).sum(),
            probabilities,
        })
    }
}

fn row_and_column(text: &str) -> Result<[usize; 2], String> {
    let numbers: Option<Vec<usize>> = text.split(',').map(|n| n.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[row, column]) => Ok([row, column]),
        _ => Err("must be row and column from 0, such as 14,9".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pixel_is_a_row_and_a_column() {
        assert_eq!(row_and_column("14, 9"), Ok([14, 9]));
        for wrong in ["", "3", "1,2,3", "-1,2", "a,b", "1x2"] {
            assert!(row_and_column(wrong).is_err(), "{wrong}");
        }
    }
}
