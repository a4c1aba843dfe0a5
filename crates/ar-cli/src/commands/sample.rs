//! `ar-cli sample`: new images from a trained model.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_core::{Engine, SampleOptions, Sampled, Scan};
use serde::Serialize;

use super::drawing::{Drawing, draw};
use crate::animation::appearing;
use crate::condition::{Rows, every_class};
use crate::dataset::{pictures, save_levels};
use crate::output::Output;
use crate::picture::{Sheet, save_apng};
use crate::progress::duration;
use crate::values::{Size, count, scan};
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

    /// Of a model of several orders, draw in this one; of one trained in every order, in any
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
    /// Steps in which an image is drawn.
    passes: usize,
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
    let (mut run, target) = args.drawing.open("sampled.png", &[], &more)?;
    if let Some(Size(size)) = args.size {
        run.take_size(size, "--size", output)?;
    }
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
    let options = args.drawing.options(rows.count(), &domain)?;
    let order = args.animate.as_ref().map(|_| run.order()).transpose();
    let order = order.context("--animate")?;
    let engine = if args.whole_pass {
        Engine::WholePass
    } else {
        Engine::Stepwise
    };
    let options = SampleOptions {
        engine,
        condition: rows.condition(conditioning, run.model.device())?,
        ..options
    };
    let started = Instant::now();
    let drawn = draw(&*run.model, &options, output)?;
    let Sampled {
        levels,
        count,
        nats,
        ..
    } = drawn;
    let seconds = started.elapsed().as_secs_f64();

    let images = pictures(&levels, &domain, &run.encoding)?;
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
        "{} in {} ({} each): {}",
        counted(count, "image"),
        duration(seconds),
        duration(seconds / count as f64),
        target.file.display()
    ))?;
    output.json(&Report {
        images: count,
        seconds,
        engine,
        file: &target.file,
        classes: &rows.classes,
        nats: &nats,
        passes: run.model.members()[0].order().steps(),
    })?;
    Ok(0)
}
