//! Checks that go through every image of a tiny domain.

use candle_core::Tensor;

use super::{Verdict, text};
use crate::random::stream;
use crate::{Distribution, SampleOptions, sample};

/// The one condition under which a distribution is enumerated, for `count` images.
fn repeated_condition(model: &dyn Distribution, count: usize) -> Result<Option<Tensor>, String> {
    let mut rng = stream(8, "harness", &[]);
    let one = model
        .conditioning()
        .random(1, &model.domain(), &mut rng, model.device());
    let one = one.map_err(text)?;
    one.map(|c| Tensor::cat(&vec![c; count], 0))
        .transpose()
        .map_err(text)
}

/// 4: exp(log p) over every image of the domain sums to one. Returns the probabilities, indexed by
/// the image read as a number in base K, first value lowest.
///
/// # Errors
/// Says what the sum is.
pub fn normalised(model: &dyn Distribution) -> Result<Vec<f64>, String> {
    let d = model.domain();
    let images = d
        .levels
        .checked_pow(d.dims() as u32)
        .filter(|&n| n <= 100_000);
    let images = images.ok_or("the domain is too large to enumerate")?;
    let mut probabilities = Vec::with_capacity(images);
    for first in (0..images).step_by(1024) {
        let some = first..images.min(first + 1024);
        let levels: Vec<u32> = some
            .clone()
            .flat_map(|i| {
                (0..d.dims()).map(move |j| (i / d.levels.pow(j as u32) % d.levels) as u32)
            })
            .collect();
        let x = Tensor::from_vec(
            levels,
            (some.len(), d.channels, d.height, d.width),
            model.device(),
        )
        .map_err(text)?;
        probabilities.extend(
            crate::score_images(model, &x, repeated_condition(model, some.len())?.as_ref())
                .map_err(text)?
                .into_iter()
                .map(|nats| (-nats).exp()),
        );
    }
    let sum: f64 = probabilities.iter().sum();
    if (sum - 1.0).abs() > 1e-4 {
        Err(format!("probabilities sum to {sum}"))
    } else {
        Ok(probabilities)
    }
}

/// 5: 20,000 draws against the enumerated probabilities, by a chi-square statistic over the images
/// that are expected at least five times (the others together in one cell).
///
/// # Errors
/// Says how far off the statistic is.
pub fn samples_follow(model: &dyn Distribution, probabilities: &[f64]) -> Verdict {
    const DRAWS: usize = 20_000;
    let d = model.domain();
    let options = SampleOptions {
        count: DRAWS,
        seed: 11,
        chunk: 500,
        condition: repeated_condition(model, DRAWS)?,
        ..Default::default()
    };
    let drawn = sample(model, &options, &|_, _| true).map_err(text)?;
    let mut counts = vec![0f64; probabilities.len()];
    for image in drawn.levels.chunks(d.dims()) {
        counts[image
            .iter()
            .rev()
            .fold(0, |i, &v| i * d.levels + v as usize)] += 1.0;
    }
    let (mut chi2, mut cells, mut rest) = (0.0, 0.0, (0.0, 0.0));
    for (&n, expected) in counts
        .iter()
        .zip(probabilities.iter().map(|p| p * DRAWS as f64))
    {
        if expected >= 5.0 {
            chi2 += (n - expected).powi(2) / expected;
            cells += 1.0;
        } else {
            rest = (rest.0 + n, rest.1 + expected);
        }
    }
    if rest.1 >= 5.0 {
        chi2 += (rest.0 - rest.1).powi(2) / rest.1;
        cells += 1.0;
    }
    // Mean df, variance 2 df; five deviations is beyond chance for a fixed seed.
    let df: f64 = (cells - 1.0f64).max(1.0);
    let deviations = (chi2 - df) / (2.0 * df).sqrt();
    if deviations > 5.0 {
        Err(format!(
            "samples are {deviations:.1} deviations from the probabilities"
        ))
    } else {
        Ok(())
    }
}
