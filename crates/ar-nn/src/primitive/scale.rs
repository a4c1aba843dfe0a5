use std::sync::Arc;

use ar_core::elementary::ln_f64;
use ar_core::{ChannelGroups, Result};
use candle_core::{DType, Tensor};

use super::pointwise::{Pointwise, RowBackward};

/// The paper's, for its 256 levels.
const MU: f64 = 255.0;

/// Levels 0..K as numbers 0..=1: x / (K - 1). A dark background stays zero; with it at -1 training
/// was measurably slower (MNIST-like digits, 2 and 8 levels).
#[derive(Debug, Clone)]
pub(crate) struct Scale {
    groups: ChannelGroups,
    by: f64,
    /// Whether a 1 follows, which tells an image from what lies beyond its border.
    with_one: bool,
    /// What each level is, where that is -1..=1 by the logarithm of the distance from the middle.
    companded: Option<Arc<[f32]>>,
}

impl Scale {
    pub(crate) fn new(groups: ChannelGroups, levels: usize) -> Self {
        Self {
            groups,
            by: 1.0 / (levels - 1) as f64,
            with_one: false,
            companded: None,
        }
    }

    /// With x from -1 to 1, sign(x) ln(1 + 255 |x|) / ln 256: mu-law (WaveNet, arXiv:1609.03499, section 2.2).
    pub(crate) fn companded(groups: ChannelGroups, levels: usize) -> Self {
        let number = |level: usize| {
            let x = (2 * level) as f64 / (levels - 1) as f64 - 1.0;
            (ln_f64(1.0 + MU * x.abs()) / ln_f64(1.0 + MU)).copysign(x) as f32
        };
        Self {
            companded: Some((0..levels).map(number).collect()),
            ..Self::new(groups, levels)
        }
    }

    /// Of so many channels that are one group, and a 1 after them.
    pub(crate) fn with_one(channels: usize, levels: usize) -> Self {
        Self {
            with_one: true,
            ..Self::new(ChannelGroups::split(channels + 1, 1), levels)
        }
    }
}

impl Pointwise for Scale {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        // Integers up to here: few float types hold all of them.
        let scaled = (inputs[0].to_dtype(DType::F32)? * self.by)?;
        if self.companded.is_some() {
            let x = scaled.affine(2.0, -1.0)?;
            let distance = ((x.abs()? * MU)? + 1.0)?.log()?;
            return Ok(((x.sign()? * distance)? * (1.0 / (1.0 + MU).ln()))?);
        }
        if !self.with_one {
            return Ok(scaled);
        }
        let one = scaled.narrow(2, 0, 1)?.ones_like()?;
        Ok(Tensor::cat(&[&scaled, &one], 2)?)
    }

    #[inline(always)]
    fn row(&self, g: usize, inputs: &[&[f32]], _: &[f32], out: &mut [f32]) {
        let own = self.groups.range(g);
        for (o, x) in out[own.clone()].iter_mut().zip(&inputs[0][own.start..]) {
            *o = x * self.by as f32;
            if let Some(numbers) = &self.companded {
                *o = numbers[*x as usize];
            }
        }
        if self.with_one {
            out[own.end - 1] = 1.0;
        }
    }

    #[inline(always)]
    fn row_backward(&self, at: RowBackward<'_, '_>) {
        let RowBackward {
            grad, input_grads, ..
        } = at;
        // Of the linear one: levels are nobody's result, and their gradient is never asked for.
        input_grads[0]
            .iter_mut()
            .zip(grad)
            .for_each(|(o, g)| *o += g * self.by as f32);
    }
}
