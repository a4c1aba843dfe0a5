//! `ar-cli eval`: the likelihood of images under a trained model.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_core::Domain;
use ar_data::Images;

use super::scoring::Scoring;
use crate::destination::Destinations;
use crate::output::Output;
use crate::picture::write_whole;
use crate::scored::{Scored, with_bar};

/// Score images under a trained model
///
/// A model conditioned on classes scores each image given its label.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// Also write index, label, nats and bits/dim of each image
    #[arg(long, value_name = "FILE.csv")]
    per_image: Option<PathBuf>,

    /// Replace a file that exists
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    scoring: Scoring,

    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    // What can be said of the file is said before a run is opened.
    let check = |files: &mut Destinations| match &args.per_image {
        Some(path) => files.file("--per-image", path, &["csv"]),
        None => Ok(()),
    };
    check(&mut Destinations::new(args.force))?;
    let mut run = args.scoring.open(&args.run)?;
    let mut files = Destinations::new(args.force);
    run.is_read(&args.run, &mut files);
    check(&mut files)?;
    let (data, split) = args.scoring.data(&mut run, output)?;
    let (images, model) = (data.split(split), run.model.as_ref());
    let nats = with_bar(
        model,
        images,
        &data.encoding,
        args.scoring.batch_size,
        args.scoring.limit(),
        split.name(),
        output,
    )?;
    if let Some(path) = &args.per_image {
        write_per_image(path, &nats, images, &model.domain())?;
    }
    let scored = Scored::of(&nats, images, &run, &data);
    output.say(format_args!(
        "{} {}: {}",
        data.name,
        split.name(),
        scored.line()
    ))?;
    output.json(&scored)?;
    Ok(0)
}

fn write_per_image(path: &Path, nats: &[f64], images: &Images, domain: &Domain) -> Result<()> {
    let mut csv = "index,label,nats,bits_per_dim\n".to_owned();
    for (i, nats) in nats.iter().enumerate() {
        let label = images
            .label(i)
            .map_or(String::new(), |label| label.to_string());
        let dims = images.context().map_or(domain.dims(), |_| images.values(i));
        let bits = nats / (dims as f64 * std::f64::consts::LN_2);
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "{i},{label},{nats},{bits}");
    }
    write_whole(path, csv.as_bytes())
}
