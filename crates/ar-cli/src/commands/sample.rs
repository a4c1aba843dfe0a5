//! `ar-cli sample`: new images from a trained model.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_core::{Engine, SampleOptions, Sampled, Sampler, Scan, mean_and_error};
use serde::Serialize;

use super::drawing::{Drawing, draw};
use super::recordings::one_recording;
use crate::animation::appearing;
use crate::condition::{Rows, Told, every_class};
use crate::dataset::{pictures, save_levels};
use crate::failure::usage;
use crate::hearing::Heard;
use crate::output::Output;
use crate::picture::{Sheet, save_apng, sounds as sounds_of};
use crate::progress::duration;
use crate::run::Run;
use crate::scored::unit_of;
use crate::values::{Size, count, positive, scan};
use crate::words::counted;

/// Draw new images from a trained model
///
/// A model conditioned on classes draws a row of images for each class, or for each one that --class
/// names.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How many images; of a conditional model, of each class [default: 16, or 8 of each class]
    #[arg(short = 'n', long = "count", value_name = "N", value_parser = count, allow_hyphen_values = true)]
    count: Option<usize>,

    /// Images of another size than the model was trained on; for models whose parameters are not tied to one
    #[arg(long, value_name = "HxW")]
    size: Option<Size>,

    /// Of a model of sound, how long each recording is
    #[arg(long, value_name = "S", value_parser = positive, conflicts_with_all = ["size", "animate"], allow_hyphen_values = true)]
    seconds: Option<f64>,

    /// Of a model that was trained with --bands, the recording whose bands are drawn after: another voice for
    /// the same spectrum, as long as that is
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "size", "animate"])]
    like: Option<PathBuf>,

    /// Of a model of sound, write one recording to standard output while it is drawn: a WAV for a player
    #[arg(long, conflicts_with_all = ["json", "output", "count", "whole_pass", "size", "animate"])]
    stream: bool,

    /// Draw K times as many and keep of every K the one that is most probable under the model (of a mixture,
    /// under the member that drew it): these are not samples of the model any more, what is rare is left out
    #[arg(long, value_name = "K", value_parser = count, conflicts_with = "stream", allow_hyphen_values = true)]
    best_of: Option<usize>,

    /// Of a model of several orders, draw in this one; of one trained in every order, in any in
    /// which pixels come one after the other
    #[arg(long, value_name = "NAME", value_parser = scan)]
    order: Option<Scan>,

    /// Run the whole network for every value: slow, the check of the default engine
    #[arg(long)]
    whole_pass: bool,

    /// Also write an animated PNG of the first images appearing pixel by pixel
    #[arg(long, value_name = "FILE")]
    animate: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) drawing: Drawing,
}

#[derive(Serialize)]
struct Report<'a> {
    images: usize,
    seconds: f64,
    engine: Engine,
    file: &'a Path,
    /// Of each row.
    #[serde(skip_serializing_if = "<[u32]>::is_empty")]
    classes: &'a [u32],
    /// Negative log-likelihood of each image under the model, in nats; of a mixture, under the member
    /// that drew it.
    nats: &'a [f64],
    /// So many were drawn for each image, which is the most probable of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    best_of: Option<usize>,
    /// Steps in which an image is drawn.
    passes: usize,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    sound: Option<Speed>,
}

#[derive(Serialize)]
struct Speed {
    sample_rate: u32,
    /// Of all recordings together.
    samples_per_second: f64,
    /// Where each recording is.
    files: Vec<PathBuf>,
    /// What they sound like; of very short ones, nothing.
    heard: Option<Heard>,
}

