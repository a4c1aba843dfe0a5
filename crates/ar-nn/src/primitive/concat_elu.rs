use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::pointwise::{Pointwise, RowBackward};
use crate::Activation::Elu;
use crate::activation::elu;

/// elu(x) and then elu(-x) of each channel group (Salimans et al. 2017, arXiv:1701.05517, after Shang
/// et al. 2016, arXiv:1603.05201).
#[derive(Debug, Clone)]
pub(crate) struct ConcatElu {
    from: ChannelGroups,
    groups: ChannelGroups,
}

impl ConcatElu {
    pub(crate) fn new(from: ChannelGroups) -> Self {
        Self {
            groups: from.scaled(2),
            from,
        }
    }
}

impl Pointwise for ConcatElu {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        let mut parts = Vec::new();
        for own in (0..self.from.count()).map(|g| self.from.range(g)) {
            let x = inputs[0].narrow(2, own.start, own.len())?;
            parts.extend([x.elu(1.0)?, x.neg()?.elu(1.0)?]);
        }
        Ok(Tensor::cat(&parts, 2)?)
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        let x = &inputs[0][self.from.range(g)];
        let (plus, minus) = out[self.groups.range(g)].split_at_mut(x.len());
        for ((plus, minus), x) in plus.iter_mut().zip(minus).zip(x) {
            (*plus, *minus) = (elu(*x), elu(-x));
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
        for g in 0..self.from.count() {
            let own = self.from.range(g);
            let (plus, minus) = grad[self.groups.range(g)].split_at(own.len());
            let x = &inputs[0][own.clone()];
            let target = &mut input_grads[0][own];
            for (((t, x), plus), minus) in target.iter_mut().zip(x).zip(plus).zip(minus) {
                *t += Elu.times_derivative(*plus, *x) - Elu.times_derivative(*minus, -x);
            }
        }
    }
}
