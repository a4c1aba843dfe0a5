use ar_core::{ChannelGroups, Result};
use candle_core::{DType, Tensor};

use super::pointwise::{Pointwise, RowBackward, by_group};

/// A learned vector for each level of each channel; the features of a group are those of its channel
/// (of the sum of its channels, when channels are drawn together). The table is `(channels, levels,
/// features)`; group g of channel c's rows is used.
#[derive(Debug, Clone)]
pub(crate) struct Embedding {
    /// Of the levels.
    pub(crate) from: ChannelGroups,
    pub(crate) groups: ChannelGroups,
    pub(crate) levels: usize,
}

impl Embedding {
    fn table_row(&self, channel: usize, level: f32) -> usize {
        (channel * self.levels + level as usize) * self.groups.features()
    }
}

impl Pointwise for Embedding {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        let (b, n, _) = inputs[0].dims3()?;
        by_group(&self.groups, |g| {
            let (channels, range) = (self.from.range(g), self.groups.range(g));
            let of_channel = |channel: usize| -> candle_core::Result<Tensor> {
                let ids = inputs[0].narrow(2, channel, 1)?.flatten_all()?;
                let table = weights[0].get(channel)?;
                let table = table.narrow(1, range.start, range.len())?.contiguous()?;
                let rows = table.index_select(&ids.to_dtype(DType::U32)?, 0)?;
                rows.reshape((b, n, range.len()))
            };
            let first = of_channel(channels.start)?;
            (channels.start + 1..channels.end).try_fold(first, |sum, c| sum + of_channel(c)?)
        })
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], weights: &[f32], out: &mut [f32]) {
        let range = self.groups.range(g);
        out[range.clone()].fill(0.0);
        for channel in self.from.range(g) {
            let table = &weights[self.table_row(channel, inputs[0][channel])..];
            out[range.clone()]
                .iter_mut()
                .zip(&table[range.clone()])
                .for_each(|(o, w)| *o += w);
        }
    }

    #[inline(always)]
    fn row_backward(&self, at: RowBackward<'_, '_>) {
        let RowBackward {
            inputs,
            grad,
            weight_grads,
            ..
        } = at;
        for g in 0..self.groups.count() {
            let range = self.groups.range(g);
            for channel in self.from.range(g) {
                let at = self.table_row(channel, inputs[0][channel]);
                let table = &mut weight_grads[at..][range.clone()];
                table
                    .iter_mut()
                    .zip(&grad[range.clone()])
                    .for_each(|(o, g)| *o += g);
            }
        }
    }
}
