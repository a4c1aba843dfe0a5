//! The causal convolution: gather the live taps, one matrix product.

mod composite;
mod full;
mod step;
mod weight_norm;

use std::sync::Arc;

use ar_core::{ChannelGroups, Kernel, MaskType, Result, Stride, Taps};
use candle_core::{Device, Tensor};

use super::Centre;
use crate::Activation;

/// Where the taps of a convolution lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbourhood {
    /// In the image, as far as the mask and the order allow.
    Plane,
    /// In whole lines of the order, rows of a raster: with mask A those before, with mask B the line
    /// itself as well.
    Rows,
    /// Along the generation order, which becomes a sequence: `kernel.width` taps, of which the last
    /// is the position itself.
    Sequence,
    /// At these offsets, whatever the order; the kernel and the mask have no say. It is for values
    /// that are known in time, such as a stream that is a row late; otherwise the network is refused.
    Window {
        /// First and last row.
        rows: [isize; 2],
        /// First and last column.
        columns: [isize; 2],
        /// How the result's grid lies over the input's.
        stride: Stride,
    },
}

/// A causal convolution with what is fused into it: `after(conv(before(x)) + bias) [+ residual]`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConvConfig {
    /// Its extent; 1x1 mixes the features of one position.
    pub kernel: Kernel,
    /// Whether it may see the position being predicted.
    pub mask: MaskType,
    /// Where its taps lie.
    pub neighbourhood: Neighbourhood,
    /// Features it produces.
    pub features: usize,
    /// Into how many parts of equal size the features of each channel group fall: the halves that a
    /// gate reads, the gates of a recurrence.
    pub parts: usize,
    /// Applied to the input.
    pub before: Activation,
    /// Applied to the result.
    pub after: Activation,
    /// Deviation of the initial weights, in units of the usual one; with `weight_norm`, of what comes
    /// out of calibration.
    pub scale: f64,
    /// Whether the weight is a direction `weight` and a length `gain` for each feature (Salimans, Kingma
    /// 2016, arXiv:1602.07868).
    pub weight_norm: bool,
}

impl ConvConfig {
    /// A convolution at `rows` and `columns` around a site, whatever the order.
    pub fn window(rows: [isize; 2], columns: [isize; 2], features: usize) -> Self {
        Self {
            neighbourhood: Neighbourhood::Window {
                rows,
                columns,
                stride: Stride::One,
            },
            ..Self::pointwise(features)
        }
    }

    /// A window whose result lies on another grid.
    pub fn strided(mut self, by: Stride) -> Self {
        if let Neighbourhood::Window { stride, .. } = &mut self.neighbourhood {
            *stride = by;
        }
        self
    }

    /// With a weight of a direction and a length for each feature.
    pub fn weight_normalised(mut self) -> Self {
        self.weight_norm = true;
        self
    }

    /// `size x size` taps.
    pub fn square(size: usize, mask: MaskType, features: usize) -> Self {
        Self {
            kernel: Kernel::square(size),
            mask,
            neighbourhood: Neighbourhood::Plane,
            parts: 1,
            features,
            before: Activation::Identity,
            after: Activation::Identity,
            scale: 1.0,
            weight_norm: false,
        }
    }

    /// A 1x1 layer.
    pub fn pointwise(features: usize) -> Self {
        Self::square(1, MaskType::B, features)
    }

    /// In a vertical stack: whole lines before, rows above in a raster, and for type B the line itself,
    /// of a value that knows nothing but lines before.
    pub fn vertical(mut self) -> Self {
        self.neighbourhood = Neighbourhood::Rows;
        self
    }

    /// `size` taps along the generation order, `dilation` apart.
    pub fn sequence(size: usize, dilation: usize, mask: MaskType, features: usize) -> Self {
        let kernel = Kernel {
            height: 1,
            width: size,
            dilation,
        };
        Self {
            kernel,
            neighbourhood: Neighbourhood::Sequence,
            ..Self::square(1, mask, features)
        }
    }

