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
use crate::run::{Run, orders_of};
use crate::words::{counted, with_error};

/// A likelihood with what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scored {
    images: usize,
    pub(crate) nats_per_image: f64,
    pub(crate) standard_error: f64,
    nats_per_dim: f64,
    pub(crate) bits_per_dim: f64,
    /// Of a dimension; of recordings, of a sample.
    levels: usize,
    binarization: String,
    /// Colours of the palette, whose levels the dimensions are then.
    #[serde(default)]
    palette: Option<usize>,
    /// Of the model, or of the members of a mixture.
    #[serde(default)]
    order: String,
    /// What every image's likelihood is given: "none", "class", "vector", "map", or "bands" of a recording.
    #[serde(default = "none")]
    condition: String,
    /// Of recordings; the images above are these then, the dimensions their samples.
    #[serde(default, flatten, skip_serializing_if = "Option::is_none")]
    sound: Option<SoundScore>,
}

/// Likelihood of recordings of different length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SoundScore {
    recordings: usize,
    /// Mean over all samples of all recordings.
    nats_per_sample: f64,
    bits_per_sample: f64,
    /// Standard error of `bits_per_sample`, over recordings.
    bits_per_sample_error: f64,
}

impl SoundScore {
    fn of(nats: &[f64], recordings: &Images) -> Option<Self> {
        recordings.context()?;
        let lengths: Vec<f64> = (0..nats.len())
            .map(|i| recordings.values(i) as f64)
            .collect();
        let samples: f64 = lengths.iter().sum();
        let mean = nats.iter().sum::<f64>() / samples;
        // Of a ratio of two sums: what each recording has beyond the mean of as many samples.
        let beyond = nats.iter().zip(&lengths);
        let squares: f64 = beyond.map(|(n, len)| (n - mean * len).powi(2)).sum();
        let n = nats.len() as f64;
        let error = (squares * n / (n - 1.0).max(1.0)).sqrt() / samples;
        let bits = |nats: f64| nats / std::f64::consts::LN_2;
        Some(Self {
            recordings: nats.len(),
            nats_per_sample: mean,
            bits_per_sample: bits(mean),
            bits_per_sample_error: bits(error),
        })
    }
}

fn none() -> String {
    "none".to_owned()
}

impl Scored {
    /// Likelihoods `nats` of images under `model`, encoded by `encoding` as scoring uses it.
    pub(crate) fn new(
        nats: &[f64],
        images: &Images,
        model: &dyn Distribution,
        encoding: &Encoding,
    ) -> Self {
        let score = Score::of(nats, &model.domain());
        let sound = SoundScore::of(nats, images);
        let per_sample = sound
            .as_ref()
            .map(|s| (s.nats_per_sample, s.bits_per_sample));
        let per_dim = (score.nats_per_dim, score.bits_per_dim);
        let (nats_per_dim, bits_per_dim) = per_sample.unwrap_or(per_dim);
        Self {
            images: score.images,
            nats_per_image: score.nats_per_image,
            standard_error: score.standard_error,
            nats_per_dim,
            bits_per_dim,
            levels: levels(encoding),
            order: orders_of(model),
            binarization: encoding.clone().for_scoring().binarization().to_owned(),
            palette: colours(encoding),
            condition: match model.conditioning() {
                Conditioning::None => none(),
                Conditioning::Vector { .. } => "vector".to_owned(),
                Conditioning::Map { .. } if sound.is_some() => "bands".to_owned(),
                Conditioning::Map { .. } => "map".to_owned(),
                _ => "class".to_owned(),
            },
            sound,
        }
    }

    /// Likelihoods `nats` of images of `data` under the model of `run`.
    pub(crate) fn of(nats: &[f64], images: &Images, run: &Run, data: &Data) -> Self {
        // Levels as `sample` writes them are still those of the run's palette.
        let encoding = match &run.encoding {
            palette @ Encoding::Palette(_) => palette,
            Encoding::Levels(_) | Encoding::Binary(..) | Encoding::Sound(_) => &data.encoding,
        };
        Self::new(nats, images, run.model.as_ref(), encoding)
    }

    /// Of an image, with its error; of sound, of a sample.
    pub(crate) fn nats(&self) -> String {
        match &self.sound {
            Some(sound) => format!("{:.4} nats/sample", sound.nats_per_sample),
            None => with_error(self.nats_per_image, self.standard_error, 2, self.images),
        }
    }

    /// Of a dimension; of a palette's colours, of a pixel.
    pub(crate) fn bits(&self) -> String {
        let of = self.palette.map_or("", |_| " a pixel");
        format!("{:.4}{of}", self.bits_per_dim)
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
        let order = match self.order.as_str() {
            "" | "raster" => String::new(),
            order => format!(", order {order}"),
        };
        if let Some(sound) = &self.sound {
            let bits = (sound.bits_per_sample, sound.bits_per_sample_error);
            return format!(
                "{:.4} nats/sample, {} bits/sample ({}, {} levels{order}{condition})",
                sound.nats_per_sample,
                with_error(bits.0, bits.1, 4, sound.recordings),
                counted(sound.recordings, "recording"),
                self.levels
            );
        }
        let per_dim = match self.palette {
            None => format!("{:.5} nats/dim, ", self.nats_per_dim),
            Some(_) => String::new(),
        };
        format!(
            "{} nats/image, {per_dim}{:.5} {} ({}, {} levels{binarization}{order}{condition})",
            with_error(self.nats_per_image, self.standard_error, 3, self.images),
            self.bits_per_dim,
            unit(self.palette),
            counted(self.images, "image"),
            self.levels
        )
    }
}

/// What bits are counted by: "bits/dim", pixels of the image that a palette left of the other, or samples.
pub(crate) fn bits_unit(encoding: &Encoding) -> String {
    match encoding {
        Encoding::Sound(_) => "bits/sample".to_owned(),
        _ => unit(colours(encoding)),
    }
}

/// What is counted: "image" or "recording".
pub(crate) fn unit_of(encoding: &Encoding) -> &'static str {
    match encoding {
        Encoding::Sound(_) => "recording",
        _ => "image",
    }
}

fn unit(palette: Option<usize>) -> String {
    match palette {
        None => "bits/dim".to_owned(),
        Some(k) => format!("bits/pixel of a {k}-colour palette"),
    }
}

fn levels(encoding: &Encoding) -> usize {
    match encoding {
        Encoding::Sound(companding) => companding.levels().pow(companding.channels() as u32),
        Encoding::Levels(_) | Encoding::Binary(..) | Encoding::Palette(_) => encoding.levels(),
    }
}

fn colours(encoding: &Encoding) -> Option<usize> {
    match encoding {
        Encoding::Palette(palette) => Some(palette.levels()),
        Encoding::Levels(_) | Encoding::Binary(..) | Encoding::Sound(_) => None,
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
    let unit = unit_of(encoding);
    let bar = Progress::new(output, format!("scoring {label}"), unit, total as u64);
    let mut progress = |done| {
        bar.at(done as u64, String::new);
        !interrupt::asked()
    };
    let nats = ar_train::score(model, images, encoding, batch_size, limit, &mut progress)?;
    Ok(nats)
}
