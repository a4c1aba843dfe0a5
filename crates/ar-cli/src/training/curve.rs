//! `loss.svg`, drawn from `metrics.jsonl`.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use crate::metrics::{nats_of, read_metrics};
use crate::picture::{Curve, save_loss_curve};

/// Draws training and validation likelihood over steps, over all resumptions of the run.
///
/// # Errors
/// When the metrics cannot be read or the picture not be written.
pub(super) fn draw_loss(metrics: &Path, picture: &Path, title: &str) -> Result<()> {
    let curves = curves(metrics, "")?;
    let unit = if of_sound(metrics)? {
        "sample"
    } else {
        "image"
    };
    save_loss_curve(picture, title, "step", &format!("nats per {unit}"), &curves)
}

fn of_sound(metrics: &Path) -> Result<bool> {
    let lines = read_metrics(metrics)?;
    let has = |line: &Value| line.get("smoothed_nats_per_sample").is_some();
    Ok(lines.first().is_some_and(has))
}

/// Training and validation likelihood over steps, called so with `suffix`.
///
/// # Errors
/// When the metrics cannot be read.
pub(crate) fn curves(metrics: &Path, suffix: &str) -> Result<[Curve; 2]> {
    let lines = read_metrics(metrics)?;
    let curve = |name: &str, which: &str| {
        let point = |line: &Value| Some((line.get("step")?.as_f64()?, nats_of(line, which)?));
        Curve {
            name: format!("{name}{suffix}"),
            points: lines.iter().filter_map(point).collect(),
        }
    };
    Ok([
        curve("training, smoothed", "smoothed"),
        curve("validation", "validation"),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_curves_come_from_the_metrics() {
        let folder = tempfile::tempdir().unwrap();
        let (metrics, picture) = (
            folder.path().join("m.jsonl"),
            folder.path().join("loss.svg"),
        );
        let lines = concat!(
            "{\"step\":1,\"smoothed_nats_per_image\":9.0}\n{\"step\":2,\"smoothed_nats_per_image\":7.0}\n",
            "{\"step\":2,\"validation_nats_per_image\":8.0}\n{\"step\":3,\"smoothed_na"
        );
        std::fs::write(&metrics, lines).unwrap();
        draw_loss(&metrics, &picture, "pixelcnn on digits").unwrap();
        let svg = std::fs::read_to_string(&picture).unwrap();
        for text in [
            "training",
            "validation",
            "pixelcnn on digits",
            "nats per image",
        ] {
            assert!(svg.contains(text), "{text}");
        }
    }
}
