//! A likelihood and what it depends on.

use std::sync::Arc;

use anyhow::Result;
use ar_core::{Conditioning, Distribution, Score};
use ar_data::{Encoding, Images};
use serde::{Deserialize, Serialize};

use crate::dataset::Data;
use crate::interrupt;
use crate::output::Output;
use crate::progress::Progress;
use crate::run::Run;
use crate::words::counted;

/// A likelihood with what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    images: usize,
    pub(crate) nats_per_image: f64,
    pub(crate) standard_error: f64,
    nats_per_dim: f64,
    pub(crate) bits_per_dim: f64,
    levels: usize,
    binarization: String,
    /// Colours of the palette, whose levels the dimensions are then.
    #[serde(default)]
    palette: Option<usize>,
    /// What every image's likelihood is given: "none" or "class".
    #[serde(default = "none")]
    condition: String,
}

fn none() -> String {
    "none".to_owned()
}

impl Scored {
    /// Likelihoods `nats` of images under `model`, encoded by `encoding` as scoring uses it.
    pub(crate) fn new(nats: &[f64], model: &dyn Distribution, encoding: &Encoding) -> Self {
        let score = Score::of(nats, &model.domain());
        Self {
            images: score.images,
            nats_per_image: score.nats_per_image,
            standard_error: score.standard_error,
            nats_per_dim: score.nats_per_dim,
            bits_per_dim: score.bits_per_dim,
            levels: encoding.levels(),
            binarization: encoding.clone().for_scoring().binarization().to_owned(),
            palette: colours(encoding),
            condition: match model.conditioning() {
                Conditioning::None => none(),
                Conditioning::Class { .. } => "class".to_owned(),
                _ => "other".to_owned(),
            },
        }
    }

    /// Likelihoods `nats` of images of `data` under the model of `run`.
    pub(crate) fn of(nats: &[f64], run: &Run, data: &Data) -> Self {
        // Levels as `sample` writes them are still those of the run's palette.
        let encoding = match &run.encoding {
            palette @ Encoding::Palette(_) => palette,
            Encoding::Levels(_) | Encoding::Binary(..) => &data.encoding,
        };
        Self::new(nats, run.model.as_ref(), encoding)
    }

    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let binarization = match self.binarization.as_str() {
            "none" => String::new(),
            how => format!(", binarization {how}"),
        };
        let condition = match self.condition.as_str() {
            "none" => String::new(),
            what => format!(", given the {what}"),
        };
        let per_dim = match self.palette {
            None => format!("{:.5} nats/dim, ", self.nats_per_dim),
            Some(_) => String::new(),
        };
        format!(
            "{:.3} ± {:.3} nats/image, {per_dim}{:.5} {} ({}, {} levels{binarization}{condition})",
            self.nats_per_image,
            self.standard_error,
            self.bits_per_dim,
            unit(self.palette),
            counted(self.images, "image"),
            self.levels
        )
    }
}

/// What bits are counted by: "bits/dim", or pixels of the image that a palette left of the other.
pub(crate) fn bits_unit(encoding: &Encoding) -> String {
    unit(colours(encoding))
}

fn unit(palette: Option<usize>) -> String {
    match palette {
        None => "bits/dim".to_owned(),
        Some(k) => format!("bits/pixel of a {k}-colour palette"),
    }
}

fn colours(encoding: &Encoding) -> Option<usize> {
    match encoding {
        Encoding::Palette(palette) => Some(palette.levels()),
        Encoding::Levels(_) | Encoding::Binary(..) => None,
    }
}

/// Scores with a bar. After Ctrl-C, where that is listened for, the rest is left out.
///
/// # Errors
/// As [`ar_train::score`].
pub(crate) fn with_bar(
    model: &dyn Distribution,
    images: &Arc<Images>,
    encoding: &Encoding,
    batch_size: usize,
    limit: usize,
    label: &str,
    output: &Output,
) -> Result<Vec<f64>> {
    let total = match limit {
        0 => images.len(),
        limit => limit.min(images.len()),
    };
    let bar = Progress::new(output, format!("scoring {label}"), "images", total as u64);
    let mut progress = |done| {
        bar.at(done as u64, String::new);
        !interrupt::asked()
    };
    let nats = ar_train::score(model, images, encoding, batch_size, limit, &mut progress)?;
    Ok(nats)
}
