use candle_core::{DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::sampler::described_in;
use crate::{Distribution, Domain, Error, Model, Result, nll_of_values};

/// Likelihood of a set of images, in every unit people use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// How many images were scored: all of them, whatever the batch size.
    pub images: usize,
    /// Mean negative log-likelihood of an image.
    pub nats_per_image: f64,
    /// Standard error of that mean over images; 0 for a single image.
    pub standard_error: f64,
    /// `nats_per_image / (C·H·W)`.
    pub nats_per_dim: f64,
    /// `nats_per_dim / ln 2`; a uniform model over 256 levels has 8.
    pub bits_per_dim: f64,
}

impl Score {
    /// From the negative log-likelihood of each image in nats.
    pub fn of(nats: &[f64], domain: &Domain) -> Self {
        let (mean, standard_error) = mean_and_error(nats);
        let nats_per_dim = mean / domain.dims() as f64;
        let bits_per_dim = nats_per_dim / std::f64::consts::LN_2;
        Self {
            images: nats.len(),
            nats_per_image: mean,
            standard_error,
            nats_per_dim,
            bits_per_dim,
        }
    }
}

/// Mean of some values, and its standard error; 0 for a single one.
pub fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = if values.len() > 1 {
        (squares / (n - 1.0) / n).sqrt()
    } else {
        0.0
    };
    (mean, error)
}

/// Negative log-likelihood of each image of `levels` `(B, C, H, W)` in nats. `model` should hold
/// detached weights: the tensor library has no way to switch gradients off.
///
/// # Errors
/// As [`Distribution::nll`].
pub fn score_images(
    model: &dyn Distribution,
    levels: &Tensor,
    condition: Option<&Tensor>,
) -> Result<Vec<f64>> {
    let nll = model.nll(levels, condition)?;
    Ok(nll.to_dtype(DType::F64)?.to_vec1()?)
}

/// Of each image of `levels` `(B, C, H, W)`, the negative log-likelihood in nats of its pixels that are
/// `wanted`, each given all that comes before it in the order of `model`. With every pixel that is not wanted
/// before every one that is, this is that of the wanted ones given the others. `wanted` is `(H, W)`, the same
/// for every image, or `(B, H, W)`.
///
/// # Errors
/// [`Error::Input`] when `wanted` is of another size, or as [`Distribution::nll`].
pub fn score_pixels(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    condition: Option<&Tensor>,
    wanted: &[bool],
) -> Result<Vec<f64>> {
    let (batch, n) = (model.domain().batch_of(levels)?, model.domain().positions());
    if ![n, batch * n].contains(&wanted.len()) {
        return Err(Error::Input {
            what: "wanted pixels",
            expected: format!("{n}, or {}", batch * n),
            got: wanted.len().to_string(),
        });
    }
    let each = nats_of_values(model, levels, condition)?;
    let masks = wanted.chunks(n).cycle();
    let sum = |(nats, mask): (Vec<f64>, &[bool])| {
        let pixels = nats.iter().zip(mask.iter().cycle());
        pixels
            .filter_map(|(nats, wanted)| wanted.then_some(nats))
            .sum()
    };
    Ok(each.into_iter().zip(masks).map(sum).collect())
}

/// Of each image of `levels` `(B, C, H, W)`, the negative log-likelihood in nats of what each step in the
/// order of `model` fixes, given all that is fixed before: B rows of one number a step. One full pass.
///
/// # Errors
/// As [`Model::conditionals`].
pub fn score_steps(
    model: &dyn Model,
    levels: &Tensor,
    condition: Option<&Tensor>,
) -> Result<Vec<Vec<f64>>> {
    let steps = model.order().steps();
    let of_step = |nats: &[f64], step| described_in(model, step).map(|i| nats[i]).sum();
    let each = nats_of_values(model, levels, condition)?;
    let of_image = |nats: Vec<f64>| (0..steps).map(|step| of_step(&nats, step)).collect();
    Ok(each.into_iter().map(of_image).collect())
}

/// Of each image, the nats of what each conditional describes: `(B, C / V · H · W)`.
fn nats_of_values(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    condition: Option<&Tensor>,
) -> Result<Vec<Vec<f64>>> {
    let conditionals = model.conditionals(levels, condition)?;
    let each = nll_of_values(model, levels, &conditionals)?; // (B, C / V, H, W)
    Ok(each.flatten_from(1)?.to_dtype(DType::F64)?.to_vec2()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uniform_model_has_log2_k_bits() {
        let domain = Domain::new(1, 28, 28, 256).unwrap();
        let score = Score::of(&[784.0 * 256f64.ln(); 3], &domain);
        assert!((score.bits_per_dim - 8.0).abs() < 1e-12 && score.standard_error < 1e-9);
        assert_eq!(Score::of(&[1.0, 3.0], &domain).standard_error, 1.0);
    }
}
