//! `ar-cli classify`: which class an image is of, by Bayes' rule.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use ar_core::log_posterior;
use ar_data::{Images, Kinds, Split};
use serde::Serialize;

use super::evidence::{Told, gather, most_probable};
use super::scoring::Scoring;
use crate::condition::name_of;
use crate::dataset::Data;
use crate::destination::Destinations;
use crate::failure::usage;
use crate::output::Output;
use crate::run::Run;
use crate::scored::{unit_of, with_bar};
use crate::words::{counted, with_error};

/// Classify images under a model conditioned on classes
///
/// Bayes' rule: p(class | image) is proportional to p(image | class) p(class), so an image costs as
/// many likelihoods as there are classes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Run directory or checkpoint file
    run: PathBuf,

    /// p(class) before the image is seen
    #[arg(long, value_name = "PRIOR", default_value = "uniform")]
    prior: Prior,

    /// Also tell how the posterior grows as pixels, or seconds of sound, arrive in the model's order, and how
    /// many it takes to be sure; of a single image (--limit 1), which classes are probable
    #[arg(long)]
    progress: bool,

    /// With --progress, draw it
    #[arg(long, value_name = "FILE.svg", requires = "progress")]
    plot: Option<PathBuf>,

    /// Replace a file that exists
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    scoring: Scoring,

    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Prior {
    /// The same for every class
    Uniform,
    /// How often each class is among the training images
    Train,
}

#[derive(Debug, Serialize)]
struct Report {
    images: usize,
    accuracy: f64,
    /// Of the accuracy, over images.
    standard_error: f64,
    /// Mean -ln p(label | image).
    nats_per_label: f64,
    prior: Prior,
    classes: Vec<String>,
    /// Where a class is two things at once, each of them by itself: decided by the sum over the other.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    kinds: Vec<OfKind>,
    /// Images of the row's class that were taken for the column's.
    confusion: Vec<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none", flatten)]
    told: Option<Told>,
}

/// One of the two things that a class says.
#[derive(Debug, Serialize)]
struct OfKind {
    name: String,
    accuracy: f64,
    standard_error: f64,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    // What can be said of the file is said before a run is opened.
    let check = |files: &mut Destinations| match &args.plot {
        Some(path) => files.file("--plot", path, &["svg"]),
        None => Ok(()),
    };
    check(&mut Destinations::new(args.force))?;
    let mut run = args.scoring.open(&args.run)?;
    let mut files = Destinations::new(args.force);
    run.is_read(&args.run, &mut files);
    check(&mut files)?;
    let Some(classes) = run.spec.conditioning.classes() else {
        return Err(usage(format!(
            "{} is not conditioned on classes, so there is no p(image | class); train one with --conditional",
            run.spec.model
        )));
    };
    let (data, split) = args.scoring.data(&mut run, output)?;
    let images = data.split(split);
    let Some(labels) = images.labels() else {
        return Err(usage(format!(
            "{} has no labels to compare with",
            data.name
        )));
    };
    let prior = args.prior.of(&data, classes)?;
    let mut tally = Tally::new(classes, data.kinds.clone());
    let evidence = if args.progress {
        run.order()
            .context("--progress needs one order, which --order chooses")?;
        let mut count = |label, posterior: &[f64]| tally.count(label, posterior);
        let of = (&data, split);
        Some(gather(&run, of, &args.scoring, &prior, output, &mut count)?)
    } else {
        let nats = args.nats(&run, &data, split, classes, output)?;
        let scored = nats.iter().map(Vec::len).min();
        for i in 0..scored.unwrap_or(0) {
            let row: Vec<f64> = nats.iter().map(|nats| -nats[i]).collect();
            tally.count(labels[i] as usize, &log_posterior(&row, &prior))?;
        }
        None
    };
    let mut report = tally.report(args.prior, run.data.classes);
    output.say(format_args!(
        "{} {}: {}",
        data.name,
        split.name(),
        report.line(unit_of(&run.encoding))
    ))?;
    for kind in &report.kinds {
        output.say(kind.line(report.images))?;
    }
    for line in report.table() {
        output.say(line)?;
    }
    if let Some(evidence) = evidence {
        report.told = Some(evidence.tell(output)?);
        if let Some(path) = &args.plot {
            let title = format!("{}, {} {}", run.spec.model, data.name, split.name());
            evidence.draw(path, &title)?;
            output.say(format_args!("drawn: {}", path.display()))?;
        }
    }
    output.json(&report)?;
    Ok(0)
}

