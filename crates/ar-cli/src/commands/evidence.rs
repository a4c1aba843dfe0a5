//! The posterior over classes as the values of images arrive.

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use ar_core::log_posterior;
use ar_data::Split;
use ar_train::score_classes_by_step;
use serde::Serialize;

use super::arrival::Arrival;
use super::scoring::Scoring;
use crate::condition::name_of;
use crate::dataset::Data;
use crate::output::Output;
use crate::picture::{Curve, save_share_curve};
use crate::progress::Progress;
use crate::run::Run;
use crate::words::counted;

/// What is called sure: this probability, from some step on to the end.
const SURE: f64 = 0.95;
/// Classes of a single image that a row names.
const NAMED: usize = 3;
/// And that a picture shows.
const DRAWN: usize = 6;

/// What was counted over images, step by step.
#[derive(Debug)]
pub(super) struct Evidence {
    arrival: Arrival,
    classes: Vec<String>,
    images: usize,
    /// Images whose most probable class after a step is their own.
    right: Vec<usize>,
    /// Of their own class, the sum over images.
    probability: Vec<f64>,
    /// Of each image, from which step on it is sure.
    sure: Vec<Option<usize>>,
    /// Of the first image, all classes after each step.
    posterior: Vec<Vec<f64>>,
}

/// What is told of the way to a decision.
#[derive(Debug, Serialize)]
pub(super) struct Told {
    progress: Vec<Row>,
    needed: Needed,
}

#[derive(Debug, Serialize)]
struct Row {
    /// Steps that are done.
    step: usize,
    /// Share of the values that are known then.
    seen: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    accuracy: f64,
    /// Mean p(label | what is known).
    probability: f64,
    /// Where a single image is classified: of each class.
    #[serde(skip_serializing_if = "Option::is_none")]
    posterior: Option<Vec<f64>>,
}

/// After how much the label has [`SURE`] and keeps it: the median over images, nothing where fewer than half
/// of them come to that.
#[derive(Debug, Serialize)]
struct Needed {
    probability: f64,
    /// Share of the images that become sure.
    share: f64,
    seen: Option<f64>,
    positions: Option<usize>,
    seconds: Option<f64>,
}

/// Classifies images value by value; `each` gets the label of every one and the logarithms of its posterior
/// in the end.
///
/// # Errors
/// When the model has no one order, or a likelihood is not a number.
pub(super) fn gather(
    run: &Run,
    (data, split): (&Data, Split),
    scoring: &Scoring,
    prior: &[f64],
    output: &Output,
    each: &mut dyn FnMut(usize, &[f64]) -> Result<()>,
) -> Result<Evidence> {
    let images = data.split(split);
    let labels = images.labels().unwrap_or_default();
    let limit = match scoring.limit() {
        0 => images.len(),
        limit => limit.min(images.len()),
    };
    let members = run.model.members();
    let order = members.first().context("a model without members")?.order();
    let arrival = match data.sample_rate() {
        None => Arrival::of_images(order),
        Some(rate) => {
            let longest = (0..limit).map(|i| images.values(i)).max();
            Arrival::of_recordings(longest.unwrap_or(0), order, rate)
        }
    };
    let mut evidence = Evidence::new(arrival, &run.data.classes);
    let label = format!("scoring {} value by value", split.name());
    let bar = Progress::new(output, label, "image", limit as u64);
    let mut outcome = Ok(());
    let mut count = |rows: &[Vec<f64>]| {
        let label = labels[evidence.images] as usize;
        let last = evidence.count(label, rows, prior);
        outcome = last.and_then(|last| each(label, &last));
        bar.at(evidence.images as u64, String::new);
        outcome.is_ok()
    };
    score_classes_by_step(
        run.model.as_ref(),
        images,
        &data.encoding,
        scoring.batch_size,
        limit,
        &mut count,
    )?;
    outcome?;
    Ok(evidence)
}

impl Evidence {
    fn new(arrival: Arrival, classes: &[String]) -> Self {
        let steps = arrival.seen.len();
        Self {
            arrival,
            classes: classes.to_vec(),
            images: 0,
            right: vec![0; steps],
            probability: vec![0.0; steps],
            sure: Vec::new(),
            posterior: Vec::new(),
        }
    }

    /// One image of class `label`, from log p(what is known | class) after each of its steps. A recording
    /// that has ended stays what it was taken for.
    fn count(&mut self, label: usize, rows: &[Vec<f64>], prior: &[f64]) -> Result<Vec<f64>> {
        let mut last = Vec::new();
        let mut sure = None;
        for step in 0..self.right.len() {
            if let Some(row) = rows.get(step) {
                last = log_posterior(row, prior);
                if last.iter().any(|log| log.is_nan()) {
                    bail!("image {}: its likelihood is not a number", self.images);
                }
            }
            let own = last.get(label).map_or(0.0, |log| log.exp());
            self.right[step] += usize::from(most_probable(&last) == label);
            self.probability[step] += own;
            sure = sure.or(Some(step)).filter(|_| own >= SURE);
            if self.images == 0 {
                let posterior = last.iter().map(|log| log.exp());
                self.posterior.push(posterior.collect());
            }
        }
        self.images += 1;
        self.sure.push(sure);
        Ok(last)
    }

