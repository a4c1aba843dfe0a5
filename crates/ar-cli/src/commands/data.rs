//! `ar-cli data`: what there is to train on.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_data::{Encoding, Fetched, LoadOptions, Split};
use serde::Serialize;

use crate::condition::listed_classes;
use crate::config::DataConfig;
use crate::dataset::{Data, pictures};
use crate::destination::Destinations;
use crate::failure::usage;
use crate::hearing::Heard;
use crate::output::Output;
use crate::picture::Sheet;
use crate::reading::{ReadingArgs, SeeingArgs};
use crate::scored::unit_of;
use crate::values::scale;
use crate::words::{counted, meant};

/// List, show and fetch data sets
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

impl Args {
    /// Whether the result is wanted as JSON.
    pub(crate) fn json(&self) -> bool {
        match &self.action {
            Action::List { json, .. } => *json,
            Action::Show(show) => show.json,
            Action::Fetch { .. } => false,
        }
    }
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the data sets that have names and whether they are here
    List {
        /// Folder of data sets, looked at before the cache
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// One JSON object on standard output: sets, each with name, description, folder, present
        #[arg(long)]
        json: bool,
    },
    /// Describe a data set and draw its first training images
    Show(Show),
    /// Download a data set into the cache, unless it is here
    Fetch {
        /// mnist, cifar10, digits, letters or tones
        name: String,
        /// Folder of data sets, looked at before the cache
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Show {
    /// auto, mnist, cifar10, digits, letters, tones, or the path of a file or folder
    name: String,

    /// PNG to draw the first images into
    #[arg(short, long, value_name = "FILE.png")]
    output: Option<PathBuf>,

    /// Replace a file that exists
    #[arg(long, requires = "output")]
    force: bool,

    /// Picture pixels for each pixel of an image [default: small images are enlarged]
    #[arg(long, value_name = "N", value_parser = scale, requires = "output", allow_hyphen_values = true)]
    scale: Option<usize>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    seeing: SeeingArgs,

    /// One JSON object on standard output
    #[arg(long)]
    json: bool,
}

/// What `list --json` says of each set.
#[derive(Debug, Serialize)]
struct Listed {
    name: &'static str,
    description: &'static str,
    folder: Option<PathBuf>,
    present: bool,
}

/// What `show --json` says.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    name: &'a str,
    source: &'a str,
    train: usize,
    validation: usize,
    test: usize,
    /// Channels, height, width.
    shape: [usize; 3],
    levels: usize,
    native_levels: usize,
    native_from: &'a str,
    binarization: &'static str,
    palette: Option<usize>,
    classes: &'a [String],
    fingerprint: &'a str,
    file: Option<&'a Path>,
    /// What the first recordings sound like.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<Heard>,
}

/// Sets that can be fetched.
const NAMES: [&str; 5] = ["mnist", "cifar10", "digits", "letters", "tones"];
/// Recordings listened to by `show`.
const HEARD: usize = 256;
/// Images drawn by `show`.
const SHOWN: usize = 64;

pub(crate) fn run(args: Args, output: &Output) -> Result<u8> {
    match args.action {
        Action::List { data_dir, .. } => list(data_dir, output)?,
        Action::Show(args) => show(&args, output)?,
        Action::Fetch { name, data_dir } => {
            let fetched =
                ar_data::fetch(&name, &options(data_dir)?).map_err(|error| match error {
                    ar_data::Error::UnknownName { .. } => usage(format!(
                        "{name}: there is no such set to fetch{}; there are {}",
                        meant(&name, NAMES),
                        NAMES.join(", ")
                    )),
                    other => other.into(),
                })?;
            let said = match fetched {
                Fetched::AlreadyHere(folder) => format!("{name} is in {}", folder.display()),
                Fetched::Downloaded(folder) => {
                    format!("{name} downloaded into {}", folder.display())
                }
                Fetched::BuiltIn => format!("{name} is part of this program"),
            };
            output.say(said)?;
        }
    }
    Ok(0)
}

fn options(data_dir: Option<PathBuf>) -> Result<LoadOptions> {
    let config = DataConfig {
        data_dir,
        ..DataConfig::default()
    };
    config.is_there("NAME")?;
    Ok(config.load_options())
}

fn list(data_dir: Option<PathBuf>, output: &Output) -> Result<()> {
    let sets = ar_data::list(&options(data_dir)?);
    for entry in &sets {
        let place = match (&entry.found, entry.present) {
            (Some(folder), _) => format!("in {}", folder.display()),
            (None, true) => "always here".to_owned(),
            (None, false) => format!("not here; ar-cli data fetch {}", entry.name),
        };
        output.say(format_args!(
            "{:10} {} ({place})",
            entry.name, entry.description
        ))?;
    }
    output.say(
        "A .npy, .npz, IDX, PNG, JPEG or WAV file, or a folder of pictures, of recordings or of one of these sets, can \
         be given by its path.",
    )?;
    let sets: Vec<_> = sets
        .into_iter()
        .map(|set| Listed {
            name: set.name,
            description: set.description,
            folder: set.found,
            present: set.present,
        })
        .collect();
    output.json(&serde_json::json!({ "sets": sets }))
}

fn show(args: &Show, output: &Output) -> Result<()> {
    let mut files = Destinations::new(args.force);
    files.reads("NAME", Path::new(&args.name));
    if let Some(file) = &args.output {
        files.file("--output", file, &["png"])?;
    }
    let config = args.reading.over(args.seeing.of(args.name.clone()));
    config.is_there("NAME")?;
    let data = Data::load(&config, None)?;
    let train = data.split(Split::Train);
    let sizes = [Split::Train, Split::Validation, Split::Test]
        .map(|split| format!("{} {}", data.split(split).len(), split.name()))
        .join(", ");
    output.say(format_args!("{}: {}", data.name, data.source))?;
    let (domain, of) = (data.domain()?, unit_of(&data.encoding));
    let shape = match data.sample_rate() {
        Some(rate) => format!("crops of {} samples, {rate} a second", domain.width),
        None => format!("{} (channels x height x width)", train.shape()),
    };
    output.say(format_args!("{of}s: {sizes}; {shape}"))?;
    let (levels, native) = (data.encoding.levels(), data.encoding.native_levels());
    let made = match &data.encoding {
        Encoding::Palette(_) => "colours of a palette".to_owned(),
        Encoding::Sound(companding) => match companding.channels() {
            1 => companding.law().to_string(),
            n => format!("{}, {n} for each sample", companding.law()),
        },
        _ => format!("binarization {}", data.encoding.binarization()),
    };
    output.say(format_args!(
        "levels: {levels} of {native} ({}), {made}",
        data.native_from
    ))?;
    if !data.classes.is_empty() {
        output.say(format_args!("classes: {}", listed_classes(&data.classes)))?;
    }
    output.say(format_args!("fingerprint: {}", data.fingerprint))?;
    let first: Vec<&[u16]> = (0..train.len().min(HEARD))
        .map(|i| train.recording(i))
        .collect();
    let heard = data.sample_rate().map(|rate| Heard::of(&first, rate));
    let heard = heard.transpose()?.flatten();
    if let Some(heard) = heard {
        let whole = counted(first.len(), "recording");
        output.say(format_args!("sound of the first {whole}: {heard}"))?;
    }

    let encoding = data.encoding.clone().for_scoring();
    let mut levels = Vec::new();
    for i in 0..train.len().min(SHOWN) {
        encoding.encode(train, i, 0, &mut levels)?;
    }
    let images = pictures(&levels, &domain, &encoding, data.sample_rate())?;
    if let Some(file) = &args.output {
        let sheet = Sheet {
            scale: args.scale,
            ..Sheet::default()
        };
        sheet.of(&images).save_png(file)?;
        output.say(format_args!(
            "{} drawn: {}",
            counted(images.len(), "training image"),
            file.display()
        ))?;
    }
    output.preview(&images[..images.len().min(8)]);
    let palette = match &data.encoding {
        Encoding::Palette(palette) => Some(palette.levels()),
        Encoding::Levels(_) | Encoding::Binary(..) | Encoding::Sound(_) => None,
    };
    let [train, validation, test] =
        [Split::Train, Split::Validation, Split::Test].map(|split| data.split(split).len());
    output.json(&Shown {
        name: &data.name,
        source: &data.source,
        train,
        validation,
        test,
        shape: [domain.channels, domain.height, domain.width],
        levels: data.encoding.levels(),
        native_levels: data.encoding.native_levels(),
        native_from: &data.native_from,
        binarization: data.encoding.binarization(),
        palette,
        classes: &data.classes,
        fingerprint: &data.fingerprint,
        file: args.output.as_deref(),
        heard,
    })
}
