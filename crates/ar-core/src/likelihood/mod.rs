//! The family of the conditionals: what a network's numbers say of the values of a pixel.

mod cumulative;
mod logistic;
mod logistic_tensors;

use candle_core::{D, DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Domain, Result};
pub use cumulative::Cumulative;
pub use logistic::LogisticMixture;

/// The family of the conditionals p(xᵢ | x₍<ᵢ₎), separate from the network that describes them.
///
/// P numbers, such as logits, describe V values of a pixel together: one value, or all its channels.
/// Given the numbers, the values are known one after the other, each by a table of K
/// log-probabilities given those before: what is drawn from, and what a coder needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Likelihood {
    /// Two levels, one number: the logit of level 1.
    Bernoulli,
    /// K levels, K logits.
    Categorical {
        /// K.
        levels: usize,
    },
    /// All channels of a pixel, by a mixture of discretized logistics.
    LogisticMixture(LogisticMixture),
}

impl Likelihood {
    /// The usual choice for a domain: Bernoulli for two levels, categorical for more.
    pub fn for_domain(domain: &Domain) -> Self {
        match domain.levels {
            2 => Self::Bernoulli,
            levels => Self::Categorical { levels },
        }
    }

    /// All channels of a pixel, by a mixture of so many discretized logistics.
    pub fn logistic_mixture(domain: &Domain, components: usize) -> Self {
        Self::LogisticMixture(LogisticMixture {
            components,
            channels: domain.channels,
            levels: domain.levels,
        })
    }

    /// Numbers P that describe V values.
    pub fn parameters(self) -> usize {
        match self {
            Self::Bernoulli => 1,
            Self::Categorical { levels } => levels,
            Self::LogisticMixture(mixture) => mixture.parameters(),
        }
    }

    /// Values V of a pixel that P numbers describe together.
    pub fn values(self) -> usize {
        match self {
            Self::Bernoulli | Self::Categorical { .. } => 1,
            Self::LogisticMixture(mixture) => mixture.channels,
        }
    }

    /// Levels K of each value.
    pub fn levels(self) -> usize {
        match self {
            Self::Bernoulli => 2,
            Self::Categorical { levels } => levels,
            Self::LogisticMixture(mixture) => mixture.levels,
        }
    }

    /// Writes K logits, up to a constant, of the value after `before`: `parameters` describe it and
    /// those values of the same pixel, which are fewer than V.
    pub fn logits_into(self, parameters: &[f32], before: &[u32], logits: &mut Vec<f32>) {
        logits.clear();
        match self {
            Self::Bernoulli => logits.extend([0.0, parameters[0]]),
            Self::Categorical { .. } => logits.extend_from_slice(parameters),
            Self::LogisticMixture(mixture) => mixture.logits_into(parameters, before, logits),
        }
    }

    /// Natural-log probability of each level of the value after `before`, summing to one in f64: the
    /// table a coder needs.
    pub fn log_probabilities(self, parameters: &[f32], before: &[u32]) -> Vec<f64> {
        let mut logits = Vec::new();
        self.logits_into(parameters, before, &mut logits);
        let normaliser = log_sum(&logits);
        logits.iter().map(|&l| f64::from(l) - normaliser).collect()
    }

    /// Negative log-likelihood in nats of the V values that `parameters` describe.
    pub fn nats(self, parameters: &[f32], levels: &[u32]) -> f64 {
        match self {
            Self::LogisticMixture(mixture) => mixture.nll(&mut parameters.to_vec(), levels, None),
            Self::Bernoulli => {
                let logit = parameters[0];
                log_sum(&[0.0, logit]) - f64::from(logit) * f64::from(levels[0])
            }
            Self::Categorical { .. } => {
                log_sum(parameters) - f64::from(parameters[levels[0] as usize])
            }
        }
    }