    fn told(&self) -> Told {
        let images = self.images as f64;
        let row = |step: usize| {
            let seen = self.arrival.seen[step];
            Row {
                step: step + 1,
                seen,
                seconds: self.arrival.seconds(seen),
                accuracy: self.right[step] as f64 / images,
                probability: self.probability[step] / images,
                posterior: self.single().map(|posterior| posterior[step].clone()),
            }
        };
        let mut sure: Vec<usize> = self.sure.iter().copied().flatten().collect();
        sure.sort_unstable();
        let seen = sure.get((self.images - 1) / 2);
        let seen = seen.map(|&step| self.arrival.seen[step]);
        Told {
            progress: self.arrival.rows().into_iter().map(row).collect(),
            needed: Needed {
                probability: SURE,
                share: sure.len() as f64 / images,
                seen,
                positions: seen.map(|seen| self.arrival.positions_in(seen)),
                seconds: seen.and_then(|seen| self.arrival.seconds(seen)),
            },
        }
    }

    /// The posterior after each step, where there is one image.
    fn single(&self) -> Option<&[Vec<f64>]> {
        (self.images == 1).then_some(&self.posterior)
    }

    /// The way to the decisions, for people and for programs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn tell(&self, output: &Output) -> Result<Told> {
        let told = self.told();
        let head = match self.single() {
            Some(_) => "p(label)  most probable",
            None => "accuracy  mean p(label)",
        };
        output.say(format_args!("    seen  {head}"))?;
        for row in &told.progress {
            output.say(self.line(row))?;
        }
        output.say(self.line_of_needed(&told.needed))?;
        Ok(told)
    }

    fn line(&self, row: &Row) -> String {
        let seen = match row.seconds {
            Some(seconds) => format!("{seconds:>6.3} s"),
            None => format!("{:>6.1} %", 100.0 * row.seen),
        };
        let Some(posterior) = &row.posterior else {
            let accuracy = 100.0 * row.accuracy;
            return format!("{seen}  {accuracy:>6.2} %  {:.4}", row.probability);
        };
        let ranked = ranked(posterior).into_iter().take(NAMED);
        let named = ranked.map(|class| {
            let name = name_of(class as u32, &self.classes);
            format!("{name} {:.4}", posterior[class])
        });
        let named: Vec<String> = named.collect();
        format!("{seen}  {:>8.4}  {}", row.probability, named.join(", "))
    }

    fn line_of_needed(&self, needed: &Needed) -> String {
        let (all, images) = (self.arrival.positions, counted(self.images, "image"));
        let what = match (needed.seen, needed.positions, needed.seconds) {
            (Some(_), _, Some(seconds)) => format!("{seconds:.3} s"),
            (Some(seen), Some(positions), None) => {
                format!("{positions} of {all} pixels ({:.1} %)", 100.0 * seen)
            }
            _ => "more than there is".to_owned(),
        };
        let of_many = if self.images > 1 {
            let share = 100.0 * needed.share;
            format!(", the median of {images}, of which {share:.1} % become sure")
        } else {
            String::new()
        };
        format!("to be sure (p(label) at least {SURE} from there on): {what}{of_many}")
    }

    /// Draws the way to the decisions: of a single image, how probable its classes are.
    ///
    /// # Errors
    /// When the picture cannot be written.
    pub(super) fn draw(&self, path: &Path, title: &str) -> Result<()> {
        let arrival = &self.arrival;
        let x = |&seen: &f64| arrival.seconds(seen).unwrap_or(seen);
        let at: Vec<f64> = arrival.seen.iter().map(x).collect();
        let curve = |name: String, values: &mut dyn Iterator<Item = f64>| Curve {
            name,
            points: at.iter().copied().zip(values).collect(),
        };
        let images = self.images as f64;
        let curves: Vec<Curve> = match self.single() {
            None => vec![
                curve(
                    "accuracy".to_owned(),
                    &mut self.right.iter().map(|&n| n as f64 / images),
                ),
                curve(
                    "mean p(label)".to_owned(),
                    &mut self.probability.iter().map(|sum| sum / images),
                ),
            ],
            Some(posterior) => {
                let likeliest = posterior.last().map(|last| ranked(last));
                let likeliest = likeliest.into_iter().flatten().take(DRAWN);
                let of = |class: usize| {
                    let name = name_of(class as u32, &self.classes);
                    curve(name, &mut posterior.iter().map(|all| all[class]))
                };
                likeliest.map(of).collect()
            }
        };
        let (x, y) = match (arrival.rate, self.single()) {
            (Some(_), None) => ("seconds heard", "share"),
            (Some(_), Some(_)) => ("seconds heard", "p(class)"),
            (None, None) => ("share of the image seen", "share"),
            (None, Some(_)) => ("share of the image seen", "p(class)"),
        };
        save_share_curve(path, title, x, y, &curves)
    }
}

