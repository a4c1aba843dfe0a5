//! `ar-cli compress`: files into an archive, by what a model knows of them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};
use ar_code::{Header, Item, compress};
use ar_core::{Conditioning, Scan};
use ar_data::Encoding;
use ar_train::Checkpoint;
use candle_core::Device;
use serde::Serialize;

use super::drawing::classes_named;
use super::inputs::{files_below, is_there, tests};
use super::scoring::data_of;
use crate::condition::in_words;
use crate::destination::{Destinations, ending_of};
use crate::failure::usage;
use crate::output::Output;
use crate::packing::{About, Coding, Kind, Packer, Rivals, identity};
use crate::picture::write_whole;
use crate::progress::{Progress, duration, rate};
use crate::reading::ReadingArgs;
use crate::run::{Run, manifest};
use crate::scored::{bits_unit, unit_of};
use crate::values::{count, scan};
use crate::words::counted;

/// Compress images or sound without loss, by a trained model
///
/// PNG, npy and WAV files come back with the same pixels, values or samples: the model's levels must be all of
/// them, as those of a model trained on all 256. A model that is not tied to a size takes images of any. The
/// archive can be read wherever the same model is, on any processor and with any number of threads.
#[derive(Debug, clap::Args)]
#[command(group = clap::ArgGroup::new("what").required(true).args(["files", "test"]))]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// PNG, npy or WAV files, or folders of them
    files: Vec<PathBuf>,

    /// Compress the first N test images of the run's data
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    test: Option<usize>,

    /// Archive to write
    #[arg(short, long, value_name = "ARCHIVE")]
    output: PathBuf,

    /// Put the model into the archive, which counts its size
    #[arg(long)]
    embed_model: bool,

    /// Of a model conditioned on classes, the class of all files
    #[arg(long, value_name = "NAME", conflicts_with = "test")]
    class: Option<String>,

    /// Of a model of several orders, code in this one [default: the first]
    #[arg(long, value_name = "NAME", value_parser = scan)]
    order: Option<Scan>,

    /// Do not compress with PNG, WebP and JPEG XL for comparison
    #[arg(long)]
    no_comparison: bool,

    /// Replace a file that exists
    #[arg(long)]
    force: bool,

    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    archive: &'a Path,
    files: usize,
    images: usize,
    bytes: u64,
    /// Of `bytes`, those of the model inside.
    model_bytes: usize,
    dims: usize,
    bits_per_dim: f64,
    model_bits_per_dim: f64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    comparison: Option<Rivals>,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let mut destinations = Destinations::new(args.force);
    args.files
        .iter()
        .for_each(|file| destinations.reads("FILES", file));
    let mut run = Run::open(&args.run, &Device::Cpu)?;
    run.is_read(&args.run, &mut destinations);
    if !matches!(run.spec.conditioning, Conditioning::None)
        && run.spec.conditioning.classes().is_none()
    {
        return Err(usage(format!(
            "the model is given {}, which whoever decompresses would not know",
            in_words(run.spec.conditioning)
        )));
    }
    let ending = ending_of(&args.output);
    destinations.file("--output", &args.output, &[ending.as_str()])?;
    let own = identity(&run)?;
    let about = About::of(&run, &args.run.display().to_string(), args.order);
    let checkpoint = args.embed_model.then(|| {
        let manifest = manifest(&run.spec, &*run.model, &run.data)?;
        Ok::<_, anyhow::Error>(Checkpoint::to_bytes(&manifest, run.step, &run.weights)?)
    });
    let checkpoint = checkpoint.transpose()?;
    let items = match args.test {
        Some(count) => of_test(count, &mut run, output)?,
        None => args.items(&run, output)?,
    };
    let is_sound = matches!(run.encoding, Encoding::Sound(_));
    let sizes: BTreeMap<_, _> = items.iter().map(|item| (item.size, &item.name)).collect();
    for ([height, width], name) in sizes {
        let sized = run.spec.of_size(height, width);
        sized.map_err(|error| usage(format!("{name}, of {height}x{width}: {error}")))?;
    }
    args.order.map_or(Ok(None), |scan| run.in_order(scan))?;
    let coding = Coding::new(&run, args.order);
    let header = Header {
        about: postcard::to_allocvec(&about)?,
        // Recordings have any length; few lengths are put together for.
        round: if is_sound { 1024 } else { 1 },
        ..Header::of(&*run.model, own)
    };
    let images: usize = items
        .iter()
        .map(|item| images_in(item, header.channels))
        .sum();
    let unit = unit_of(&run.encoding);
    let bar = Progress::new(output, "compressing", unit, images as u64);
    let progress = |done: usize| {
        bar.at(done as u64, String::new);
        true
    };
    let (started, mut bytes) = (Instant::now(), Vec::new());
    let of_size = |size| coding.of_size(size);
    let written = compress(
        &items,
        &header,
        checkpoint.as_deref(),
        &of_size,
        &mut bytes,
        &progress,
    )
    .with_context(|| format!("cannot write {}", args.output.display()))?;
    let seconds = started.elapsed().as_secs_f64();
    drop(bar);
    write_whole(&args.output, &bytes)?;
    // Of a sample its bytes are no dimensions of their own.
    let of_one = if is_sound { header.channels } else { 1 };
    let dims = written.values / of_one;
    let bits = |bits: f64| bits / dims.max(1) as f64;
    let report = Report {
        archive: &args.output,
        files: items.len(),
        images,
        bytes: written.bytes,
        model_bytes: checkpoint.as_ref().map_or(0, Vec::len),
        dims,
        bits_per_dim: bits(8.0 * written.bytes as f64),
        model_bits_per_dim: bits(written.nats / std::f64::consts::LN_2),
        seconds,
        comparison: (!args.no_comparison && !is_sound)
            .then(|| rivals(&items, &run))
            .flatten(),
    };
    output.say(format_args!(
        "{} in {}, {} {unit}s/s: {} bytes{}, {:.4} {}; the model's own likelihood is {:.4}",
        counted(images, unit),
        duration(seconds),
        rate(images, seconds),
        report.bytes,
        match report.model_bytes {
            0 => String::new(),
            model => format!(" ({model} of them the model)"),
        },
        report.bits_per_dim,
        bits_unit(&run.encoding),
        report.model_bits_per_dim
    ))?;
    if let Some(rivals) = &report.comparison {
        output.say(rivals.line(&bits_unit(&run.encoding)))?;
    }
    output.json(&report)?;
    Ok(0)
}

