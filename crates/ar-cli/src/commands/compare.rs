//! `ar-cli compare`: which of two runs is better, on the same images.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_core::{Domain, mean_and_error};
use ar_data::Encoding;
use ar_train::names::METRICS;
use serde::Serialize;

use super::scoring::Scoring;
use super::subjects::seen_by_model;
use crate::destination::Destinations;
use crate::failure::usage;
use crate::output::Output;
use crate::picture::save_loss_curve;
use crate::run::Run;
use crate::scored::{Scored, unit_of, with_bar};
use crate::training::curves;
use crate::words::counted;

/// Compare two runs: the difference of their likelihoods on the same images, and their curves
///
/// Images differ far more from each other than two good models do on one image, so the error of the
/// difference, image by image, is much smaller than that of either likelihood.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A run directory or checkpoint file
    #[arg(value_name = "RUN")]
    first: PathBuf,

    /// Another one
    #[arg(value_name = "RUN")]
    second: PathBuf,

    #[command(flatten)]
    scoring: Scoring,

    /// Picture of both runs' curves [default: compared.svg in the first run]
    #[arg(short, long, value_name = "FILE.svg")]
    output: Option<PathBuf>,

    /// Replace a file that exists
    #[arg(long)]
    force: bool,

    /// One JSON object on standard output: images, runs, difference, standard_error, file
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    images: usize,
    runs: Vec<Side<'a>>,
    /// Nats per image of the second less those of the first: below 0 the second is better.
    difference: f64,
    /// Of the difference, over images.
    standard_error: f64,
    file: Option<&'a Path>,
}

#[derive(Debug, Serialize)]
struct Side<'a> {
    run: &'a Path,
    model: &'a str,
    steps: u64,
    score: Scored,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let paths = [&args.first, &args.second];
    let [mut first, mut second] = [args.scoring.open(paths[0])?, args.scoring.open(paths[1])?];
    comparable(&first, &second)?;
    let usual = first.directory.join("compared.svg");
    let file = args.output.as_ref().unwrap_or(&usual);
    let mut files = Destinations::new(args.force);
    files.file_or("--output", file, &usual, &["svg"])?;

    let (data, split) = args.scoring.data(&mut first, output)?;
    let Domain { height, width, .. } = first.model.domain();
    if data.sample_rate().is_none() {
        second.take_size([height, width], "images of", output)?;
    }
    args.scoring.take_order(&mut second)?;
    let images = data.split(split);
    let score = |run: &Run, which: &str| {
        let (batch, limit) = (args.scoring.batch_size, args.scoring.limit());
        with_bar(
            run.model.as_ref(),
            &seen_by_model(images, run)?,
            &data.encoding,
            batch,
            limit,
            which,
            output,
        )
    };
    let nats = [
        score(&first, "the first run")?,
        score(&second, "the second run")?,
    ];
    let differences: Vec<f64> = nats[1].iter().zip(&nats[0]).map(|(b, a)| b - a).collect();
    let (difference, standard_error) = mean_and_error(&differences);

    let side = |(i, run): (usize, &'_ Run)| Scored::of(&nats[i], images, run, &data);
    let scores: Vec<Scored> = [&first, &second]
        .into_iter()
        .enumerate()
        .map(side)
        .collect();
    let drawn = draw(&[(paths[0], &first), (paths[1], &second)], file, output)?;
    let both = paths.into_iter().zip([&first, &second]).zip(scores);
    let runs: Vec<_> = both
        .map(|((path, run), score)| Side {
            run: path,
            model: &run.spec.model,
            steps: run.step,
            score,
        })
        .collect();
    for side in &runs {
        let (run, steps) = (side.run.display(), counted(side.steps as usize, "step"));
        output.say(format_args!(
            "{run} ({}, {steps}): {}",
            side.model,
            side.score.line()
        ))?;
    }
    let unit = unit_of(&first.encoding);
    output.say(verdict(
        paths,
        unit,
        difference,
        standard_error,
        differences.len(),
    ))?;
    if drawn {
        output.say(format_args!("curves: {}", file.display()))?;
    }
    output.json(&Report {
        images: differences.len(),
        runs,
        difference,
        standard_error,
        file: drawn.then_some(file.as_path()),
    })?;
    Ok(0)
}

/// Refuses likelihoods that are not of the same thing.
fn comparable(first: &Run, second: &Run) -> Result<()> {
    let seen = |run: &Run| {
        let mut domain = run.model.domain();
        let rate = run.data.config.sample_rate;
        // How much of a recording a model is trained on at once is its own affair.
        if rate.is_some() {
            domain.width = 1;
        }
        (domain, rate, run.encoding.clone().for_scoring())
    };
    if seen(first) != seen(second) {
        return Err(usage(
            "the runs see their data in different ways (size, levels, binarization, palette or sampling rate), so their \
             likelihoods cannot be compared",
        ));
    }
    if first.spec.conditioning != second.spec.conditioning {
        return Err(usage(
            "the runs are given different things (no class, or one of other classes): their likelihoods are \
             of different things",
        ));
    }
    let by_class = first.spec.conditioning != ar_core::Conditioning::None;
    if by_class && first.data.classes != second.data.classes {
        return Err(usage(
            "the runs' classes are called differently, so labels do not mean the same to both",
        ));
    }
    Ok(())
}

fn verdict(runs: [&PathBuf; 2], unit: &str, difference: f64, error: f64, images: usize) -> String {
    let better = runs[usize::from(difference < 0.0)];
    let images = counted(images, unit);
    let size = format!("{:.3} ± {error:.3} nats/{unit}", difference.abs());
    if error == 0.0 {
        format!("no verdict without an error: {size} (paired over {images})")
    } else if difference.abs() > 2.0 * error {
        format!(
            "{} is better by {size} (paired over {images})",
            better.display()
        )
    } else {
        format!("no difference beyond the error: {size} (paired over {images})")
    }
}

/// Both runs' curves in one picture, if their folders have curves.
fn draw(runs: &[(&PathBuf, &Run)], file: &Path, output: &Output) -> Result<bool> {
    let mut all = Vec::new();
    for (path, run) in runs {
        let metrics = run.directory.join(METRICS);
        if !metrics.is_file() {
            output.note(format_args!(
                "no curve of {}: it has no {METRICS}",
                path.display()
            ));
            continue;
        }
        all.extend(curves(&metrics, &format!(", {}", path.display()))?);
    }
    all.retain(|curve| !curve.points.is_empty());
    if all.is_empty() {
        return Ok(false);
    }
    let unit = match runs[0].1.encoding {
        Encoding::Sound(_) => "nats per sample",
        _ => "nats per image",
    };
    save_loss_curve(file, "two runs", "step", unit, &all)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_within_its_error_is_none() {
        let runs = [PathBuf::from("a"), PathBuf::from("b")];
        assert!(
            verdict([&runs[0], &runs[1]], "image", -1.0, 0.1, 9)
                .starts_with("b is better by 1.000 ± 0.100")
        );
        assert!(verdict([&runs[0], &runs[1]], "image", 1.0, 0.1, 9).starts_with("a is better"));
        assert!(verdict([&runs[0], &runs[1]], "image", 0.1, 0.1, 9).starts_with("no difference"));
        assert!(verdict([&runs[0], &runs[1]], "image", 16.0, 0.0, 1).starts_with("no verdict"));
    }
}
