use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::pointwise::{Pointwise, RowBackward, by_group};
use crate::activation::sigmoid_of;
use crate::kernel::{sigmoid, tanh};

/// f(a) · sigmoid(b), where each channel group of the input holds its a and then its b.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    /// Of the result; the input has twice as many features in each.
    pub(crate) groups: ChannelGroups,
    pub(crate) squash: Squash,
}

/// What a gate makes of what it lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Squash {
    /// tanh(a) (van den Oord et al. 2016, arXiv:1606.05328, equation 2).
    Tanh,
    /// a (Salimans et al. 2017, arXiv:1701.05517, after Dauphin et al. 2016, arXiv:1612.08083).
    Linear,
}

impl Gate {
    /// For group g: where the result, a and b lie.
    fn ranges(&self, g: usize) -> (std::ops::Range<usize>, usize, usize) {
        let out = self.groups.range(g);
        let (a, b) = (2 * out.start, 2 * out.start + out.len());
        (out, a, b)
    }
}

impl Pointwise for Gate {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        by_group(&self.groups, |g| {
            let (out, a, b) = self.ranges(g);
            let a = inputs[0].narrow(2, a, out.len())?;
            let a = match self.squash {
                Squash::Tanh => a.tanh()?,
                Squash::Linear => a,
            };
            a * sigmoid_of(&inputs[0].narrow(2, b, out.len())?)?
        })
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        let (range, a, b) = self.ranges(g);
        let (a, b) = (&inputs[0][a..], &inputs[0][b..]);
        let all = out[range].iter_mut().zip(a.iter().zip(b));
        match self.squash {
            Squash::Tanh => all.for_each(|(o, (a, b))| *o = tanh(*a) * sigmoid(*b)),
            Squash::Linear => all.for_each(|(o, (a, b))| *o = a * sigmoid(*b)),
        }
    }

    #[inline(always)]
    fn row_backward(&self, at: RowBackward<'_, '_>) {
        let RowBackward {
            inputs,
            grad,
            input_grads,
            ..
        } = at;
        for g in 0..self.groups.count() {
            let (range, a, _) = self.ranges(g);
            let n = range.len();
            // Slices of one length, cut once: indices into longer ones would keep the loop scalar.
            let (x, y) = inputs[0][a..][..2 * n].split_at(n);
            let (dx, dy) = input_grads[0][a..][..2 * n].split_at_mut(n);
            let targets = dx.iter_mut().zip(dy).zip(&grad[range]);
            let all = targets.zip(x.iter().zip(y));
            let squash = |x: f32| match self.squash {
                Squash::Tanh => (tanh(x), 1.0 - tanh(x) * tanh(x)),
                Squash::Linear => (x, 1.0),
            };
            for (((dx, dy), grad), (x, y)) in all {
                let (s, (t, slope)) = (sigmoid(*y), squash(*x));
                *dx += grad * slope * s;
                *dy += grad * t * s * (1.0 - s);
            }
        }
    }
}