/// Images of an unconditional model.
const IMAGES: usize = 16;
/// Images of each class of a conditional one.
const OF_A_CLASS: usize = 8;
/// Images in an animation.
const ANIMATED: usize = 16;
const FRAME_MS: u16 = 50;
const LAST_FRAME_MS: u16 = 3000;

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let animation = args.animate.as_deref().map(|path| ("--animate", path));
    let more: Vec<_> = animation.into_iter().collect();
    let reads: Vec<_> = args
        .like
        .iter()
        .map(|path| ("--like", path.as_path()))
        .collect();
    let (mut run, target) = args.drawing.open("sampled.png", &reads, &more)?;
    let rate = run.data.config.sample_rate;
    for (flag, given) in [
        ("--size", args.size.is_some()),
        ("--animate", args.animate.is_some()),
    ] {
        if given && rate.is_some() {
            return Err(usage(format!(
                "{flag}: the model is of sound; how long a recording is, --seconds says"
            )));
        }
    }
    if let Some(Size(size)) = args.size {
        run.take_size(size, "--size", output)?;
    }
    match (args.seconds, rate) {
        (Some(seconds), Some(rate)) => {
            run.take_length(samples_of(seconds, rate)?, "--seconds", output)?;
        }
        (Some(_), None) => return Err(usage("--seconds: the model is of images; give --size")),
        (None, Some(_)) if args.stream && args.like.is_none() => {
            return Err(usage("--stream: say with --seconds how long it is"));
        }
        (None, _) => {}
    }
    let bands = args.bands_of(&mut run, output)?;
    if let Some(order) = args.order {
        run.take_order(order)?;
    }
    let (domain, conditioning) = (run.model.domain(), run.spec.conditioning);
    let mut classes = args.drawing.classes(&run)?;
    if classes.is_empty() {
        classes = every_class(conditioning);
    }
    let usual = if classes.is_empty() {
        IMAGES
    } else {
        OF_A_CLASS
    };
    let each = args.count.unwrap_or(usual);
    let rows = Rows { classes, each };
    // Those of one class follow one another, and so do the K of which one is kept.
    let candidates = Rows {
        each: each.saturating_mul(args.best_of.unwrap_or(1)),
        ..rows.clone()
    };
    let options = args.drawing.options(candidates.count(), &domain)?;
    if args.stream {
        let told = match (bands, &rows.classes[..]) {
            (Some(bands), _) => Told::Bands(bands),
            (None, &[]) => Told::Nothing,
            (None, &[class]) => Told::Class(class),
            (None, _) => {
                let problem = "a stream is one recording; name one class with --class";
                return Err(usage(format!("--stream: {problem}")));
            }
        };
        let options = SampleOptions {
            count: 1,
            condition: told.repeated(1, &run)?,
            ..options
        };
        return stream(&run, &options);
    }
    let recordings = match rate {
        Some(_) if !target.as_array => {
            Some(target.of_recordings(rows.count(), &args.drawing, &run)?)
        }
        _ => None,
    };
    let order = args.animate.as_ref().map(|_| run.order()).transpose();
    let order = order.context("--animate")?;
    let engine = if args.whole_pass {
        Engine::WholePass
    } else {
        Engine::Stepwise
    };
    let (n, device) = (candidates.count(), run.model.device());
    let options = SampleOptions {
        engine,
        condition: match bands {
            Some(bands) => Told::Bands(bands).repeated(n, &run)?,
            None => candidates.condition(conditioning, device)?,
        },
        ..options
    };
    let started = Instant::now();
    let drawn = draw(&*run.model, &options, output)?.best_of(args.best_of.unwrap_or(1));
    let Sampled {
        levels,
        count,
        nats,
        ..
    } = drawn;
    let seconds = started.elapsed().as_secs_f64();
    let kept = match args.best_of {
        Some(k) => format!(", each the most probable of {k},"),
        None => String::new(),
    };
    let mut report = Report {
        images: count,
        seconds,
        engine,
        file: &target.file,
        classes: &rows.classes,
        nats: &nats,
        best_of: args.best_of,
        passes: run.model.members()[0].order().steps(),
        sound: rate.map(|rate| Speed {
            sample_rate: rate,
            samples_per_second: (candidates.count() * domain.positions()) as f64 / seconds,
            files: vec![target.file.clone()],
            heard: None,
        }),
    };
    if let (Some(speed), Some((sounds, picture))) = (&mut report.sound, &recordings) {
        let rate = speed.sample_rate;
        let each: Vec<Vec<u16>> = levels
            .chunks(domain.dims())
            .map(|levels| run.encoding.decode(levels))
            .collect();
        for (file, samples) in sounds.iter().zip(&each) {
            ar_data::write_wav(file, rate, samples)?;
        }
        let each: Vec<&[u16]> = each.iter().map(Vec::as_slice).collect();
        sounds_of(&each[..count.min(SHOWN)], rate)?.save_png(picture)?;
        output.say(format_args!(
            "{}{kept} of {:.3} s in {} ({:.0} samples/s): {}; {}",
            counted(count, "recording"),
            f64::from(domain.width as u32) / f64::from(rate),
            duration(seconds),
            speed.samples_per_second,
            sounds[0].display(),
            picture.display()
        ))?;
        speed.files.clone_from(sounds);
        speed.heard = Heard::of(&each, rate)?;
        report.file = &sounds[0];
    } else {
        let images = pictures(&levels, &domain, &run.encoding, rate)?;
        if target.as_array {
            save_levels(&target.file, &levels, &domain)?;
        } else {
            let sheet = Sheet {
                scale: args.drawing.scale,
                ..rows.sheet(&run.data.classes)
            };
            sheet.of(&images).save_png(&target.file)?;
        }
        if let (Some(path), Some(order)) = (&args.animate, order) {
            let frames = appearing(&images[..count.min(ANIMATED)], order)?;
            save_apng(path, &frames, FRAME_MS, LAST_FRAME_MS)?;
            output.note(format_args!("animation in {}", path.display()));
        }
        output.preview(&rows.few(&images));
        output.say(format_args!(
            "{}{kept} in {} ({} each): {}",
            counted(count, unit_of(&run.encoding)),
            duration(seconds),
            duration(seconds / count as f64),
            target.file.display()
        ))?;
    }
    output.say(nats_in_words(&nats))?;
    if let Some(heard) = report.sound.as_ref().and_then(|sound| sound.heard) {
        output.say(heard)?;
    }
    output.json(&report)?;
    Ok(0)
}