impl Args {
    /// Of each class, -log p(image | class) of all images.
    fn nats(
        &self,
        run: &Run,
        data: &Data,
        split: Split,
        classes: usize,
        output: &Output,
    ) -> Result<Vec<Vec<f64>>> {
        let images = data.split(split);
        let of_class = |class: u32| {
            let label = name_of(class, &run.data.classes);
            let as_class = Arc::new(Images::clone(images).all_of_class(class));
            with_bar(
                run.model.as_ref(),
                &as_class,
                &data.encoding,
                self.scoring.batch_size,
                self.scoring.limit(),
                &format!("{} as {label}", split.name()),
                output,
            )
        };
        (0..classes as u32).map(of_class).collect()
    }
}

impl Prior {
    fn of(self, data: &Data, classes: usize) -> Result<Vec<f64>> {
        let train = data.split(Split::Train);
        match (self, train.labels()) {
            (Self::Uniform, _) => Ok(vec![1.0 / classes as f64; classes]),
            (Self::Train, Some(labels)) if !labels.is_empty() => {
                let count = |class| labels.iter().filter(|l| **l as usize == class).count();
                let share = |class| count(class) as f64 / labels.len() as f64;
                Ok((0..classes).map(share).collect())
            }
            (Self::Train, _) => Err(usage(format!(
                "--prior train: {} has no labelled training images",
                data.name
            ))),
        }
    }
}

/// What was decided so far.
#[derive(Debug)]
struct Tally {
    images: usize,
    nats: f64,
    confusion: Vec<Vec<usize>>,
    kinds: Option<Kinds>,
    /// Right decisions of each kind.
    right: [usize; 2],
}

impl Tally {
    fn new(classes: usize, kinds: Option<Kinds>) -> Self {
        Self {
            images: 0,
            nats: 0.0,
            confusion: vec![vec![0; classes]; classes],
            kinds,
            right: [0; 2],
        }
    }

    /// One image of class `label`, from the logarithms of its posterior; the most probable class wins,
    /// of equals the first.
    ///
    /// # Errors
    /// When a probability is not a number: the model has diverged.
    fn count(&mut self, label: usize, posterior: &[f64]) -> Result<()> {
        if posterior.iter().any(|p| p.is_nan()) {
            bail!("image {}: its likelihood is not a number", self.images);
        }
        let taken = most_probable(posterior);
        self.images += 1;
        self.nats -= posterior[label];
        self.confusion[label][taken] += 1;
        if let Some(Kinds { sizes, .. }) = &self.kinds {
            let pair = |class: usize| [class / sizes[1], class % sizes[1]];
            let mut sums = sizes.map(|n| vec![0.0; n]);
            for (class, log) in posterior.iter().enumerate() {
                for (sums, own) in sums.iter_mut().zip(pair(class)) {
                    sums[own] += log.exp();
                }
            }
            for (i, own) in pair(label).into_iter().enumerate() {
                self.right[i] += usize::from(most_probable(&sums[i]) == own);
            }
        }
        Ok(())
    }

    fn report(self, prior: Prior, classes: Vec<String>) -> Report {
        let n = self.images as f64;
        let right: usize = self
            .confusion
            .iter()
            .enumerate()
            .map(|(i, row)| row[i])
            .sum();
        let share = |right: usize| {
            let accuracy = right as f64 / n;
            (accuracy, (accuracy * (1.0 - accuracy) / n).sqrt())
        };
        let names = self.kinds.into_iter().flat_map(|kinds| kinds.names);
        let kinds = names.zip(self.right).map(|(name, right)| {
            let (accuracy, standard_error) = share(right);
            OfKind {
                name,
                accuracy,
                standard_error,
            }
        });
        let (accuracy, standard_error) = share(right);
        Report {
            images: self.images,
            accuracy,
            standard_error,
            kinds: kinds.collect(),
            nats_per_label: self.nats / n,
            prior,
            classes,
            confusion: self.confusion,
            told: None,
        }
    }
}

