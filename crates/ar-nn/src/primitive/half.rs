use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::pointwise::{Pointwise, RowBackward, by_group};

/// The first half of each channel group: of an LSTM's states, h.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    /// Of the result; the input has twice as many features in each.
    pub(crate) groups: ChannelGroups,
}

impl Pointwise for Half {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        by_group(&self.groups, |g| {
            let own = self.groups.range(g);
            inputs[0].narrow(2, 2 * own.start, own.len())
        })
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        let own = self.groups.range(g);
        let half = &inputs[0][2 * own.start..][..own.len()];
        out[own].copy_from_slice(half);
    }

    #[inline(always)]
    fn row_backward(&self, at: RowBackward<'_, '_>) {
        let RowBackward {
            grad, input_grads, ..
        } = at;
        for own in (0..self.groups.count()).map(|g| self.groups.range(g)) {
            let target = &mut input_grads[0][2 * own.start..][..own.len()];
            target.iter_mut().zip(&grad[own]).for_each(|(t, g)| *t += g);
        }
    }
}
