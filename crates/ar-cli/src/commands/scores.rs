//! How astonishing each of some images is: as a table, as CSV and as JSON.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_core::{auroc, mean_and_error};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::maps::Scale;
use super::subjects::Subjects;
use crate::output::Output;
use crate::words::counted;

/// By what images are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum By {
    Nats,
    Corrected,
}

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) scores: Vec<Entry>,
    /// What `corrected` is less of: "png", or the run of `--background`.
    pub(super) corrected_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) map: Option<Scale>,
    #[serde(flatten)]
    pub(super) against: Option<Apart>,
}

/// An image and how astonishing it is; nats are those of the whole image.
#[derive(Debug, Serialize)]
pub(super) struct Entry {
    file: String,
    nats: f64,
    bits_per_dim: f64,
    /// Length as PNG.
    #[serde(skip_serializing_if = "Option::is_none")]
    complexity: Option<f64>,
    /// Under the other run.
    #[serde(skip_serializing_if = "Option::is_none")]
    background: Option<f64>,
    corrected: f64,
    corrected_bits_per_dim: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) map: Option<PathBuf>,
}

/// How well other images are told from these.
#[derive(Debug, Serialize)]
pub(super) struct Apart {
    against: String,
    against_images: usize,
    /// Probability that a random image of the set is more astonishing than a random one of the others.
    auroc: Option<f64>,
    auroc_corrected: Option<f64>,
}

impl By {
    /// By bits, not nats: recordings are of different length.
    pub(super) fn of(self, entry: &Entry) -> f64 {
        match self {
            Self::Nats => entry.bits_per_dim,
            Self::Corrected => entry.corrected_bits_per_dim,
        }
    }
}

/// Of each of `subjects` its `nats`, and those that are taken off for what any such image has.
pub(super) fn entries(subjects: &Subjects, nats: &[f64], less: &[f64], by_run: bool) -> Vec<Entry> {
    let dims = subjects.dims();
    let entry = |(i, name): (usize, &String)| {
        let bits = |nats: f64| nats / (dims[i] * std::f64::consts::LN_2);
        let (nats, less) = (nats[i], less[i]);
        Entry {
            file: name.clone(),
            nats,
            bits_per_dim: bits(nats),
            complexity: (!by_run).then_some(less),
            background: by_run.then_some(less),
            corrected: nats - less,
            corrected_bits_per_dim: bits(nats - less),
            map: None,
        }
    };
    subjects.names.iter().enumerate().map(entry).collect()
}

impl Apart {
    /// How well the images of `set` are told from the others.
    pub(super) fn of(set: &str, others: &[Entry], of_set: &[Entry]) -> Self {
        let area = |by: By| {
            let scores = |entries: &[Entry]| entries.iter().map(|e| by.of(e)).collect::<Vec<_>>();
            auroc(&scores(others), &scores(of_set))
        };
        Self {
            against: set.to_owned(),
            against_images: of_set.len(),
            auroc: area(By::Nats),
            auroc_corrected: area(By::Corrected),
        }
    }
}

impl Entry {
    fn less(&self) -> f64 {
        self.complexity.or(self.background).unwrap_or(0.0)
    }
}

impl Report {
    /// The result for people; bits are counted in `unit`, and maps are in `folder`.
    ///
    /// # Errors
    /// When standard output takes no more.
    pub(super) fn tell(&self, unit: &str, folder: Option<&Path>, output: &Output) -> Result<()> {
        output.say(self.table(unit))?;
        if self.scores.len() > 1 {
            let mean = |of: fn(&Entry) -> f64| {
                mean_and_error(&self.scores.iter().map(of).collect::<Vec<_>>())
            };
            let (nats, bits) = (mean(|e| e.nats), mean(|e| e.bits_per_dim));
            let corrected = mean(|e| e.corrected_bits_per_dim);
            output.say(format_args!(
                "mean of {}: {:.3} ± {:.3} nats, {:.5} ± {:.5} {unit}, corrected {:.5} ± {:.5} {unit}",
                self.scores.len(),
                nats.0,
                nats.1,
                bits.0,
                bits.1,
                corrected.0,
                corrected.1
            ))?;
        }
        if let Some((map, folder)) = self.map.as_ref().zip(folder) {
            output.say(format_args!(
                "maps: {}, from 0 to {:.2} {} in order {}",
                folder.display(),
                map.max,
                map.unit,
                map.order
            ))?;
        }
        let areas = self.against.as_ref();
        if let Some((set, (plain, corrected))) =
            areas.and_then(|a| Some((a, a.auroc.zip(a.auroc_corrected)?)))
        {
            output.say(format_args!(
                "{} ({}) told from these by its higher score: AUROC {plain:.4}, corrected {corrected:.4} (0.5 is \
                 chance)",
                set.against,
                counted(set.against_images, "image")
            ))?;
        }
        Ok(())
    }

    fn table(&self, unit: &str) -> Table {
        let less = match self.scores.first() {
            Some(entry) if entry.background.is_some() => "background nats",
            _ => "PNG nats",
        };
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        table.set_header([
            "file",
            "nats",
            unit,
            less,
            "corrected nats",
            "corrected bits",
        ]);
        for entry in &self.scores {
            table.add_row([
                entry.file.clone(),
                format!("{:.2}", entry.nats),
                format!("{:.4}", entry.bits_per_dim),
                format!("{:.2}", entry.less()),
                format!("{:.2}", entry.corrected),
                format!("{:.4}", entry.corrected_bits_per_dim),
            ]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}

/// The scores as a table for programs.
pub(super) fn csv_of(scores: &[Entry]) -> String {
    let less = match scores.first() {
        Some(entry) if entry.background.is_some() => "background",
        _ => "complexity",
    };
    let mut csv = format!("file,nats,bits_per_dim,{less},corrected,corrected_bits_per_dim\n");
    for entry in scores {
        // Writing to a string cannot fail.
        let _ = writeln!(
            csv,
            "{},{},{},{},{},{}",
            quoted(&entry.file),
            entry.nats,
            entry.bits_per_dim,
            entry.less(),
            entry.corrected,
            entry.corrected_bits_per_dim
        );
    }
    csv
}

/// As RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains(['"', ',', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(file: &str, bits_per_dim: f64, corrected_bits_per_dim: f64) -> Entry {
        Entry {
            file: file.to_owned(),
            nats: 2.0 * bits_per_dim,
            bits_per_dim,
            complexity: Some(1.0),
            background: None,
            corrected: 0.5,
            corrected_bits_per_dim,
            map: None,
        }
    }

    #[test]
    fn files_are_quoted_where_they_have_to_be() {
        let csv = csv_of(&[entry("a.png", 1.0, 2.0), entry("b, \"c\".png", 0.5, 0.0)]);
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines,
            [
                "file,nats,bits_per_dim,complexity,corrected,corrected_bits_per_dim",
                "a.png,2,1,1,0.5,2",
                "\"b, \"\"c\"\".png\",1,0.5,1,0.5,0"
            ]
        );
    }

    #[test]
    fn the_set_is_the_positive_side() {
        let others = [entry("a", 1.0, 3.0), entry("b", 2.0, 3.0)];
        let of_set = [entry("c", 3.0, 3.0), entry("d", 4.0, 1.0)];
        let told = Apart::of("x", &others, &of_set);
        assert_eq!(
            (told.auroc, told.auroc_corrected, told.against_images),
            (Some(1.0), Some(0.25), 2)
        );
    }
}
