use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use crate::files::Pending;
use crate::{Error, Result};

/// Weight of the past in the smoothed loss.
const SMOOTHING: f64 = 0.98;

/// One training step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepMetrics {
    /// Updates made, this one included.
    pub step: u64,
    /// The epoch it belongs to, from 0.
    pub epoch: u64,
    /// Seconds of training since the run began, over all resumptions.
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
    pub seconds: f64,
    /// Negative log-likelihood under the averaged weights, in nats per image.
    pub validation_nats_per_image: f64,
    /// Whether it is the lowest so far.
    pub best: bool,
}

/// The running mean after one more `loss`; the first is taken as it is.
pub(crate) fn smooth(mean: Option<f64>, loss: f64) -> f64 {
    mean.map_or(loss, |mean| SMOOTHING * mean + (1.0 - SMOOTHING) * loss)
}

/// `metrics.jsonl`, one JSON object a line.
#[derive(Debug)]
pub(crate) struct MetricsLog {
    file: File,
    path: PathBuf,
}

impl MetricsLog {
    /// Opens the file for appending, without what lies beyond `step`: a killed run wrote lines
    /// after its last checkpoint and will write them again.
    pub(crate) fn open_at(path: &Path, step: u64) -> Result<Self> {
        if path.exists() {
            let text = fs::read_to_string(path).map_err(Error::io("read", path))?;
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
        })
    }

    pub(crate) fn append(&mut self, line: &impl Serialize) -> Result<()> {
        let json = serde_json::to_string(line).map_err(|e| Error::Encode {
            path: self.path.clone(),
            source: e.into(),
        })?;
        self.file
            .write_all(format!("{json}\n").as_bytes())
            .map_err(Error::io("write", &self.path))
    }

    pub(crate) fn sync(&self) -> Result<()> {
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
    fn the_smoothed_loss_starts_at_the_first() {
        assert_eq!(smooth(None, 10.0), 10.0);
        assert!((smooth(Some(10.0), 0.0) - 9.8).abs() < 1e-12);
    }
}
