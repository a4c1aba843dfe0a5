use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::pointwise::{Pointwise, RowBackward};

/// Two values side by side: of each channel group the features of the one, then those of the other.
#[derive(Debug, Clone)]
pub(crate) struct Concat {
    parts: [ChannelGroups; 2],
    groups: ChannelGroups,
}

impl Concat {
    /// Of values with as many groups each.
    pub(crate) fn new(parts: [ChannelGroups; 2]) -> Self {
        let size = |g: usize| parts[0].range(g).len() + parts[1].range(g).len();
        Self {
            groups: ChannelGroups::of_sizes((0..parts[0].count()).map(size)),
            parts,
        }
    }

    /// For group g and part i: where it lies in the part, and where it begins in the result.
    fn place(&self, g: usize, i: usize) -> (std::ops::Range<usize>, usize) {
        let before = if i == 0 {
            0
        } else {
            self.parts[0].range(g).len()
        };
        (self.parts[i].range(g), self.groups.range(g).start + before)
    }
}

impl Pointwise for Concat {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        let parts = (0..self.groups.count()).flat_map(|g| [(g, 0), (g, 1)]);
        let parts = parts.map(|(g, i)| {
            let own = self.parts[i].range(g);
            inputs[i].narrow(2, own.start, own.len())
        });
        let parts = parts.collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Tensor::cat(&parts, 2)?)
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        for (i, input) in inputs.iter().enumerate() {
            let (own, start) = self.place(g, i);
            out[start..][..own.len()].copy_from_slice(&input[own]);
        }
    }

    #[inline(always)]
    fn row_backward(&self, at: RowBackward<'_, '_>) {
        let RowBackward {
            grad, input_grads, ..
        } = at;
        for (g, i) in (0..self.groups.count()).flat_map(|g| [(g, 0), (g, 1)]) {
            let (own, start) = self.place(g, i);
            let from = &grad[start..][..own.len()];
            input_grads[i][own]
                .iter_mut()
                .zip(from)
                .for_each(|(t, g)| *t += g);
        }
    }
}