/// The most probable class, of equals the first.
pub(super) fn most_probable(posterior: &[f64]) -> usize {
    let by_probability = |a: &usize, b: &usize| posterior[*a].total_cmp(&posterior[*b]);
    let most = (0..posterior.len()).rev().max_by(by_probability);
    most.unwrap_or(0)
}

/// Classes from the most to the least probable, of equals the first first.
fn ranked(posterior: &[f64]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..posterior.len()).collect();
    classes.sort_by(|&a, &b| posterior[b].total_cmp(&posterior[a]));
    classes
}

#[cfg(test)]
mod tests {
    use ar_core::{ChannelSteps, Domain, Order};

    use super::*;

    fn of_a_row(width: usize) -> Arrival {
        let domain = Domain::new(1, 1, width, 2).unwrap();
        Arrival::of_images(&Order::raster(&domain, ChannelSteps::Separate))
    }

    /// log p of two classes after each step, from how probable the first is by then, both being so before.
    fn rows(first: &[f64]) -> Vec<Vec<f64>> {
        let of = |p: &f64| vec![p.ln(), (1.0 - p).ln()];
        first.iter().map(of).collect()
    }

    #[test]
    fn evidence_is_counted_step_by_step() {
        let mut evidence = Evidence::new(of_a_row(4), &["a".to_owned(), "b".to_owned()]);
        let mut count = |label, first: &[f64]| {
            let last = evidence.count(label, &rows(first), &[0.5, 0.5]).unwrap();
            last[0].exp()
        };
        assert!((count(0, &[0.96, 0.5, 0.97, 0.98]) - 0.98).abs() < 1e-12);
        count(1, &[0.9, 0.04, 0.03, 0.02]);
        count(1, &[0.9, 0.9, 0.2, 0.1]);
        assert_eq!(evidence.right, [1, 2, 3, 3]);
        assert_eq!(evidence.sure, [Some(2), Some(1), None]);
        let told = evidence.told();
        let needed = &told.needed;
        assert_eq!((needed.seen, needed.positions), (Some(0.75), Some(3)));
        assert!((needed.share - 2.0 / 3.0).abs() < 1e-12);
        let last = &told.progress[3];
        assert_eq!((last.step, last.seen, last.accuracy), (4, 1.0, 1.0));
        assert!((last.probability - (0.98 + 0.98 + 0.9) / 3.0).abs() < 1e-12);
        assert!(last.posterior.is_none());
        let said = evidence.line_of_needed(needed);
        assert!(said.contains("3 of 4 pixels (75.0 %)"), "{said}");
        assert!(evidence.count(0, &rows(&[f64::NAN]), &[0.5, 0.5]).is_err());
    }

    #[test]
    fn a_single_image_has_its_classes_told() {
        let mut evidence = Evidence::new(of_a_row(2), &["a".to_owned(), "b".to_owned()]);
        evidence.count(1, &rows(&[0.75, 0.25]), &[0.5; 2]).unwrap();
        let told = evidence.told();
        assert_eq!(told.needed.seen, None);
        let said = evidence.line(&told.progress[0]);
        assert_eq!(said, "  50.0 %    0.2500  a 0.7500, b 0.2500");
        assert!(
            evidence
                .line_of_needed(&told.needed)
                .contains("more than there is")
        );
    }

    #[test]
    fn a_recording_that_has_ended_stays_what_it_was() {
        let domain = Domain::new(1, 1, 9, 2).unwrap();
        let order = Order::raster(&domain, ChannelSteps::Separate);
        let mut evidence = Evidence::new(Arrival::of_recordings(4, &order, 8), &[]);
        evidence.count(0, &rows(&[0.4, 0.96]), &[0.5; 2]).unwrap();
        evidence.count(1, &rows(&[0.6; 4]), &[0.5; 2]).unwrap();
        assert_eq!(evidence.right, [0, 1, 1, 1]);
        let told = evidence.told();
        assert_eq!(told.needed.seconds, Some(0.25));
        assert_eq!(told.progress[3].seconds, Some(0.5));
        assert!(evidence.line(&told.progress[0]).starts_with(" 0.125 s"));
    }
}
