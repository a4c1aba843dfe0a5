//! What a comparison found, as a table and as JSON.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::measurement::Measurement;
use crate::table::{cell, median, seconds, table, times};

/// Runs of one program on one job.
#[derive(Debug, Default)]
pub(super) struct Runs {
    /// Seconds of each run.
    pub(super) seconds: Vec<f64>,
    /// Parameters the program said the model stores.
    pub(super) parameters: Option<u64>,
    /// Those that no mask multiplies by zero.
    pub(super) live_parameters: Option<u64>,
}

impl Runs {
    pub(super) fn add(&mut self, run: Measurement) {
        self.seconds.push(run.seconds);
        self.parameters = Some(run.parameters);
        self.live_parameters = Some(run.live_parameters);
    }

    /// Median seconds of all runs.
    pub(super) fn median(&self) -> Option<f64> {
        median(&self.seconds)
    }
}

/// One job done by ours and by a rival.
#[derive(Debug, Default)]
pub(super) struct Pair {
    pub(super) ours: Runs,
    pub(super) torch: Runs,
}

impl Pair {
    /// How many times as fast ours is.
    pub(super) fn ratio(&self) -> Option<f64> {
        Some(self.torch.median()? / self.ours.median()?)
    }

    fn json(&self) -> Value {
        json!({
            "ours": self.ours.median(),
            "torch": self.torch.median(),
            "ratio": self.ratio(),
            "ours_rounds": self.ours.seconds,
            "torch_rounds": self.torch.seconds,
        })
    }
}

/// One model beside its twin.
#[derive(Debug)]
pub(super) struct ModelReport {
    pub(super) model: String,
    pub(super) step: Pair,
    pub(super) sample: Pair,
    /// One forward pass over as many images as are sampled; ours only.
    pub(super) forward: Runs,
}

impl ModelReport {
    pub(super) fn new(model: &str) -> Self {
        Self {
            model: model.to_owned(),
            step: Pair::default(),
            sample: Pair::default(),
            forward: Runs::default(),
        }
    }

    /// Sampling in units of one forward pass.
    fn sample_over_forward(&self) -> Option<f64> {
        Some(self.sample.ours.median()? / self.forward.median()?)
    }

    /// In words, when the two sides did not time the same network. A dense kernel stores what its
    /// mask multiplies by zero, so only live parameters can be compared.
    pub(super) fn mismatch(&self) -> Option<String> {
        let Pair { ours, torch } = &self.step;
        let (ours, torch) = (ours.live_parameters?, torch.live_parameters?);
        let model = &self.model;
        (ours != torch).then(|| {
            format!("{model} has {ours} live parameters here and {torch} in torch_peers.py")
        })
    }

    fn json(&self) -> Value {
        json!({
            "model": self.model,
            "parameters": {
                "ours": self.step.ours.parameters,
                "torch": self.step.torch.parameters,
            },
            "live_parameters": {
                "ours": self.step.ours.live_parameters,
                "torch": self.step.torch.live_parameters,
            },
            "step": self.step.json(),
            "sample": self.sample.json(),
            "forward": self.forward.median(),
            "sample_over_forward": self.sample_over_forward(),
        })
    }
}

/// The table a person reads.
pub(super) fn as_table(models: &[ModelReport]) -> String {
    let header = [
        "model",
        "params",
        "torch",
        "live",
        "torch",
        "step",
        "torch",
        "torch/ours",
        "sample",
        "torch",
        "torch/ours",
        "forward",
        "sample/forward",
    ];
    let rows: Vec<Vec<String>> = models
        .iter()
        .map(|report| {
            let Pair { ours, torch } = &report.step;
            let mut row = vec![report.model.clone()];
            for count in [
                ours.parameters,
                torch.parameters,
                ours.live_parameters,
                torch.live_parameters,
            ] {
                row.push(cell(count, |n| n.to_string()));
            }
            for pair in [&report.step, &report.sample] {
                row.push(cell(pair.ours.median(), seconds));
                row.push(cell(pair.torch.median(), seconds));
                row.push(cell(pair.ratio(), times));
            }
            row.push(cell(report.forward.median(), seconds));
            row.push(cell(report.sample_over_forward(), times));
            row
        })
        .collect();
    table(&header, &rows)
}

/// The same for programs, under `conditions` of the measurement.
pub(super) fn as_json(models: &[ModelReport], mut conditions: Value) -> Value {
    let list: Vec<Value> = models.iter().map(ModelReport::json).collect();
    conditions["models"] = Value::Array(list);
    conditions
}

/// Writes a report whole or not at all.
///
/// # Errors
/// When the folder cannot be made or the file not written.
pub(super) fn write(path: &Path, report: &Value) -> Result<()> {
    let name = || format!("writing {}", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(name)?;
    }
    let scratch = path.with_extension("json.tmp");
    let mut file = File::create(&scratch).with_context(name)?;
    file.write_all(format!("{report:#}\n").as_bytes())
        .with_context(name)?;
    file.sync_all().with_context(name)?;
    fs::rename(&scratch, path).with_context(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(seconds: &[f64], [parameters, live_parameters]: [u64; 2]) -> Runs {
        let mut runs = Runs::default();
        for &seconds in seconds {
            runs.add(Measurement {
                parameters,
                live_parameters,
                seconds,
            });
        }
        runs
    }

    /// 10 parameters here; 19 there, of which `live`.
    fn report(torch: &[f64], live: u64) -> ModelReport {
        ModelReport {
            step: Pair {
                ours: runs(&[0.2, 0.25, 0.3], [10, 10]),
                torch: runs(torch, [19, live]),
            },
            sample: Pair {
                ours: runs(&[0.3], [10, 10]),
                torch: Runs::default(),
            },
            forward: runs(&[0.1], [10, 10]),
            ..ModelReport::new("pixelcnn")
        }
    }

    #[test]
    fn ratios_are_of_medians_and_above_one_when_ours_is_faster() {
        let json = as_json(&[report(&[0.5, 0.4, 9.0], 10)], json!({"threads": 2}));
        let model = &json["models"][0];
        assert_eq!(model["step"]["ratio"], 2.0);
        assert_eq!(model["sample"]["ratio"], Value::Null);
        assert!((model["sample_over_forward"].as_f64().unwrap() - 3.0).abs() < 1e-12);
        assert_eq!(model["parameters"], json!({"ours": 10, "torch": 19}));
        assert_eq!(model["live_parameters"], json!({"ours": 10, "torch": 10}));
        assert_eq!(json["threads"], 2);
    }

    #[test]
    fn a_missing_side_is_a_dash() {
        let text = as_table(&[report(&[], 10)]);
        let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        let start = ["pixelcnn", "10", "-", "10", "-", "250.0", "ms", "-", "-"];
        assert_eq!(row[..9], start);
    }

    #[test]
    fn unequal_networks_are_named() {
        assert_eq!(report(&[0.5], 10).mismatch(), None);
        assert_eq!(report(&[], 10).mismatch(), None);
        assert!(report(&[0.5], 11).mismatch().unwrap().contains("11 in"));
        let text = as_table(&[report(&[0.5], 11)]);
        let row: Vec<&str> = text.lines().nth(1).unwrap().split_whitespace().collect();
        assert_eq!(row[1..5], ["10", "19", "10", "11"]);
    }
}