    /// Negative log-likelihood in nats of V values at a time: `parameters` is `(.., P)`, `levels`
    /// `(.., V)` of type `u32`; the result `(..)`. Built from differentiable operations, in the
    /// stable forms (softplus, log-sum-exp).
    ///
    /// # Errors
    /// A tensor error when the shapes do not fit.
    pub fn nll(self, parameters: &Tensor, levels: &Tensor) -> Result<Tensor> {
        match self {
            Self::Bernoulli => {
                let logit = parameters.squeeze(D::Minus1)?;
                let x = levels.squeeze(D::Minus1)?.to_dtype(parameters.dtype())?;
                // softplus(l) - x l, with softplus(l) = relu(l) + ln(1 + e^-|l|)
                let softplus = (logit.relu()? + ((logit.abs()?.neg()?.exp()? + 1.0)?.log()?))?;
                Ok((softplus - (x * logit)?)?)
            }
            Self::Categorical { .. } => {
                let max = parameters.max_keepdim(D::Minus1)?.detach();
                let shifted = parameters.broadcast_sub(&max)?;
                let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
                let index = levels.to_dtype(DType::U32)?.contiguous()?;
                let own = shifted.contiguous()?.gather(&index, D::Minus1)?;
                Ok((log_sum - own)?.squeeze(D::Minus1)?)
            }
            Self::LogisticMixture(mixture) => mixture.nll_of_tensors(parameters, levels),
        }
    }
}

fn largest(values: &[f32]) -> f32 {
    values.iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b))
}

/// ln Σ exp, in f64.
pub(crate) fn log_sum(logits: &[f32]) -> f64 {
    let max = f64::from(logits.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    max + logits
        .iter()
        .map(|&l| (f64::from(l) - max).exp())
        .sum::<f64>()
        .ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn tables_sum_to_one_and_agree_with_the_tensors() {
        let logits = [1.5f32, -30.0, 80.0, 3.0];
        let cases = [
            (Likelihood::Categorical { levels: 4 }, &logits[..]),
            (Likelihood::Bernoulli, &logits[2..3]),
        ];
        for (likelihood, conditional) in cases {
            let table = likelihood.log_probabilities(conditional, &[]);
            assert!((table.iter().map(|l| l.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
            let p = Tensor::from_slice(conditional, (1, conditional.len()), &Device::Cpu).unwrap();
            for (level, expected) in table.iter().enumerate() {
                let x = Tensor::from_slice(&[level as u32], (1, 1), &Device::Cpu).unwrap();
                let nll = likelihood.nll(&p, &x).unwrap().to_vec1::<f32>().unwrap()[0];
                assert!(
                    (f64::from(nll) + expected).abs() < 1e-4,
                    "{likelihood:?} {level}: {nll} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_pixel_of_three_channels_has_tables_tensors_and_slices_that_agree() {
        let mixture = LogisticMixture {
            components: 4,
            channels: 3,
            levels: 7,
        };
        let likelihood = Likelihood::LogisticMixture(mixture);
        let wave = |i: usize| (i as f32 * 0.71).sin() * 2.0;
        let parameters: Vec<f32> = (0..2 * mixture.parameters()).map(wave).collect();
        let levels = [0u32, 6, 3, 5, 0, 1];
        let p = Tensor::from_slice(&parameters, (2, mixture.parameters()), &Device::Cpu).unwrap();
        let x = Tensor::from_slice(&levels, (2, 3), &Device::Cpu).unwrap();
        let p = candle_core::Var::from_tensor(&p).unwrap();
        let nll = likelihood.nll(&p, &x).unwrap();
        let gradient = nll.sum_all().unwrap().backward().unwrap();
        let gradient = gradient.get(&p).unwrap().flatten_all().unwrap();
        let (nll, gradient) = (
            nll.to_vec1::<f32>().unwrap(),
            gradient.to_vec1::<f32>().unwrap(),
        );
        for (i, levels) in levels.chunks(3).enumerate() {
            let own = &parameters[i * mixture.parameters()..][..mixture.parameters()];
            let chain: f64 = (0..3)
                .map(|c| likelihood.log_probabilities(own, &levels[..c])[levels[c] as usize])
                .sum();
            assert!((chain + f64::from(nll[i])).abs() < 1e-4, "{chain} {nll:?}");
        }
        let mut slices = parameters.clone();
        let sum = mixture.nll(&mut slices, &levels, Some(1.0));
        assert!((sum - f64::from(nll.iter().sum::<f32>())).abs() < 1e-4);
        for (a, b) in slices.iter().zip(gradient) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
    }
}