impl Args {
    /// The bands of the recording that is drawn after; the model takes its length.
    fn bands_of(&self, run: &mut Run, output: &Output) -> Result<Option<Vec<f32>>> {
        let config = &run.data.config;
        match (&self.like, config.bands(), config.sample_rate) {
            (Some(file), Some(bands), Some(_)) => {
                let only = one_recording("--like", file, run)?;
                run.take_size([1, only.samples.len()], "--like", output)?;
                Ok(Some(bands.of(&only.samples)))
            }
            (Some(file), ..) => Err(usage(format!(
                "--like {}: the model is told nothing of a recording; train one with --bands",
                file.display()
            ))),
            (None, Some(_), _) => Err(usage(
                "the model is told how loud a recording is in bands of frequency: say after which one to draw \
                 with --like FILE.wav",
            )),
            (None, None, _) => Ok(None),
        }
    }
}

/// Writes the samples of one recording to standard output as they are drawn. A reader that has heard enough may
/// go.
fn stream(run: &Run, options: &SampleOptions) -> Result<u8> {
    const AT_ONCE: usize = 256;
    let rate = run.data.config.sample_rate;
    let rate = rate.ok_or_else(|| usage("--stream: the model is of images"))?;
    let mut out = std::io::stdout().lock();
    let domain = run.model.domain();
    let header = ar_data::wav_header(rate, domain.width)?;
    let mut sampler = Sampler::new(run.model.members()[0], options)?;
    let steps = run.model.members()[0].order().steps_per_position();
    let mut written = 0;
    let mut write = |bytes: &[u8]| match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(false),
        other => other
            .map(|()| true)
            .context("cannot write to standard output"),
    };
    let mut goes_on = write(&header)?;
    while goes_on && written < domain.width {
        let some = AT_ONCE.min(domain.width - written);
        for value in sampler.by_ref().take(some * steps) {
            value?;
        }
        let rows = sampler.levels().chunks(domain.width);
        let levels = rows.flat_map(|row| &row[written..written + some]).copied();
        let drawn = run.encoding.decode(&levels.collect::<Vec<u32>>());
        let signed = drawn.iter().map(|&s| (i32::from(s) - 32_768) as i16);
        let bytes: Vec<u8> = signed.flat_map(i16::to_le_bytes).collect();
        goes_on = write(&bytes)?;
        written += some;
    }
    Ok(0)
}

/// How probable what was drawn is: of a few images each, in their order, of more the mean and the range.
fn nats_in_words(nats: &[f64]) -> String {
    const FEW: usize = 16;
    let each = nats.iter().map(|nats| format!("{nats:.2}"));
    if nats.len() <= FEW {
        let each: Vec<String> = each.collect();
        return format!("nats under the model: {}", each.join(", "));
    }
    let (mean, _) = mean_and_error(nats);
    let least = nats.iter().copied().fold(f64::INFINITY, f64::min);
    let most = nats.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("nats under the model: {mean:.2} on average, {least:.2} to {most:.2}")
}

/// Recordings in a picture.
const SHOWN: usize = 16;

/// How many samples so many seconds are.
fn samples_of(seconds: f64, rate: u32) -> Result<usize> {
    const MOST: f64 = (1 << 24) as f64;
    let samples = (seconds * f64::from(rate)).round();
    if (1.0..=MOST).contains(&samples) {
        return Ok(samples as usize);
    }
    let most = MOST / f64::from(rate);
    Err(usage(format!(
        "--seconds {seconds}: from one sample to {most:.0} s at {rate} Hz"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_images_have_their_nats_told_and_many_the_range() {
        assert_eq!(
            nats_in_words(&[83.204, 79.0]),
            "nats under the model: 83.20, 79.00"
        );
        let many: Vec<f64> = (0..21).map(f64::from).collect();
        assert_eq!(
            nats_in_words(&many),
            "nats under the model: 10.00 on average, 0.00 to 20.00"
        );
    }
}
