//! `ar-cli complete`: the rest of images of which a part is given.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use ar_core::{Conditioning, Given, SampleOptions};
use serde::Serialize;

use super::drawing::{Drawing, draw};
use super::inputs::{Input, known_pixels, of_test, read};
use crate::condition::name_of;
use crate::dataset::{pictures, save_levels};
use crate::failure::usage;
use crate::output::Output;
use crate::picture::{Sheet, masked_input};
use crate::progress::duration;
use crate::reading::ReadingArgs;
use crate::values::count;
use crate::words::counted;

/// Complete images of which a part is given
///
/// A model conditioned on classes completes each image as one of its own class (that of a test
/// image, or of the folder it lies in), or as one of each class that --class names.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("part").required(true).args(["keep_rows", "mask"]))]
#[command(group = clap::ArgGroup::new("images").required(true).args(["input", "test"]))]
pub(crate) struct Args {
    /// Images to complete: PNG or JPEG files, or .npy files of levels (N, C, H, W)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,

    /// Complete the first N test images of the run's data
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    test: Option<usize>,

    /// Keep the first N rows of each image and draw the rest
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    keep_rows: Option<usize>,

    /// Keep what is not black in this picture, of the images' size, and draw the rest
    #[arg(long, value_name = "FILE.png")]
    mask: Option<PathBuf>,

    /// Completions of each image, and of each class
    #[arg(short = 'n', long = "count", value_name = "N", default_value = "4", value_parser = count, allow_hyphen_values = true)]
    count: usize,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    pub(crate) drawing: Drawing,
}

#[derive(Serialize)]
struct Report<'a> {
    images: usize,
    inputs: usize,
    seconds: f64,
    file: &'a Path,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let inputs = args.input.iter().map(|path| ("--input", path.as_path()));
    let mask = args.mask.iter().map(|path| ("--mask", path.as_path()));
    let reads: Vec<_> = inputs.chain(mask).collect();
    let (run, target) = args.drawing.open("completed.png", &reads, &[])?;
    let (domain, conditioning) = (run.model.domain(), run.spec.conditioning);
    let classes = args.drawing.classes(&run)?;
    let known = known_pixels(args.mask.as_deref(), args.keep_rows.unwrap_or(0), &domain)?;
    let inputs = args.inputs(&run, output)?;
    let rows = rows(&inputs, &classes, conditioning)?;
    let options = args
        .drawing
        .options(rows.len().saturating_mul(args.count), &domain)?;
    let given = rows.iter().flat_map(|row| row.0.levels.repeat(args.count));
    let labels = rows.iter().flat_map(|row| vec![row.1; args.count]);
    let options = SampleOptions {
        given: Some(Given {
            levels: given.collect(),
            known: known.repeat(domain.channels),
        }),
        condition: conditioning.of_labels(labels.collect(), run.model.device())?,
        ..options
    };
    let started = Instant::now();
    let drawn = draw(&run, &options, output)?;
    let seconds = started.elapsed().as_secs_f64();

    let completions = pictures(&drawn.levels, &domain, &run.encoding)?;
    if target.as_array {
        save_levels(&target.file, &drawn.levels, &domain)?;
    } else {
        let shown = rows.iter().zip(completions.chunks(args.count));
        let shown = shown.map(|((input, _), own)| {
            let original = pictures(&input.levels, &domain, &run.encoding)?.remove(0);
            let given = masked_input(&original, &known)?;
            Ok((original, given, own.to_vec()))
        });
        let conditional = conditioning != Conditioning::None;
        let classes = rows.iter().filter_map(|row| row.1.filter(|_| conditional));
        let sheet = Sheet {
            scale: args.drawing.scale,
            labels: classes
                .map(|class| name_of(class, &run.data.classes))
                .collect(),
            columns: None,
        };
        let shown = shown.collect::<Result<Vec<_>>>()?;
        sheet.completions(&shown).save_png(&target.file)?;
    }
    output.preview(&completions[..completions.len().min(8)]);
    output.say(format_args!(
        "{} of {} in {}: {}",
        counted(drawn.count, "completion"),
        counted(inputs.len(), "image"),
        duration(seconds),
        target.file.display()
    ))?;
    output.json(&Report {
        images: drawn.count,
        inputs: inputs.len(),
        seconds,
        file: &target.file,
    })?;
    Ok(0)
}

impl Args {
    fn inputs(&self, run: &crate::run::Run, output: &Output) -> Result<Vec<Input>> {
        if let Some(count) = self.test {
            return of_test(count, run, output);
        }
        let mut inputs = Vec::new();
        for path in &self.input {
            inputs.extend(read(path, &self.reading, run, output)?);
        }
        Ok(inputs)
    }
}

/// What is completed in each row: an image, as one of which class.
fn rows<'a>(
    inputs: &'a [Input],
    classes: &[u32],
    conditioning: Conditioning,
) -> Result<Vec<(&'a Input, Option<u32>)>> {
    let conditional = conditioning != Conditioning::None;
    let mut rows = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        if !classes.is_empty() {
            rows.extend(classes.iter().map(|&class| (input, Some(class))));
        } else if conditional && input.class.is_none() {
            return Err(usage(format!(
                "the model is conditioned on classes and image {} has no label; name its class with --class",
                i + 1
            )));
        } else {
            rows.push((input, input.class));
        }
    }
    Ok(rows)
}
