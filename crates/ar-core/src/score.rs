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

/// How astonished `model` is at each pixel of each image of `levels` `(B, C, H, W)`: B images of H·W negative
/// log-likelihoods in nats, summed over channels, each value given all that comes before it in the order of
/// the model. Over all pixels they sum to what [`score_images`] gives. It is the surprise of one order: an
/// average over several is one of whole images, and no pixel has a share in it.
///
/// # Errors
/// As [`Distribution::nll`].
pub fn surprise(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    condition: Option<&Tensor>,
) -> Result<Vec<Vec<f64>>> {
    let mut all = nats_of_values(model, levels, condition)?;
    let n = model.domain().positions();
    for image in &mut all {
        // Not every device adds in f64.
        for c in 1..image.len() / n {
            for p in 0..n {
                image[p] += image[c * n + p];
            }
        }
        image.truncate(n);
    }
    Ok(all)
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
    let sum = |(nats, mask): (Vec<f64>, &[bool])| {
        let pixels = nats.iter().zip(mask);
        let wanted = pixels.filter_map(|(nats, wanted)| wanted.then_some(nats));
        // A sum of nothing would be -0.
        wanted.fold(0.0, |sum, nats| sum + nats)
    };
    let each = surprise(model, levels, condition)?;
    Ok(each
        .into_iter()
        .zip(wanted.chunks(n).cycle())
        .map(sum)
        .collect())
}

/// How well a score tells two sets apart: the probability that a random one of `positives` has a higher score
/// than a random one of `negatives`, which is the area under the receiver operating characteristic. Equal
/// scores count half, so 0.5 is chance, and below it the positives are the lower ones. None where a set is
/// empty or a score is no number.
pub fn auroc(negatives: &[f64], positives: &[f64]) -> Option<f64> {
    let all = || negatives.iter().chain(positives);
    if negatives.is_empty() || positives.is_empty() || all().any(|score| score.is_nan()) {
        return None;
    }
    let mut sorted = negatives.to_vec();
    sorted.sort_by(f64::total_cmp);
    let higher = |score: &f64| {
        let below = sorted.partition_point(|other| other < score);
        let not_above = sorted.partition_point(|other| other <= score);
        (below + not_above) as f64 / 2.0
    };
    let pairs = (negatives.len() * positives.len()) as f64;
    Some(positives.iter().map(higher).sum::<f64>() / pairs)
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
    model.domain().batch_of(levels)?;
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

    #[test]
    fn the_area_is_the_share_of_pairs_in_the_right_order() {
        let lower = [1.0, 2.0, 3.0];
        assert_eq!(auroc(&lower, &[4.0, 5.0]), Some(1.0));
        assert_eq!(auroc(&lower, &[0.0, -1.0]), Some(0.0));
        assert_eq!(auroc(&lower, &lower), Some(0.5));
        // Above one and level with one, of three; above all.
        assert_eq!(auroc(&lower, &[2.0, 9.0]), Some((1.5 + 3.0) / 6.0));
        assert_eq!(auroc(&[0.0, -0.0], &[-0.0]), Some(0.5));
        assert_eq!(auroc(&[f64::INFINITY], &[f64::INFINITY]), Some(0.5));
        for (negatives, positives) in [(&[][..], &[1.0][..]), (&[1.0], &[]), (&[1.0], &[f64::NAN])]
        {
            assert_eq!(auroc(negatives, positives), None);
        }
    }
}
