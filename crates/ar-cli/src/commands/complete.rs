//! `ar-cli complete`: the rest of images of which a part is given.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Result;
use ar_core::{
    Conditioning, Distribution, Given, Mixture, Model, Order, SampleOptions, mean_and_error,
    score_pixels,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::drawing::{Drawing, draw};
use super::inputs::{Files, Input, PICTURES, of_test};
use super::known::Known;
use super::priming::Priming;
use super::scoring::reads_sound;
use crate::condition::name_of;
use crate::dataset::{pictures, save_levels};
use crate::failure::usage;
use crate::output::Output;
use crate::picture::{Sheet, masked_input};
use crate::progress::duration;
use crate::reading::ReadingArgs;
use crate::run::Run;
use crate::values::{count, positive, scan};
use crate::words::{counted, with_error};

/// Complete images of which a part is given
///
/// A model conditioned on classes completes each image as one of its own class (that of a test
/// image, or of the folder it lies in), or as one of each class that --class names.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("part").required(true).args(["keep_rows", "mask", "keep_seconds"]))]
#[command(group = clap::ArgGroup::new("images").required(true).args(["input", "test"]))]
pub(crate) struct Args {
    /// Images to complete: PNG or JPEG files, folders of them, or .npy or .npz files of levels (N, C, H, W)
    #[arg(long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,

    /// Complete the first N test images of the run's data
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    test: Option<usize>,

    /// Keep the first N rows of each image and draw the rest
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    keep_rows: Option<usize>,

    /// Keep the first S seconds of each recording (WAV files as --input) and draw the rest
    #[arg(long, value_name = "S", value_parser = positive, conflicts_with_all = ["test", "order", "full_size"], allow_hyphen_values = true)]
    keep_seconds: Option<f64>,

    /// Keep what is not black in this picture, of the images' size, and draw the rest; a folder holds a mask
    /// for each image, called like it
    #[arg(long, value_name = "FILE|DIR")]
    mask: Option<PathBuf>,

    /// Of a model of several orders, take this one; auto is for each image that which leaves its hole for
    /// last, and of a model trained in every order one that does
    #[arg(long, value_name = "auto|NAME")]
    order: Option<String>,

    /// Images as large as they are, without the --resize and --crop of the run
    #[arg(long)]
    full_size: bool,

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
    /// The order in which they were completed; a list of one for each row, where they differ; none, where
    /// every completion has its own of several.
    order: Value,
    /// Of each row of completions: negative log-likelihood of what the hole really held, in nats, given
    /// what comes before it in the order; null without an order.
    hole_nats: Vec<Option<f64>>,
}

/// What is completed in each row.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    input: &'a Input,
    /// `(H, W)`: which pixels are given.
    known: &'a [bool],
    /// As one of which class.
    class: Option<u32>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let inputs = args.input.iter().map(|path| ("--input", path.as_path()));
    let mask = args.mask.iter().map(|path| ("--mask", path.as_path()));
    let reads: Vec<_> = inputs.chain(mask).collect();
    let (mut run, target) = args.drawing.open("completed.png", &reads, &[])?;
    match (run.data.config.sample_rate, args.keep_seconds) {
        (Some(rate), Some(keep_seconds)) => {
            reads_sound(&run, &args.reading, args.full_size)?;
            let priming = Priming {
                inputs: &args.input,
                keep_seconds,
                count: args.count,
                drawing: &args.drawing,
            };
            return priming.run(&mut run, rate, &target, output);
        }
        (Some(_), None) => {
            return Err(usage(
                "the model is of sound: give --input FILE.wav and --keep-seconds",
            ));
        }
        (None, Some(_)) => {
            let instead = "give --keep-rows or --mask";
            return Err(usage(format!(
                "--keep-seconds: the model is of images; {instead}"
            )));
        }
        (None, None) => {}
    }
    let classes = args.drawing.classes(&run)?;
    let inputs = args.inputs(&mut run, output)?;
    let (domain, conditioning) = (run.model.domain(), run.spec.conditioning);
    let known = match &args.mask {
        Some(path) => Known::masks(path, &inputs, &domain)?,
        None => Known::rows(args.keep_rows.unwrap_or(0), &domain)?,
    };
    if known.is_all() {
        output.warn(match args.mask {
            Some(_) => "note: nothing in the mask is black, so nothing is left to draw",
            None => "note: all rows are kept, so nothing is left to draw",
        });
    }
    let rows = rows(&inputs, &known, &classes, conditioning)?;
    let options = args
        .drawing
        .options(rows.len().saturating_mul(args.count), &domain)?;
    let taken = args
        .order
        .as_deref()
        .map(|order| Taken::of(&run, order, &rows));
    let taken = taken.transpose()?;
    let model: &dyn Distribution = match &taken {
        Some(Taken {
            model: Some(own), ..
        }) => own,
        _ => &*run.model,
    };
    let members = match (&taken, model.members().len()) {
        (Some(taken), _) => Some(taken.members.clone()),
        (None, 1) => Some(vec![0; rows.len()]),
        _ => None,
    };
    let each = |row: &Row| row.input.levels.repeat(args.count);
    let masks = |row: &Row| row.known.repeat(domain.channels).repeat(args.count);
    let repeated = |all: &Vec<usize>| all.iter().flat_map(|&m| vec![m; args.count]).collect();
    let labels = rows.iter().flat_map(|row| vec![row.class; args.count]);
    let options = SampleOptions {
        given: Some(Given {
            levels: rows.iter().flat_map(each).collect(),
            known: rows.iter().flat_map(masks).collect(),
        }),
        condition: conditioning.of_labels(labels.collect(), run.model.device())?,
        members: members.as_ref().map(repeated),
        ..options
    };
    let started = Instant::now();
    let drawn = draw(model, &options, output)?;
    let seconds = started.elapsed().as_secs_f64();

    let completions = pictures(&drawn.levels, &domain, &run.encoding, None)?;
    if target.as_array {
        save_levels(&target.file, &drawn.levels, &domain)?;
    } else {
        let shown = rows.iter().zip(completions.chunks(args.count));
        let shown = shown.map(|(row, own)| {
            let original = pictures(&row.input.levels, &domain, &run.encoding, None)?.remove(0);
            let given = masked_input(&original, row.known)?;
            Ok((original, given, own.to_vec()))
        });
        let conditional = conditioning != Conditioning::None;
        let classes = rows
            .iter()
            .filter_map(|row| row.class.filter(|_| conditional));
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
    let (mut order, mut hole_nats) = (Value::Null, vec![None; rows.len()]);
    if let Some(members) = members {
        let told = nats_of_holes(model, &rows, &members)?;
        let mut names: Vec<String> = members.iter().map(|&m| name(model.members()[m])).collect();
        hole_nats = told.iter().copied().map(Some).collect();
        let (mean, error) = mean_and_error(&told);
        let all_one = names.windows(2).all(|pair| pair[0] == pair[1]);
        if all_one {
            names.truncate(1);
        }
        let orders = match &names[..] {
            [one] => format!("order {one}"),
            several => format!("{} orders, each in its own", several.len()),
        };
        output.say(format_args!(
            "what the holes held: {} nats given what comes before in {orders}",
            with_error(mean, error, 2, told.len())
        ))?;
        order = if all_one {
            json!(names[0])
        } else {
            json!(names)
        };
    }
    output.json(&Report {
        images: drawn.count,
        inputs: inputs.len(),
        seconds,
        file: &target.file,
        order,
        hole_nats,
    })?;
    Ok(0)
}

impl Args {
    fn inputs(&self, run: &mut Run, output: &Output) -> Result<Vec<Input>> {
        if let Some(count) = self.test {
            return of_test(count, &self.reading, self.full_size, run, output);
        }
        let files = Files {
            option: "--input",
            in_folders: PICTURES,
            paths: &self.input,
            reading: &self.reading,
            full_size: self.full_size,
        };
        files.read(run, output)
    }
}

/// What the order of `model` is called.
fn name(model: &dyn Model) -> String {
    match model.order().name() {
        Some(scan) => format!("{scan:#}"),
        None => "known-first".to_owned(),
    }
}

/// Which order each row is completed in.
#[derive(Debug)]
struct Taken {
    /// In the place of the run's model, where that has not these orders alone.
    model: Option<Mixture>,
    /// For each row, which member.
    members: Vec<usize>,
}

impl Taken {
    /// For each of `rows` the order called `name`, or with `auto` one in which its unknown pixels come last.
    fn of(run: &Run, name: &str, rows: &[Row]) -> Result<Self> {
        if name == "auto" {
            return Self::latest(&*run.model, rows);
        }
        let scan = scan(name).map_err(|error| usage(format!("--order: {error}")))?;
        Ok(Self {
            model: run.in_order(scan)?,
            members: vec![0; rows.len()],
        })
    }

    /// For each of `rows` what it knows first, where the model takes that, or else the latest of its orders.
    fn latest(model: &dyn Distribution, rows: &[Row]) -> Result<Self> {
        let members = model.members();
        let (domain, steps) = (model.domain(), members[0].order().channel_steps());
        let mut masks: Vec<&[bool]> = rows.iter().map(|row| row.known).collect();
        masks.sort_unstable();
        masks.dedup();
        let known_first = masks.iter().map(|known| {
            let order = Order::known_first(&domain, steps, known)?;
            model.in_order(&order).transpose()
        });
        let known_first: Option<Vec<_>> = known_first.collect::<ar_core::Result<_>>()?;
        let of_mask: Vec<usize> = match known_first {
            Some(_) => (0..masks.len()).collect(),
            None => masks.iter().map(|known| latest(&members, known)).collect(),
        };
        let own = |row: &Row| masks.binary_search(&row.known).ok();
        Ok(Self {
            model: known_first.map(Mixture::new).transpose()?,
            members: rows.iter().filter_map(own).map(|i| of_mask[i]).collect(),
        })
    }
}

/// The member in whose order the unknown pixels come latest; the first of those that are equal.
fn latest(members: &[&dyn Model], known: &[bool]) -> usize {
    let lateness = |&which: &usize| {
        let holes = (0..known.len()).filter(|&p| !known[p]);
        holes.map(|p| members[which].order().rank(p)).sum::<usize>()
    };
    (0..members.len()).rev().max_by_key(lateness).unwrap_or(0)
}

/// Of each row, how unlikely the unknown values of its image are in the order of its member, in nats.
fn nats_of_holes(model: &dyn Distribution, rows: &[Row], members: &[usize]) -> Result<Vec<f64>> {
    const AT_ONCE: usize = 16;
    let (domain, device) = (model.domain(), model.device());
    let mut all = vec![0.0; rows.len()];
    for (which, member) in model.members().into_iter().enumerate() {
        let own: Vec<usize> = (0..rows.len()).filter(|&i| members[i] == which).collect();
        for some in own.chunks(AT_ONCE) {
            let levels: Vec<u32> = some
                .iter()
                .flat_map(|&i| rows[i].input.levels.clone())
                .collect();
            let levels = domain.tensor(levels, device)?;
            let labels = some.iter().map(|&i| rows[i].class).collect();
            let condition = model.conditioning().of_labels(labels, device)?;
            let hole: Vec<bool> = some
                .iter()
                .flat_map(|&i| rows[i].known)
                .map(|k| !k)
                .collect();
            let nats = score_pixels(member, &levels, condition.as_ref(), &hole)?;
            some.iter().zip(nats).for_each(|(&i, nats)| all[i] = nats);
        }
    }
    Ok(all)
}

/// A row for each input, or for each input and class asked for.
fn rows<'a>(
    inputs: &'a [Input],
    known: &'a Known,
    classes: &[u32],
    conditioning: Conditioning,
) -> Result<Vec<Row<'a>>> {
    let conditional = conditioning != Conditioning::None;
    let mut rows = Vec::new();
    for (i, input) in inputs.iter().enumerate() {
        let row = |class| Row {
            input,
            known: known.of(i),
            class,
        };
        if !classes.is_empty() {
            rows.extend(classes.iter().map(|&class| row(Some(class))));
        } else if conditional && input.class.is_none() {
            return Err(usage(format!(
                "the model is conditioned on classes and image {} has no label; name its class with --class",
                i + 1
            )));
        } else {
            rows.push(row(input.class));
        }
    }
    Ok(rows)
}
