use ar_core::{ChannelGroups, Result};
use candle_core::{D, Tensor};

use super::pointwise::{Pointwise, RowBackward, by_group};

/// Root-mean-square norm over the features of one position and one channel group, with a gain:
/// x · g / sqrt(mean x² + ε). Positions and channels never mix, so nothing leaks.
#[derive(Debug, Clone)]
pub(crate) struct Norm {
    pub(crate) groups: ChannelGroups,
}

const EPSILON: f64 = 1e-6;

impl Norm {
    #[inline(always)]
    fn inverse_rms(x: &[f32]) -> f32 {
        let mean = x.iter().map(|v| v * v).sum::<f32>() / x.len() as f32;
        1.0 / (mean + EPSILON as f32).sqrt()
    }
}

impl Pointwise for Norm {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        by_group(&self.groups, |g| {
            let range = self.groups.range(g);
            let x = inputs[0].narrow(2, range.start, range.len())?;
            let gain = weights[0].narrow(0, range.start, range.len())?;
            let rms = (x.sqr()?.mean_keepdim(D::Minus1)? + EPSILON)?.sqrt()?;
            x.broadcast_div(&rms)?.broadcast_mul(&gain)
        })
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], weights: &[f32], out: &mut [f32]) {
        let range = self.groups.range(g);
        let x = &inputs[0][range.clone()];
        let r = Self::inverse_rms(x);
        for ((o, x), gain) in out[range.clone()].iter_mut().zip(x).zip(&weights[range]) {
            *o = x * r * gain;
        }
    }

    #[inline(always)]
    fn row_backward(&self, at: RowBackward<'_, '_>) {
        let RowBackward {
            inputs,
            weights,
            grad,
            input_grads,
            weight_grads,
        } = at;
        for g in 0..self.groups.count() {
            let range = self.groups.range(g);
            let (x, gain, grad) = (
                &inputs[0][range.clone()],
                &weights[range.clone()],
                &grad[range.clone()],
            );
            let r = Self::inverse_rms(x);
            // d/dx of x r(x): r g - x r³ mean(x g), with g the gradient times the gain.
            let dot: f32 = x
                .iter()
                .zip(gain)
                .zip(grad)
                .map(|((x, w), g)| x * w * g)
                .sum::<f32>()
                / x.len() as f32;
            // Slices of one length: indices into longer ones would keep the loop scalar.
            let targets = input_grads[0][range.clone()].iter_mut();
            let targets = targets.zip(&mut weight_grads[range]);
            for ((dx, dw), ((x, gain), grad)) in targets.zip(x.iter().zip(gain).zip(grad)) {
                *dx += r * gain * grad - x * r * r * r * dot;
                *dw += grad * x * r;
            }
        }
    }
}
