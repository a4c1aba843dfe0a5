//! What commands that draw from a run have in common.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_core::{Distribution, Domain, SampleOptions, Sampled, Tempering};

use ar_data::Encoding;

use crate::condition::class_named;
use crate::destination::{Destinations, ending_of};
use crate::device::DeviceChoice;
use crate::failure::usage;
use crate::output::Output;
use crate::progress::Progress;
use crate::run::Run;
use crate::values::{count, positive, scale, seed, share};

/// From which run, how, and whereto.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Drawing {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// Class of a conditional model, by name or by number from 0; several as 3,7
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    class: Vec<String>,

    /// Divide logits by T: below 1 sharpens, above 1 flattens
    #[arg(long, value_name = "T", default_value = "1", value_parser = positive, allow_hyphen_values = true)]
    temperature: f64,

    /// Draw from the K most probable levels only
    #[arg(long, value_name = "K", value_parser = count, allow_hyphen_values = true)]
    top_k: Option<usize>,

    /// Draw from the most probable levels that together reach probability P
    #[arg(long, value_name = "P", value_parser = share, allow_hyphen_values = true)]
    top_p: Option<f64>,

    /// Seed; the same seed gives the same images
    #[arg(long, value_name = "S", default_value = "0", value_parser = seed, allow_hyphen_values = true)]
    seed: u64,

    /// File to write: .png for a picture, .wav for sound (several: a number before the ending), .npy for the
    /// levels drawn (N, C, H, W) [default: sampled.png, sampled.wav or completed.png in the run]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long)]
    force: bool,

    /// Picture pixels for each pixel of an image [default: small images are enlarged]
    #[arg(long, value_name = "N", value_parser = scale, allow_hyphen_values = true)]
    pub(super) scale: Option<usize>,

    /// auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,

    /// One JSON object on standard output: images, seconds, file, and more
    #[arg(long)]
    pub(crate) json: bool,
}

/// Values of all images together: 2 GiB of levels.
const MOST_VALUES: usize = 1 << 29;

/// Files of one command.
const MOST_RECORDINGS: usize = 10_000;

/// The file to write.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) file: PathBuf,
    /// Whether it holds levels rather than a picture or sound.
    pub(super) as_array: bool,
    /// What is read, and so stays as it is.
    inputs: Destinations,
}

impl Target {
    /// The files of `count` recordings: itself, or several with a number before the ending; and the picture
    /// of them.
    ///
    /// # Errors
    /// When they are too many, or one is there and may not be replaced.
    pub(super) fn of_recordings(
        &self,
        count: usize,
        drawing: &Drawing,
        run: &Run,
    ) -> Result<(Vec<PathBuf>, PathBuf)> {
        if count > MOST_RECORDINGS {
            let most = "recordings in one call: each is a file of its own";
            return Err(usage(format!("-n: at most {MOST_RECORDINGS} {most}")));
        }
        let picture = self.file.with_extension("png");
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let numbered = |i: usize| self.file.with_file_name(format!("{stem}-{i}.wav"));
        let sounds: Vec<PathBuf> = match count {
            1 => vec![self.file.clone()],
            _ => (1..=count).map(numbered).collect(),
        };
        let is_usual = drawing.output.is_none() && run.has_folder();
        let mut files = self.inputs.clone().forced(drawing.force || is_usual);
        for file in &sounds {
            files.file("--output", file, &["wav"])?;
        }
        files.file("--output", &picture, &["png"])?;
        Ok((sounds, picture))
    }
}

impl Drawing {
    /// Opens the run and decides where results go: `name` in the run unless told otherwise. What `reads` names
    /// stays as it is; `more` are further files to write, PNG all of them.
    ///
    /// # Errors
    /// When there is no run, or a file cannot be written or must not be.
    pub(super) fn open(
        &self,
        name: &str,
        reads: &[(&str, &Path)],
        more: &[(&'static str, &Path)],
    ) -> Result<(Run, Target)> {
        let mut files = Destinations::new(self.force);
        for (option, path) in reads {
            files.reads(option, path);
        }
        let run = Run::open(&self.run, &self.device.open()?)?;
        run.is_read(&self.run, &mut files);
        let inputs = files.clone();
        let is_sound = matches!(run.encoding, Encoding::Sound(_));
        if is_sound && self.scale.is_some() {
            return Err(usage("--scale: the model is of sound"));
        }
        let ending = if is_sound { "wav" } else { "png" };
        let usual = run.directory.join(name).with_extension(ending);
        let endings = [ending, "npy"];
        let file = self.output.clone().unwrap_or_else(|| usual.clone());
        if run.has_folder() {
            files.file_or("--output", &file, &usual, &endings)?;
        } else {
            files.file("--output", &file, &endings)?;
        }
        for (option, path) in more {
            files.file(option, path, &["png", "apng"])?;
        }
        let as_array = ending_of(&file) == "npy";
        if as_array && self.scale.is_some() {
            return Err(usage("--scale is for pictures; the output is an array"));
        }
        Ok((
            run,
            Target {
                file,
                as_array,
                inputs,
            },
        ))
    }

    /// The classes of `--class`.
    ///
    /// # Errors
    /// When the model is not conditioned on classes, or there is no such class.
    pub(super) fn classes(&self, run: &Run) -> Result<Vec<u32>> {
        classes_named(&self.class, run)
    }

    /// `count` images, drawn as asked.
    ///
    /// # Errors
    /// When they are more than can be held at once.
    pub(super) fn options(&self, count: usize, domain: &Domain) -> Result<SampleOptions> {
        let most = MOST_VALUES / domain.dims();
        if count > most {
            return Err(usage(format!(
                "-n: at most {most} images of this size in one call; with what multiplies them, {count} are asked for"
            )));
        }
        let tempering = Tempering {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
        };
        Ok(SampleOptions {
            count,
            seed: self.seed,
            tempering,
            ..SampleOptions::default()
        })
    }
}

/// The classes that `--class` names.
///
/// # Errors
/// When the model is not conditioned on classes, or there is no such class.
pub(super) fn classes_named(names: &[String], run: &Run) -> Result<Vec<u32>> {
    match (run.spec.conditioning.classes(), names.first()) {
        (_, None) => Ok(Vec::new()),
        (Some(classes), _) => names
            .iter()
            .map(|text| class_named(text, &run.data.classes, classes))
            .collect(),
        (None, Some(class)) => Err(usage(format!(
            "--class {class}: the model is not conditioned on classes; train one with --conditional"
        ))),
    }
}

/// Draws with a bar.
///
/// # Errors
/// When drawing fails.
pub(super) fn draw(
    model: &dyn Distribution,
    options: &SampleOptions,
    output: &Output,
) -> Result<Sampled> {
    let members = model.members();
    let steps = members.first().map_or(0, |member| member.order().steps());
    let total = (options.count * steps) as u64;
    let bar = Progress::new(output, "drawing", "value", total);
    let drawn = ar_core::sample(model, options, &|done, _| {
        bar.at(done as u64, String::new);
        true
    });
    drawn.context("cannot draw images")
}
