use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::pointwise::{Pointwise, RowBackward};

/// The sum of two values of the same width.
#[derive(Debug, Clone)]
pub(crate) struct Add {
    pub(crate) groups: ChannelGroups,
}

impl Pointwise for Add {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        Ok((inputs[0] + inputs[1])?)
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        for i in self.groups.range(g) {
            out[i] = inputs[0][i] + inputs[1][i];
        }
    }

    #[inline(always)]
    fn row_backward(&self, at: RowBackward<'_, '_>) {
        let RowBackward {
            grad, input_grads, ..
        } = at;
        for target in input_grads {
            target.iter_mut().zip(grad).for_each(|(o, g)| *o += g);
        }
    }
}
