use candle_core::{D, Tensor};

use super::LogisticMixture;
use super::logistic::min_log_scale;
use crate::Result;

impl LogisticMixture {
    /// Negative log-likelihood as differentiable tensor operations: `parameters (.., P)`, `levels
    /// (.., C)`, result `(..)`.
    pub(super) fn nll_of_tensors(self, parameters: &Tensor, levels: &Tensor) -> Result<Tensor> {
        let (m, last) = (self.components, parameters.rank() - 1);
        let part = |row: usize| parameters.narrow(last, row * m, m);
        let (bins, dtype) = ((self.levels - 1) as f64, parameters.dtype());
        let value = |c: usize| -> Result<(Tensor, Tensor)> {
            let level = levels.narrow(last, c, 1)?;
            let x = level.to_dtype(dtype)?.affine(2.0 / bins, -1.0)?;
            Ok((level, x)) // (.., 1)
        };
        let logits = part(0)?;
        let mut joint = logits.clone();
        let mut pair = 1 + 2 * self.channels;
        for c in 0..self.channels {
            let (level, x) = value(c)?;
            let mut mean = part(1 + 2 * c)?;
            for b in 0..c {
                let pull = part(pair)?.tanh()?.broadcast_mul(&value(b)?.1)?;
                mean = (mean + pull)?;
                pair += 1;
            }
            let log_scale = part(2 + 2 * c)?.maximum(min_log_scale(self.levels))?;
            joint = (joint + self.log_bins(&level, &x, &mean, &log_scale)?)?;
        }
        Ok((log_sum(&logits)? - log_sum(&joint)?)?)
    }

    /// The log-probability of a level under each component, `(.., M)`. With edges a > b at distance
    /// d, sigmoid(a) - sigmoid(b) = (1 - exp(-d)) sigmoid(a) sigmoid(-b), of which nothing cancels.
    fn log_bins(
        self,
        level: &Tensor,
        x: &Tensor,
        mean: &Tensor,
        log_scale: &Tensor,
    ) -> Result<Tensor> {
        let half = 1.0 / (self.levels - 1) as f64;
        let rate = log_scale.neg()?.exp()?;
        let centre = mean.neg()?.broadcast_add(x)?;
        let upper = ((&centre + half)? * &rate)?;
        let lower = ((&centre - half)? * &rate)?;
        let below = softplus(&upper.neg()?)?.neg()?; // ln sigmoid(a)
        let above = softplus(&lower)?.neg()?; // ln sigmoid(-b)
        // ln (1 - exp(-d)) = ln d + ln ((1 - exp(-d)) / d), by a series where the difference cancels.
        let d = (rate * (2.0 * half))?;
        let wide = d.maximum(0.5)?;
        let wide = ((wide.neg()?.exp()?.neg()? + 1.0)? / wide)?.log()?;
        let narrow = d.minimum(0.5)?;
        let square = narrow.sqr()?;
        let series = ((square.affine(-1.0 / 2880.0, 1.0 / 24.0)? * &square)? - (narrow * 0.5)?)?;
        let own = d.ge(0.5)?.where_cond(&wide, &series)?;
        let inner = (own - (log_scale - (2.0 * half).ln())?)?;
        let is = |edge: u32| -> Result<Tensor> {
            Ok(level
                .eq(edge)?
                .to_dtype(mean.dtype())?
                .broadcast_as(mean.shape())?)
        };
        let (lowest, highest) = (is(0)?, is(self.levels as u32 - 1)?);
        let keep = |edge: &Tensor| edge.affine(-1.0, 1.0);
        let inner = ((inner * keep(&lowest)?)? * keep(&highest)?)?;
        let below = (below * keep(&highest)?)?;
        let above = (above * keep(&lowest)?)?;
        Ok(((inner + below)? + above)?)
    }
}

/// ln (1 + exp(x)) = max(x, 0) + ln (1 + exp(-|x|)).
fn softplus(x: &Tensor) -> Result<Tensor> {
    Ok((x.relu()? + (x.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}

/// ln Σ exp over the last dimension.
fn log_sum(x: &Tensor) -> Result<Tensor> {
    let max = x.max_keepdim(D::Minus1)?.detach();
    let sum = x
        .broadcast_sub(&max)?
        .exp()?
        .sum_keepdim(D::Minus1)?
        .log()?;
    Ok((sum + max)?.squeeze(D::Minus1)?)
}