fn images_in(item: &Item, channels: usize) -> usize {
    item.levels.len() / (channels * item.size[0] * item.size[1]).max(1)
}

fn rivals(items: &[Item], run: &Run) -> Option<Rivals> {
    let channels = run.spec.domain.channels;
    let images = items.iter().flat_map(|item| {
        let dims = channels * item.size[0] * item.size[1];
        item.levels
            .chunks_exact(dims)
            .map(|image| (image, item.size))
    });
    Rivals::of(images, channels, &run.encoding)
}

/// The first `count` test images, with their labels; recordings whole.
fn of_test(count: usize, run: &mut Run, output: &Output) -> Result<Vec<Item>> {
    let data = data_of(run, None, &ReadingArgs::default(), false, output)?;
    let (test, count) = tests(&data, count, output)?;
    let encoding = data.encoding.clone().for_scoring();
    let is_conditional = run.spec.conditioning.classes().is_some();
    let classes = |i: usize| if is_conditional { test.label(i) } else { None };
    if let (Encoding::Sound(_), Some(rate)) = (&encoding, data.sample_rate()) {
        let recording = |i: usize| {
            let samples = test.recording(i);
            Ok(Item {
                about: postcard::to_allocvec(&Kind::Recording(rate))?,
                size: [1, samples.len()],
                levels: encoding.of_values(samples)?,
                classes: classes(i).into_iter().collect(),
                ..Item::named(&format!("test/{i:05}.wav"))
            })
        };
        let mut items: Vec<Item> = (0..count).map(recording).collect::<Result<_>>()?;
        items.sort_by_key(|item| item.size);
        return Ok(items);
    }
    let mut levels = Vec::new();
    for i in 0..count {
        encoding.encode(test, i, 0, &mut levels)?;
    }
    Ok(vec![Item {
        about: postcard::to_allocvec(&Kind::Levels)?,
        size: [run.spec.domain.height, run.spec.domain.width],
        levels,
        classes: (0..count).filter_map(classes).collect(),
        ..Item::named("test.npy")
    }])
}

impl Args {
    /// What the files hold, by name in their folders; those of one size follow each other.
    fn items(&self, run: &Run, output: &Output) -> Result<Vec<Item>> {
        let class = classes_named(self.class.as_slice(), run)?.first().copied();
        if class.is_none() && run.spec.conditioning.classes().is_some() {
            return Err(usage(
                "the model is conditioned on classes; name that of the files with --class",
            ));
        }
        let packer = Packer { run, class };
        let mut names = BTreeSet::new();
        let mut items = Vec::new();
        for (path, name) in files_of(&self.files, output)? {
            if !names.insert(name.clone()) {
                return Err(usage(format!(
                    "{}: another file is called {name} too; give the folder that holds both",
                    path.display()
                )));
            }
            items.push(packer.read(&path, &name)?);
        }
        items.sort_by_key(|item| item.size);
        Ok(items)
    }
}

/// Files, and what they are called in an archive: their own name, or where they are in the folder that was given.
fn files_of(paths: &[PathBuf], output: &Output) -> Result<Vec<(PathBuf, String)>> {
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for path in paths {
        is_there("FILES", path)?;
        if !path.is_dir() {
            files.push((path.clone(), name_below(path.parent(), path)));
            continue;
        }
        let (packed, left) = files_below("FILES", path)?
            .into_iter()
            .partition::<Vec<_>, _>(|file| PACKED.contains(&ending_of(file).as_str()));
        if packed.is_empty() {
            let problem = "the folder holds no PNG, npy or WAV files";
            return Err(usage(format!("{}: {problem}", path.display())));
        }
        let named = |file: PathBuf| {
            let name = name_below(Some(path), &file);
            (file, name)
        };
        files.extend(packed.into_iter().map(named));
        others.extend(left.iter().map(|file| name_below(Some(path), file)));
    }
    if let Some(first) = others.first() {
        output.warn(format_args!(
            "note: {} not compressed, such as {first}: only PNG, npy and WAV files are",
            counted(others.len(), "file")
        ));
    }
    Ok(files)
}

/// Endings of what is taken from folders.
const PACKED: &[&str] = &["png", "npy", "wav"];

/// `file` as seen from `folder`, its parts between slashes on every system.
fn name_below(folder: Option<&Path>, file: &Path) -> String {
    let below = folder.and_then(|folder| file.strip_prefix(folder).ok());
    let parts = below.unwrap_or(file).iter();
    parts
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join("/")
}
