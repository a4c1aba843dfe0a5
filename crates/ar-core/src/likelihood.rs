use candle_core::{D, DType, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Domain, Result};

/// The family of each conditional p(xᵢ | x₍<ᵢ₎), separate from the network that
/// describes it by P numbers, such as logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Likelihood {
    /// Two levels, one number: the logit of level 1.
    Bernoulli,
    /// K levels, K logits.
    Categorical {
        /// K.
        levels: usize,
    },
}

impl Likelihood {
    /// The usual choice for a domain: Bernoulli for two levels, categorical for more.
    pub fn for_domain(domain: &Domain) -> Self {
        match domain.levels {
            2 => Self::Bernoulli,
            levels => Self::Categorical { levels },
        }
    }

    /// Numbers P that describe the conditional of one value.
    pub fn conditional_size(self) -> usize {
        match self {
            Self::Bernoulli => 1,
            Self::Categorical { levels } => levels,
        }
    }

    /// Levels K of each value.
    pub fn levels(self) -> usize {
        match self {
            Self::Bernoulli => 2,
            Self::Categorical { levels } => levels,
        }
    }

    /// Writes the K logits that `conditional` describes, up to a constant.
    pub fn logits_into(self, conditional: &[f32], logits: &mut Vec<f32>) {
        logits.clear();
        match self {
            Self::Bernoulli => logits.extend([0.0, conditional[0]]),
            Self::Categorical { .. } => logits.extend_from_slice(conditional),
        }
    }

    /// Natural-log probability of each level, summing to one in f64: the table a coder needs.
    pub fn log_probabilities(self, conditional: &[f32]) -> Vec<f64> {
        let mut logits = Vec::new();
        self.logits_into(conditional, &mut logits);
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max) as f64;
        let log_sum = max
            + logits
                .iter()
                .map(|&l| (l as f64 - max).exp())
                .sum::<f64>()
                .ln();
        logits.iter().map(|&l| l as f64 - log_sum).collect()
    }

    /// Negative log-likelihood of each value in nats. `conditionals` is `(.., P)`, `levels` `(..)` of
    /// type `u32`; the result has the shape of `levels`. Built from differentiable operations, in
    /// the stable forms (softplus, log-sum-exp).
    ///
    /// # Errors
    /// A tensor error when the shapes do not fit.
    pub fn nll(self, conditionals: &Tensor, levels: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Bernoulli => {
                let logit = conditionals.squeeze(D::Minus1)?;
                let x = levels.to_dtype(conditionals.dtype())?;
                // softplus(l) - x l, with softplus(l) = relu(l) + ln(1 + e^-|l|)
                let softplus = (logit.relu()? + ((logit.abs()?.neg()?.exp()? + 1.0)?.log()?))?;
                (softplus - (x * logit)?)?
            }
            Self::Categorical { .. } => {
                let max = conditionals.max_keepdim(D::Minus1)?.detach();
                let shifted = conditionals.broadcast_sub(&max)?;
                let log_sum = shifted.exp()?.sum_keepdim(D::Minus1)?.log()?;
                let index = levels
                    .to_dtype(DType::U32)?
                    .unsqueeze(D::Minus1)?
                    .contiguous()?;
                let own = shifted.contiguous()?.gather(&index, D::Minus1)?;
                (log_sum - own)?.squeeze(D::Minus1)?
            }
        })
    }
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
            let table = likelihood.log_probabilities(conditional);
            assert!((table.iter().map(|l| l.exp()).sum::<f64>() - 1.0).abs() < 1e-12);
            let p = Tensor::from_slice(conditional, (1, conditional.len()), &Device::Cpu).unwrap();
            for (level, expected) in table.iter().enumerate() {
                let x = Tensor::from_slice(&[level as u32], 1, &Device::Cpu).unwrap();
                let nll = likelihood.nll(&p, &x).unwrap().to_vec1::<f32>().unwrap()[0];
                assert!(
                    (f64::from(nll) + expected).abs() < 1e-4,
                    "{likelihood:?} {level}: {nll} {expected}"
                );
            }
        }
    }
}
