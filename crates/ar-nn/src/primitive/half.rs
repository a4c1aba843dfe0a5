use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::pointwise::Pointwise;

/// The first half of each channel group: of an LSTM's states, h.
#[derive(Debug, Clone)]
pub(crate) struct Half {
    groups: ChannelGroups,
}

impl Half {
    /// `groups` of the result; the input has twice as many features in each.
    pub(crate) fn new(groups: ChannelGroups) -> Self {
        Self { groups }
    }
}

impl Pointwise for Half {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        let halves: Vec<Tensor> = (0..self.groups.count())
            .map(|g| self.groups.range(g))
            .map(|own| inputs[0].narrow(2, 2 * own.start, own.len()))
            .collect::<candle_core::Result<_>>()?;
        Ok(Tensor::cat(&halves, 2)?)
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        let own = self.groups.range(g);
        let half = &inputs[0][2 * own.start..][..own.len()];
        out[own].copy_from_slice(half);
    }

    #[inline(always)]
    fn row_backward(
        &self,
        _: &[&[f32]],
        _: &[f32],
        grad: &[f32],
        input_grads: &mut [&mut [f32]],
        _: &mut [f32],
    ) {
        for own in (0..self.groups.count()).map(|g| self.groups.range(g)) {
            let target = &mut input_grads[0][2 * own.start..][..own.len()];
            target.iter_mut().zip(&grad[own]).for_each(|(t, g)| *t += g);
        }
    }
}