    /// For a gate over the two halves of each channel group; `features` is what the gate will make.
    pub fn for_gate(self) -> Self {
        self.in_parts(2)
    }

    /// For the four gates of an LSTM in each channel group; `features` is what it will make.
    pub fn for_lstm(self) -> Self {
        self.in_parts(4)
    }

    /// For the three gates of a GRU in each channel group; `features` is what it will make.
    pub fn for_gru(self) -> Self {
        self.in_parts(3)
    }

    fn in_parts(mut self, parts: usize) -> Self {
        (self.parts, self.features) = (parts, parts * self.features);
        self
    }

    /// With `activation` on the input.
    pub fn before(mut self, activation: Activation) -> Self {
        self.before = activation;
        self
    }

    /// With `activation` on the result.
    pub fn after(mut self, activation: Activation) -> Self {
        self.after = activation;
        self
    }

    /// With initial weights `by` times as large.
    pub fn scaled(self, by: f64) -> Self {
        Self { scale: by, ..self }
    }
}

/// Parameters: weight `(taps, c_in, c_out)`, with weight norm gain `(c_out)`, bias `(c_out)`. Prepared:
/// the weight it multiplies by, and the bias. Inputs: x, and the residual if any.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    taps: Arc<Taps>,
    /// Sites of the input.
    sites: usize,
    centre: Centre,
    from: ChannelGroups,
    to: ChannelGroups,
    before: Activation,
    after: Activation,
    weight_norm: bool,
    /// Deviation of what comes out of calibration.
    scale: f64,
    /// For the tensor routes, `(k, c_out)`: 1 where the weight lives, where some of it does not.
    live: Option<Tensor>,
}

impl Conv {
    /// Over an input of so many sites. The mask takes type and device of `weight`.
    ///
    /// # Errors
    /// When the mask cannot be made there.
    pub(crate) fn new(
        (taps, centre): (Taps, Centre),
        sites: usize,
        config: &ConvConfig,
        [from, to]: [ChannelGroups; 2],
        weight: &Tensor,
    ) -> Result<Self> {
        let mut conv = Self {
            taps: Arc::new(taps),
            sites,
            centre,
            from,
            to,
            before: config.before,
            after: config.after,
            weight_norm: config.weight_norm,
            scale: config.scale,
            live: None,
        };
        if conv.mask().is_some() {
            let mut live = vec![1f32; conv.k() * conv.c_out()];
            conv.mask_weights(&mut live);
            let live = Tensor::from_vec(live, (conv.k(), conv.c_out()), &Device::Cpu)?;
            conv.live = Some(live.to_dtype(weight.dtype())?.to_device(weight.device())?);
        }
        Ok(conv)
    }

    fn c_in(&self) -> usize {
        self.from.features()
    }

    fn c_out(&self) -> usize {
        self.to.features()
    }

    /// Inputs of the product: taps · c_in.
    fn k(&self) -> usize {
        self.taps.count() * self.c_in()
    }

    /// Sites of the result.
    fn sites_out(&self) -> usize {
        self.taps.grid().sites()
    }

    /// Whether the gathered rows are the input itself.
    fn reads_in_place(&self) -> bool {
        self.taps.is_pointwise() && self.before == Activation::Identity
    }

    /// The mask of the weight of the centre tap, and which tap that is, where some of it is dead.
    fn mask(&self) -> Option<(MaskType, usize)> {
        match (self.centre, self.taps.centre()) {
            (Centre::Masked(mask), Some(centre)) if self.to.count() > 1 => Some((mask, centre)),
            _ => None,
        }
    }

    /// Zeroes the weights that no site may use.
    fn mask_weights(&self, weights: &mut [f32]) {
        if let Some((mask, centre)) = self.mask() {
            let live = self.from.mask_to(&self.to, mask);
            let block = &mut weights[centre * live.len()..][..live.len()];
            let dead = block.iter_mut().zip(live).filter(|(_, live)| !live);
            dead.for_each(|(w, _)| *w = 0.0);
        }
    }
}
