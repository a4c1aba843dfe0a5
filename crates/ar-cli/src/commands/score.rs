//! `ar-cli score`: how astonishing each of some images is, and where.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_core::Scan;

use super::drawing::classes_named;
use super::inputs::Files;
use super::maps;
use super::scores::{Apart, By, Entry, Report, csv_of, entries};
use super::subjects::{Subjects, Taken, background};
use crate::destination::Destinations;
use crate::device::DeviceChoice;
use crate::output::Output;
use crate::picture::write_whole;
use crate::reading::ReadingArgs;
use crate::run::Run;
use crate::scored::bits_unit;
use crate::values::{count, scale, scan};

/// Score images one by one: which are astonishing, and where
///
/// Beside the likelihood itself there is a corrected one, as plain images are likely whatever they show: nats
/// less the length of the image as PNG compresses it best (of a recording in one row, which is deflate of its
/// first differences), as Serra et al. 2020 (arXiv:1909.11480) do, or less the nats of another run, a
/// likelihood ratio as in Ren et al. 2019 (arXiv:1906.02845). Of both, more is more astonishing.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "ar-cli score [OPTIONS] <RUN> <FILE|DIR>...\n       ar-cli score [OPTIONS] <RUN> --test <N>"
)]
#[command(group = clap::ArgGroup::new("images").required(true).args(["files", "test"]))]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// Images to score: PNG or JPEG files, .npy or .npz files of levels (N, C, H, W), or folders of these; of a
    /// model of sound, WAV files
    #[arg(value_name = "FILE|DIR")]
    files: Vec<PathBuf>,

    /// Score the first N test images of the run's data
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true)]
    test: Option<usize>,

    /// Of a conditional model, take all images as ones of this class, by name or by number from 0; without it
    /// each is of the class that its label or the name of its folder says
    #[arg(long, value_name = "CLASS")]
    class: Option<String>,

    /// Of a model of several orders, score in this one; of one trained in every order, in any in
    /// which pixels come one after the other
    #[arg(long, value_name = "NAME", value_parser = scan)]
    order: Option<Scan>,

    /// Images as large as they are, without the --resize and --crop of the run; for models whose parameters
    /// are not tied to a size
    #[arg(long)]
    full_size: bool,

    /// The most astonishing first: by bits/dim, or corrected ones
    #[arg(long, value_name = "BY", num_args = 0..=1, require_equals = true, default_missing_value = "nats")]
    sort: Option<By>,

    /// Correct by the likelihood of another run, one of what all images have in common, instead of PNG
    #[arg(long, value_name = "RUN")]
    background: Option<PathBuf>,

    /// How well likelihoods tell other images from these: a data set (its test images), a folder or a file
    #[arg(long, value_name = "SET")]
    against: Option<String>,

    /// Only the first N images of SET
    #[arg(long, value_name = "N", value_parser = count, requires = "against", allow_hyphen_values = true)]
    limit: Option<usize>,

    /// Also draw each image into this folder with the nats of each of its pixels beside it, or of each sample
    /// under it; of a mixture, those of its first order unless --order names one
    #[arg(long, value_name = "DIR")]
    map: Option<PathBuf>,

    /// Map pixels for each pixel of an image [default: small images are enlarged]
    #[arg(long, value_name = "N", value_parser = scale, requires = "map", allow_hyphen_values = true)]
    scale: Option<usize>,

    /// Also write the table to this file
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    reading: ReadingArgs,

    /// Images at once
    #[arg(long, value_name = "B", default_value = "64", value_parser = count, allow_hyphen_values = true)]
    batch_size: usize,

    /// auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,

    /// One JSON object on standard output: scores (of each file, nats, bits_per_dim, and more)
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    // What can be said of the files is said before a run is opened.
    let csv = |files: &mut Destinations| match &args.csv {
        Some(path) => files.file("--csv", path, &["csv"]),
        None => Ok(()),
    };
    csv(&mut Destinations::new(args.force))?;
    args.map.as_deref().map_or(Ok(()), maps::is_no_file)?;
    let mut run = Run::open(&args.run, &args.device.open()?)?;
    let mut files = Destinations::new(args.force);
    run.is_read(&args.run, &mut files);
    args.files.iter().for_each(|path| files.reads("FILE", path));
    let set = args.against.as_deref().map(Path::new);
    if let Some(set) = set.filter(|set| set.exists()) {
        files.reads("--against", set);
    }
    csv(&mut files)?;

    let taken = Taken {
        reading: &args.reading,
        full_size: args.full_size,
        class: classes_named(args.class.as_slice(), &run)?.first().copied(),
    };
    let subjects = args.subjects(taken, &mut run, output)?;
    let others = args
        .against
        .as_deref()
        .map(|set| Subjects::of_set(set, args.limit, taken, &subjects, &mut run, output));
    let others = others.transpose()?;
    if let Some(order) = args.order {
        run.take_order(order)?;
    }
    let correction = match &args.background {
        Some(path) => Some((path.as_path(), background(path, &run, output)?)),
        None => None,
    };
    let places = match &args.map {
        Some(folder) => maps::places(folder, &subjects.names, &mut files)?,
        None => Vec::new(),
    };

    let score = |subjects: &Subjects, label: &str| -> Result<Vec<Entry>> {
        let nats = subjects.nats(&run, args.batch_size, label, output)?;
        let less = match &correction {
            Some((path, other)) => {
                let label = format!("{label} under {}", path.display());
                subjects.nats(other, args.batch_size, &label, output)?
            }
            None => subjects.complexities()?,
        };
        Ok(entries(subjects, &nats, &less, correction.is_some()))
    };
    let mut scores = score(&subjects, "images")?;
    let against = match (&args.against, &others) {
        (Some(set), Some(others)) => Some(Apart::of(set, &scores, &score(others, set)?)),
        _ => None,
    };
    let map = args.map.as_ref().map(|_| {
        let (factor, batch) = (args.scale, args.batch_size);
        maps::save(&subjects, &run, &places, factor, batch, output)
    });
    let map = map.transpose()?;
    for (entry, place) in scores.iter_mut().zip(places) {
        entry.map = Some(place);
    }
    if let Some(by) = args.sort {
        scores.sort_by(|a, b| by.of(b).total_cmp(&by.of(a)));
    }
    if let Some(path) = &args.csv {
        write_whole(path, csv_of(&scores).as_bytes())?;
    }
    let corrected_by = match &correction {
        Some((path, _)) => path.display().to_string(),
        None => "png".to_owned(),
    };
    let report = Report {
        scores,
        corrected_by,
        map,
        against,
    };
    report.tell(&bits_unit(&run.encoding), args.map.as_deref(), output)?;
    output.json(&report)?;
    Ok(0)
}

impl Args {
    fn subjects(&self, taken: Taken, run: &mut Run, output: &Output) -> Result<Subjects> {
        if let Some(count) = self.test {
            return Subjects::of_test(count, taken, run, output);
        }
        let files = Files {
            option: "FILE",
            in_folders: &["png", "jpg", "jpeg", "npy", "npz"],
            paths: &self.files,
            reading: &self.reading,
            full_size: self.full_size,
        };
        Subjects::of_files(&files, taken.class, run, output)
    }
}
