//! `ar-cli complete`: the rest of images of which a part is given.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_core::{
    Conditioning, Distribution, Given, Model, SampleOptions, Scan, mean_and_error, nll_of_values,
};
use candle_core::DType;
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

    /// Of a model of several orders, take this one: auto is that which leaves the hole for last
    #[arg(long, value_name = "auto|NAME")]
    order: Option<String>,

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
    /// The order in which they were completed; none, where every completion has its own of several.
    order: Option<String>,
    /// Of each row of completions: negative log-likelihood of what the hole really held, in nats, given
    /// what comes before it in the order; null without an order.
    hole_nats: Vec<Option<f64>>,
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
    let member = match &args.order {
        Some(order) => Some(member_of(&*run.model, order, &known)?),
        None => match run.model.members()[..] {
            [one] => Some(one),
            _ => None,
        },
    };
    let model: &dyn Distribution = match member {
        Some(member) => member,
        None => &*run.model,
    };
    let started = Instant::now();
    let drawn = draw(model, &options, output)?;
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
    let hole_nats: Vec<Option<f64>> = match member {
        Some(member) => nats_of_holes(member, &rows, &known)?
            .into_iter()
            .map(Some)
            .collect(),
        None => vec![None; rows.len()],
    };
    output.preview(&completions[..completions.len().min(8)]);
    output.say(format_args!(
        "{} of {} in {}: {}",
        counted(drawn.count, "completion"),
        counted(inputs.len(), "image"),
        duration(seconds),
        target.file.display()
    ))?;
    let told: Vec<f64> = hole_nats.iter().copied().flatten().collect();
    let order = member.and_then(|member| member.order().name());
    if let (Some(order), [_, ..]) = (order, &told[..]) {
        let (mean, error) = mean_and_error(&told);
        output.say(format_args!(
            "what the holes held: {mean:.2} ± {error:.2} nats given what comes before in order {order}"
        ))?;
    }
    output.json(&Report {
        images: drawn.count,
        inputs: inputs.len(),
        seconds,
        file: &target.file,
        order: order.map(|order| order.to_string()),
        hole_nats,
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

/// The member of `model` whose order is called `name`, or with `auto` that in which the unknown pixels
/// come last.
fn member_of<'m>(model: &'m dyn Distribution, name: &str, known: &[bool]) -> Result<&'m dyn Model> {
    let members = model.members();
    if name == "auto" {
        let lateness = |member: &&dyn Model| {
            let holes = (0..known.len()).filter(|&p| !known[p]);
            holes.map(|p| member.order().rank(p)).sum::<usize>()
        };
        // The first of those that are equal.
        let best = members.iter().rev().max_by_key(|member| lateness(member));
        return best.copied().context("the model has no members");
    }
    let scan: Scan = name
        .parse()
        .map_err(|error| usage(format!("--order: {error}")))?;
    let found = members
        .iter()
        .find(|member| member.order().name() == Some(scan));
    found.copied().ok_or_else(|| {
        let orders = crate::run::orders_of(model);
        usage(format!("--order {scan}: the model knows {orders}"))
    })
}

/// Of each row, how unlikely the unknown values of its image are in the order of `model`, in nats.
fn nats_of_holes(
    model: &dyn Model,
    rows: &[(&Input, Option<u32>)],
    known: &[bool],
) -> Result<Vec<f64>> {
    const AT_ONCE: usize = 16;
    let (domain, device) = (model.domain(), model.device());
    let mut all = Vec::with_capacity(rows.len());
    for some in rows.chunks(AT_ONCE) {
        let levels: Vec<u32> = some.iter().flat_map(|row| row.0.levels.clone()).collect();
        let levels = domain.tensor(levels, device)?;
        let labels = some.iter().map(|row| row.1).collect();
        let condition = model.conditioning().of_labels(labels, device)?;
        let conditionals = model.conditionals(&levels, condition.as_ref())?;
        let each = nll_of_values(model, &levels, &conditionals)?.to_dtype(DType::F64)?;
        for values in each.flatten_from(1)?.to_vec2::<f64>()? {
            let pixels = values.iter().zip(known.iter().cycle());
            all.push(
                pixels
                    .filter(|(_, known)| !**known)
                    .map(|(nats, _)| nats)
                    .sum(),
            );
        }
    }
    Ok(all)
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