/// A share of `images` in percent.
fn percent(share: f64, error: f64, images: usize) -> String {
    with_error(100.0 * share, 100.0 * error, 2, images)
}

impl OfKind {
    fn line(&self, images: usize) -> String {
        let right = percent(self.accuracy, self.standard_error, images);
        format!("{}: {right} % right", self.name)
    }
}

impl Report {
    /// The result for people; `unit` is what was told apart, "image" or "recording".
    fn line(&self, unit: &str) -> String {
        let prior = match self.prior {
            Prior::Uniform => "uniform".to_owned(),
            Prior::Train => format!("that of the training {unit}s"),
        };
        format!(
            "{} % right ({}, prior {prior}), {:.3} nats/label",
            percent(self.accuracy, self.standard_error, self.images),
            counted(self.images, unit),
            self.nats_per_label
        )
    }

    /// The confusion matrix, a line for each class.
    fn table(&self) -> Vec<String> {
        let name = |class: usize| {
            self.classes
                .get(class)
                .cloned()
                .unwrap_or(class.to_string())
        };
        let names: Vec<String> = (0..self.confusion.len()).map(name).collect();
        let longest = names.iter().map(|name| name.chars().count()).max();
        let width = longest.unwrap_or(0).max(5);
        let row = |first: &str, cells: &[String]| {
            let cells = cells.iter().map(|cell| format!("{cell:>width$}"));
            let line = std::iter::once(format!("{first:>width$}")).chain(cells);
            line.collect::<Vec<_>>().join(" ")
        };
        let counts = |counts: &[usize]| counts.iter().map(usize::to_string).collect::<Vec<_>>();
        let head = row("", &names);
        let body = names.iter().zip(&self.confusion);
        let body = body.map(|(name, own)| row(name, &counts(own)));
        let title = "confusion (rows: labels, columns: decisions):".to_owned();
        [title, head].into_iter().chain(body).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decisions_are_tallied() {
        let mut tally = Tally::new(2, None);
        for (label, posterior) in [
            (0, [0.75f64, 0.25]),
            (0, [0.25, 0.75]),
            (1, [0.5, 0.5]),
            (1, [0.0, 1.0]),
        ] {
            tally.count(label, &posterior.map(f64::ln)).unwrap();
        }
        assert!(tally.count(0, &[f64::NAN, 0.0]).is_err());
        let report = tally.report(Prior::Uniform, vec!["even".to_owned(), "odd".to_owned()]);
        assert_eq!(report.confusion, [[1, 1], [1, 1]]);
        assert_eq!((report.accuracy, report.standard_error), (0.5, 0.25));
        let nats = -(0.75f64.ln() + 0.25f64.ln() + 0.5f64.ln()) / 4.0;
        assert!((report.nats_per_label - nats).abs() < 1e-12);
        let table = report.table();
        assert_eq!(
            table[1..],
            [
                "       even   odd",
                " even     1     1",
                "  odd     1     1"
            ]
        );
    }

    #[test]
    fn what_a_class_says_of_two_things_is_decided_by_the_sum_over_the_other() {
        let kinds = Kinds {
            names: ["digit", "speaker"].map(str::to_owned),
            sizes: [2, 2],
        };
        let mut tally = Tally::new(4, Some(kinds));
        // The most probable pair is (0, 0), and yet 1 is the more probable digit.
        let posterior = [0.4f64, 0.05, 0.3, 0.25].map(f64::ln);
        tally.count(2, &posterior).unwrap();
        let report = tally.report(Prior::Uniform, Vec::new());
        let found: Vec<_> = report
            .kinds
            .iter()
            .map(|k| (&*k.name, k.accuracy))
            .collect();
        assert_eq!(found, [("digit", 1.0), ("speaker", 1.0)]);
        assert_eq!(report.accuracy, 0.0);
    }
}
