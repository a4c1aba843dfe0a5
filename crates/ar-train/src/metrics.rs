use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::files::Pending;
use crate::{Error, Unit};

/// Largest weight of the past in the smoothed loss.
const SMOOTHING: f64 = 0.98;

/// One training step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Updates made, this one included.
    pub step: u64,
    /// The epoch it belongs to, from 0.
    pub epoch: u64,
    /// Seconds of training since the run began, over all resumptions.
    #[serde(serialize_with = "to_milliseconds")]
    pub seconds: f64,
    /// Loss of this batch, in nats per image.
    pub train_nats_per_image: f64,
    /// Its running mean.
    pub smoothed_nats_per_image: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Images per second since the last line of the metrics file, validation and saving left out.
    pub images_per_second: f64,
    /// How much of the run is done, in 0..=1.
    #[serde(skip)]
    pub fraction: f64,
    /// Updates the run will make, where that is known.
    #[serde(skip)]
    pub total_steps: Option<u64>,
}

/// One validation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ValidationMetrics {
    /// Updates made.
    pub step: u64,
    /// The epoch reached, from 0.
    pub epoch: u64,
    /// Seconds of training since the run began, over all resumptions.
    #[serde(serialize_with = "to_milliseconds")]
    pub seconds: f64,
    /// Negative log-likelihood under the averaged weights, in nats per image.
    pub validation_nats_per_image: f64,
    /// Whether it is the lowest so far.
    pub best: bool,
}

/// The clock says no more than this, and numbers such as 9.11e-7 only puzzle.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn to_milliseconds<S: Serializer>(seconds: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((seconds * 1000.0).round() / 1000.0)
}

/// The running mean of the loss after `done` steps and one more. The past weighs less at first, as in averages
/// of weights, so that the first losses, several times the later ones, are soon forgotten.
pub(crate) fn smooth(mean: f64, done: u64, loss: f64) -> f64 {
    let past = match done {
        0 => 0.0,
        done => SMOOTHING.min((1.0 + done as f64) / (10.0 + done as f64)),
    };
    past * mean + (1.0 - past) * loss
}

/// `metrics.jsonl`, one JSON object a line.
#[derive(Debug)]
pub(crate) struct MetricsLog {
    file: File,
    path: PathBuf,
    /// What its nats are counted by.
    pub(crate) unit: Unit,
}

impl MetricsLog {
    /// Opens the file for appending, without what lies beyond `step`: a killed run wrote lines
    /// after its last checkpoint and will write them again.
    pub(crate) fn open_at(path: &Path, step: u64) -> crate::Result<Self> {
        if path.exists() {
            let bytes = fs::read(path).map_err(Error::io("read", path))?;
            // One byte that is no letter costs its line, not the run.
            let text = String::from_utf8_lossy(&bytes);
            let kept: String = text
                .split_inclusive('\n')
                .filter(|line| belongs(line, step))
                .collect();
            if kept != text {
                Pending::write(path, kept.as_bytes())?.commit()?;
            }
        }
        let file = File::options()
            .append(true)
            .create(true)
            .open(path)
            .map_err(Error::io("open", path))?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
            unit: Unit::Image,
        })
    }

    pub(crate) fn append(&mut self, line: &impl Serialize) -> crate::Result<()> {
        let mut json = serde_json::to_string(line).map_err(|e| Error::Encode {
            path: self.path.clone(),
            source: e.into(),
        })?;
        if self.unit == Unit::Sample {
            json = json.replace("nats_per_image", "nats_per_sample");
        }
        self.file
            .write_all(format!("{json}\n").as_bytes())
            .map_err(Error::io("write", &self.path))
    }

    pub(crate) fn sync(&self) -> crate::Result<()> {
        self.file.sync_data().map_err(Error::io("sync", &self.path))
    }
}

/// A whole line of a step up to `step`.
fn belongs(line: &str, step: u64) -> bool {
    let value = line
        .strip_suffix('\n')
        .and_then(|line| serde_json::from_str::<Value>(line).ok());
    value
        .and_then(|value| value.get("step")?.as_u64())
        .is_some_and(|of_line| of_line <= step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_beyond_the_checkpoint_and_half_lines_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        fs::write(
            &path,
            "{\"step\":1}\n{\"step\":2,\"x\":null}\n{\"step\":3}\n{\"st",
        )
        .unwrap();
        let mut log = MetricsLog::open_at(&path, 2).unwrap();
        log.append(&serde_json::json!({"step": 3})).unwrap();
        log.sync().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "{\"step\":1}\n{\"step\":2,\"x\":null}\n{\"step\":3}\n"
        );
    }

    #[test]
    fn the_smoothed_loss_starts_at_the_first_and_soon_forgets_it() {
        assert_eq!(smooth(0.0, 0, 10.0), 10.0);
        assert!((smooth(10.0, 1000, 0.0) - 9.8).abs() < 1e-12);
        let falling = (0..50u64).fold(0.0, |mean, done| {
            smooth(mean, done, if done < 10 { 500.0 } else { 100.0 })
        });
        assert!((100.0..101.0).contains(&falling), "{falling}");
    }
}
