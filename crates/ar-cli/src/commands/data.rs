//! `ar-cli data`: what there is to train on.

use std::path::PathBuf;

use anyhow::Result;
use ar_data::{Encoding, Fetched, LoadOptions, Split};

use crate::config::{Binarize, DataConfig};
use crate::dataset::{Data, pictures};
use crate::failure::usage;
use crate::output::Output;
use crate::picture::sheet;
use crate::values::levels;

/// List, show and fetch data sets
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// List the data sets that have names and whether they are here
    List {
        /// Folder of data sets, looked at before the cache
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Describe a data set and draw its first training images
    Show(Show),
    /// Download a data set into the cache, unless it is here
    Fetch {
        /// mnist, cifar10 or digits
        name: String,
        /// Folder of data sets, looked at before the cache
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
}

#[derive(Debug, clap::Args)]
struct Show {
    /// auto, mnist, cifar10, digits, or the path of a file or folder
    name: String,

    /// PNG to draw the first images into
    #[arg(short, long, value_name = "FILE.png")]
    output: Option<PathBuf>,

    /// Folder of data sets, looked at before the cache
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Levels K, as a model would see them
    #[arg(long, value_name = "K", value_parser = levels, allow_hyphen_values = true)]
    levels: Option<usize>,

    /// Make values 0 or 1
    #[arg(long)]
    binarize: Option<Binarize>,

    /// Reduce RGB pixels to the K colours of a palette
    #[arg(long, value_name = "K", value_parser = levels, allow_hyphen_values = true)]
    palette: Option<usize>,
}

/// Images drawn by `show`.
const SHOWN: usize = 64;

pub(crate) fn run(args: Args, output: &Output) -> Result<u8> {
    match args.action {
        Action::List { data_dir } => list(data_dir, output)?,
        Action::Show(args) => show(args, output)?,
        Action::Fetch { name, data_dir } => {
            let said = match ar_data::fetch(&name, &options(data_dir))? {
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

fn options(data_dir: Option<PathBuf>) -> LoadOptions {
    LoadOptions {
        data_dir,
        ..LoadOptions::default()
    }
}

fn list(data_dir: Option<PathBuf>, output: &Output) -> Result<()> {
    for entry in ar_data::list(&options(data_dir)) {
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
    output.say("Any IDX, CIFAR binary, PNG, .npy or .npz file, or a folder of them, can be given by its path.")
}

fn show(args: Show, output: &Output) -> Result<()> {
    if args.output.as_ref().is_some_and(|file| {
        file.extension()
            .is_none_or(|e| !e.eq_ignore_ascii_case("png"))
    }) {
        return Err(usage("--output: name it .png"));
    }
    let config = DataConfig {
        source: args.name,
        data_dir: args.data_dir,
        levels: args.levels,
        palette: args.palette,
        binarize: args.binarize,
        ..DataConfig::default()
    };
    let data = Data::load(&config, None)?;
    let train = data.split(Split::Train);
    let sizes = [Split::Train, Split::Validation, Split::Test]
        .map(|split| format!("{} {}", data.split(split).len(), split.name()))
        .join(", ");
    output.say(format_args!("{}: {}", data.name, data.source))?;
    output.say(format_args!(
        "images: {sizes}; {} (channels x height x width)",
        train.shape()
    ))?;
    let (levels, native) = (data.encoding.levels(), data.encoding.native_levels());
    let made = match data.encoding {
        Encoding::Palette(_) => "colours of a palette".to_owned(),
        _ => format!("binarization {}", data.encoding.binarization()),
    };
    output.say(format_args!("levels: {levels} of {native}, {made}"))?;
    if !data.classes.is_empty() {
        output.say(format_args!("classes: {}", data.classes.join(", ")))?;
    }
    output.say(format_args!("fingerprint: {}", data.fingerprint))?;

    let domain = data.domain()?;
    let encoding = data.encoding.clone().for_scoring();
    let mut levels = Vec::new();
    for i in 0..train.len().min(SHOWN) {
        encoding.encode(train, i, 0, &mut levels)?;
    }
    let images = pictures(&levels, &domain, &encoding)?;
    if let Some(file) = args.output {
        sheet(&images, None).save_png(&file)?;
        output.say(format_args!(
            "the first {} training images: {}",
            images.len(),
            file.display()
        ))?;
    }
    output.preview(&images[..images.len().min(8)]);
    Ok(())
}
