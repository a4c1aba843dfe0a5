//! `ar-cli sample`: new images from a trained model.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_core::{Domain, Engine, SampleOptions, Sampled};
use serde::Serialize;

use super::tempering::Draw;
use crate::animation::appearing;
use crate::dataset::{pictures, save_levels};
use crate::device::DeviceChoice;
use crate::failure::usage;
use crate::output::Output;
use crate::picture::{grid, save_apng};
use crate::progress::{Progress, duration};
use crate::run::Run;
use crate::values::count;

/// Draw new images from a trained model
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// How many images
    #[arg(short = 'n', long = "count", value_name = "N", default_value = "16", value_parser = count, allow_hyphen_values = true)]
    count: usize,

    #[command(flatten)]
    draw: Draw,

    /// Run the whole network for every value: slow, the check of the default engine
    #[arg(long)]
    whole_pass: bool,

    /// File to write: .png for a grid, .npy for levels (N, C, H, W) [default: sampled.png in the run]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Also write an animated PNG of the first images appearing pixel by pixel
    #[arg(long, value_name = "FILE")]
    animate: Option<PathBuf>,

    /// auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,

    /// One JSON object on standard output: images, seconds, engine, file
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    images: usize,
    seconds: f64,
    engine: Engine,
    file: &'a Path,
}

/// Values of all images together: 2 GiB of levels.
const MOST_VALUES: usize = 1 << 29;
/// Images shown in the terminal.
const PREVIEWED: usize = 8;
/// Images in an animation.
const ANIMATED: usize = 16;
const FRAME_MS: u16 = 50;
const LAST_FRAME_MS: u16 = 3000;

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let run = Run::open(&args.run, &args.device.open()?)?;
    let file = args
        .output
        .clone()
        .unwrap_or_else(|| run.directory.join("sampled.png"));
    let as_array = wants_array(&file)?;

    check_count(args.count, &run.model.domain())?;
    let engine = if args.whole_pass {
        Engine::WholePass
    } else {
        Engine::Stepwise
    };
    let tempering = args.draw.tempering();
    let options = SampleOptions {
        count: args.count,
        seed: args.draw.seed,
        tempering,
        engine,
        ..SampleOptions::default()
    };
    let started = Instant::now();
    let Sampled { levels, count } = draw(&run, &options, output)?;
    let seconds = started.elapsed().as_secs_f64();

    let domain = run.model.domain();
    let images = pictures(&levels, &domain, &run.encoding)?;
    if as_array {
        save_levels(&file, &levels, &domain)?;
    } else {
        grid(&images, None, 2).save_png(&file)?;
    }
    if let Some(path) = &args.animate {
        let frames = appearing(&images[..count.min(ANIMATED)], run.order()?)?;
        save_apng(path, &frames, FRAME_MS, LAST_FRAME_MS)?;
        output.note(format_args!("animation in {}", path.display()));
    }
    output.preview(&images[..count.min(PREVIEWED)]);
    let each = duration(seconds / count as f64);
    output.say(format_args!(
        "{count} images in {} ({each} each): {}",
        duration(seconds),
        file.display()
    ))?;
    output.json(&Report {
        images: count,
        seconds,
        engine,
        file: &file,
    })?;
    Ok(0)
}

/// Refuses more images than can be held at once.
pub(crate) fn check_count(count: usize, domain: &Domain) -> Result<()> {
    let most = MOST_VALUES / domain.dims();
    if count > most {
        return Err(usage(format!(
            "-n: at most {most} images of this size in one call"
        )));
    }
    Ok(())
}

/// Draws with a bar.
///
/// # Errors
/// When drawing fails.
pub(crate) fn draw(run: &Run, options: &SampleOptions, output: &Output) -> Result<Sampled> {
    let total = options.count * run.order()?.steps();
    let bar = Progress::new(output, "drawing", "values", total as u64);
    let drawn = ar_core::sample(run.model.as_ref(), options, &|done, _| {
        bar.at(done as u64, String::new);
        true
    });
    drawn.context("cannot draw images")
}

/// Whether `file` is to hold levels rather than a picture.
///
/// # Errors
/// When it ends in neither `.png` nor `.npy`.
pub(crate) fn wants_array(file: &Path) -> Result<bool> {
    match file
        .extension()
        .and_then(|e| e.to_str())
        .map(str::to_ascii_lowercase)
        .as_deref()
    {
        Some("npy") => Ok(true),
        Some("png") => Ok(false),
        _ => Err(usage(format!(
            "--output {}: name it .png for a picture or .npy for levels",
            file.display()
        ))),
    }
}
