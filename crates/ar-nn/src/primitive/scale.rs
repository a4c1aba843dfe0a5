use ar_core::{ChannelGroups, Result};
use candle_core::{DType, Tensor};

use super::pointwise::Pointwise;

/// Levels 0..K as numbers 0..=1: x / (K - 1). A dark background stays zero; with it at -1 training
/// was measurably slower (MNIST-like digits, 2 and 8 levels).
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    groups: ChannelGroups,
    by: f64,
}

impl Scale {
    pub(crate) fn new(groups: ChannelGroups, levels: usize) -> Self {
        Self {
            groups,
            by: 1.0 / (levels - 1) as f64,
        }
    }
}

impl Pointwise for Scale {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        // Integers up to here: few float types hold all of them.
        Ok((inputs[0].to_dtype(DType::F32)? * self.by)?)
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        for i in self.groups.range(g) {
            out[i] = inputs[0][i] * self.by as f32;
        }
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
        input_grads[0]
            .iter_mut()
            .zip(grad)
            .for_each(|(o, g)| *o += g * self.by as f32);
    }
}
