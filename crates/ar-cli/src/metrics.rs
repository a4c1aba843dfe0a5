//! What the metrics of a run say: lines of `metrics.jsonl`, and the lowest validation among them.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The whole lines of a metrics file.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read_metrics(metrics: &Path) -> Result<Vec<Value>> {
    let bytes =
        std::fs::read(metrics).with_context(|| format!("cannot read {}", metrics.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(serde_json::from_str);
    Ok(lines.filter_map(std::result::Result::ok).collect())
}

/// The likelihood called `which` in a line of the metrics: per image, or of recordings per sample.
pub(crate) fn nats_of(line: &Value, which: &str) -> Option<f64> {
    let of = |unit: &&str| line.get(format!("{which}_nats_per_{unit}"))?.as_f64();
    ["image", "sample"].iter().find_map(of)
}

/// When validation was lowest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct BestStep {
    /// Updates made then.
    pub(crate) step: u64,
    #[serde(flatten)]
    pub(crate) nats: Nats,
}

/// Mean nats of the validation images.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
pub(crate) enum Nats {
    #[serde(rename = "nats_per_image")]
    Image(f64),
    #[serde(rename = "nats_per_sample")]
    Sample(f64),
}

impl BestStep {
    pub(crate) fn of(best: ar_train::Best, is_sound: bool) -> Self {
        let unit = if is_sound { Nats::Sample } else { Nats::Image };
        Self {
            step: best.step,
            nats: unit(best.nats_per_image),
        }
    }

    /// The validation that a line of the metrics is of, if it is one.
    pub(crate) fn of_metrics(line: &Value) -> Option<Self> {
        let best = ar_train::Best {
            step: line.get("step")?.as_u64()?,
            nats_per_image: nats_of(line, "validation")?,
        };
        let is_sound = line.get("validation_nats_per_sample").is_some();
        Some(Self::of(best, is_sound))
    }
}
