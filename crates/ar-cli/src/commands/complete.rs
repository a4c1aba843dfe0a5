//! `ar-cli complete`: the rest of images of which a part is given.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_core::{Domain, Given, SampleOptions};
use ar_data::{Binarization, Encoding, Images, read_images};
use serde::Serialize;

use super::sample::{check_count, draw, wants_array};
use super::tempering::Draw;
use crate::dataset::{pictures, save_levels};
use crate::device::DeviceChoice;
use crate::failure::usage;
use crate::output::Output;
use crate::picture::{completion_grid, masked_input};
use crate::progress::duration;
use crate::run::Run;
use crate::values::count;

/// Complete images of which a part is given
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("part").required(true).args(["keep_rows", "mask"]))]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// Images to complete: PNG files, or .npy files of levels (N, C, H, W)
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    input: Vec<PathBuf>,

    /// Keep the first N rows of each image and draw the rest
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    keep_rows: Option<usize>,

    /// Keep what is not black in this picture, of the images' size, and draw the rest
    #[arg(long, value_name = "FILE.png")]
    mask: Option<PathBuf>,

    /// Completions of each image
    #[arg(short = 'n', long = "count", value_name = "N", default_value = "4", value_parser = count, allow_hyphen_values = true)]
    count: usize,

    #[command(flatten)]
    draw: Draw,

    /// File to write: .png for a grid of original, given part and completions, .npy for the levels
    /// of the completions (inputs x N, C, H, W) [default: completed.png in the run]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,

    /// One JSON object on standard output: images, inputs, seconds, file
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    images: usize,
    inputs: usize,
    seconds: f64,
    file: &'a Path,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let run = Run::open(&args.run, &args.device.open()?)?;
    let file = args
        .output
        .clone()
        .unwrap_or_else(|| run.directory.join("completed.png"));
    let as_array = wants_array(&file)?;
    let domain = run.model.domain();
    let known = known_pixels(args, &domain)?;

    let mut originals = Vec::new();
    for path in &args.input {
        read_input(path, &domain, &run.encoding, &mut originals, output)?;
    }
    let inputs = originals.len() / domain.dims();
    let count = inputs.saturating_mul(args.count);
    check_count(count, &domain)?;
    let given = originals
        .chunks(domain.dims())
        .flat_map(|image| image.repeat(args.count))
        .collect();
    let options = SampleOptions {
        count,
        seed: args.draw.seed,
        tempering: args.draw.tempering(),
        given: Some(Given {
            levels: given,
            known: known.repeat(domain.channels),
        }),
        ..SampleOptions::default()
    };
    let started = Instant::now();
    let drawn = draw(&run, &options, output)?;
    let seconds = started.elapsed().as_secs_f64();

    let completions = pictures(&drawn.levels, &domain, &run.encoding)?;
    if as_array {
        save_levels(&file, &drawn.levels, &domain)?;
    } else {
        let originals = pictures(&originals, &domain, &run.encoding)?;
        let rows = originals
            .into_iter()
            .zip(completions.chunks(args.count))
            .map(|(original, own)| {
                let given = masked_input(&original, &known)?;
                Ok((original, given, own.to_vec()))
            });
        completion_grid(&rows.collect::<Result<Vec<_>>>()?).save_png(&file)?;
    }
    output.preview(&completions[..completions.len().min(8)]);
    output.say(format_args!(
        "{} completions of {inputs} images in {}: {}",
        drawn.count,
        duration(seconds),
        file.display()
    ))?;
    output.json(&Report {
        images: drawn.count,
        inputs,
        seconds,
        file: &file,
    })?;
    Ok(0)
}

/// Which pixels are given, `(H, W)`.
fn known_pixels(args: &Args, domain: &Domain) -> Result<Vec<bool>> {
    let (height, width) = (domain.height, domain.width);
    if let Some(path) = &args.mask {
        let mask =
            read_images(path).with_context(|| format!("cannot read --mask {}", path.display()))?;
        let shape = mask.shape();
        if (mask.len(), shape.height, shape.width) != (1, height, width) {
            let got = format!("{}x{}", shape.height, shape.width);
            return Err(usage(format!(
                "--mask {} is {got} pixels, the model's images are {height}x{width}",
                path.display()
            )));
        }
        let planes = mask.image(0);
        return Ok((0..height * width)
            .map(|p| {
                planes
                    .iter()
                    .skip(p)
                    .step_by(height * width)
                    .any(|&v| v > 0)
            })
            .collect());
    }
    let rows = args.keep_rows.unwrap_or(0);
    if rows > height {
        return Err(usage(format!(
            "--keep-rows {rows}: the model's images have {height} rows"
        )));
    }
    Ok((0..height * width).map(|p| p / width < rows).collect())
}

/// Appends the levels of the images of one input file.
fn read_input(
    path: &Path,
    domain: &Domain,
    encoding: &Encoding,
    levels: &mut Vec<u32>,
    output: &Output,
) -> Result<()> {
    let images =
        read_images(path).with_context(|| format!("cannot read --input {}", path.display()))?;
    if images.is_empty() {
        return Err(usage(format!("--input {} holds no images", path.display())));
    }
    let given = images.shape();
    // Levels as `sample` writes them, or what becomes such levels.
    let shape = if given.channels == domain.channels {
        given
    } else {
        encoding.shape(given)
    };
    if [shape.channels, shape.height, shape.width] != [domain.channels, domain.height, domain.width]
    {
        return Err(usage(format!(
            "--input {} is {given} (channels x height x width), the model's images are {}x{}x{}",
            path.display(),
            domain.channels,
            domain.height,
            domain.width
        )));
    }
    let is_array = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    if is_array
        && images
            .pixels()
            .iter()
            .all(|&value| usize::from(value) < domain.levels)
    {
        levels.extend(images.pixels().iter().map(|&value| u32::from(value)));
        return Ok(());
    }
    let native = encoding.native_levels();
    let images = with_levels(images, native).map_err(|highest| {
        usage(format!(
            "--input {}: value {highest} is outside the data's 0..{native}",
            path.display()
        ))
    })?;
    // A picture to complete has no split and no number that a stored draw could belong to.
    let encoding = match encoding {
        Encoding::Binary(_, native) => {
            output.note(format_args!(
                "{}: made binary at half the range",
                path.display()
            ));
            Encoding::binary(*native, Binarization::Threshold)?
        }
        Encoding::Levels(_) | Encoding::Palette(_) => encoding.clone(),
    };
    for i in 0..images.len() {
        encoding.encode(&images, i, 0, levels)?;
    }
    Ok(())
}

/// The same images as ones of `native` levels, or the value that is none.
fn with_levels(images: Images, native: usize) -> std::result::Result<Images, u16> {
    if images.native_levels() == native {
        return Ok(images);
    }
    let (shape, pixels) = (images.shape(), images.pixels().to_vec());
    let highest = pixels.iter().copied().max().unwrap_or(0);
    Images::new(shape, native, pixels, None).map_err(|_| highest)
}
