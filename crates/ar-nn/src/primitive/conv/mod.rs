//! The causal convolution: gather the live taps, one matrix product.

mod composite;
mod full;
mod step;

use std::sync::Arc;

use ar_core::{ChannelGroups, Dependence, Kernel, MaskType, Result, Taps};
use candle_core::{Device, Tensor};

use super::{Backward, Primitive, Reach, StepPrimitive};
use crate::Activation;
use crate::primitive::StepTensor;

/// Where the taps of a convolution lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Neighbourhood {
    /// In the image, as far as the mask and the order allow.
    Plane,
    /// In whole rows: with mask A those above, with mask B the row itself as well.
    Rows,
    /// Along the generation order, which becomes a sequence: `kernel.width` taps, of which the last
    /// is the position itself.
    Sequence,
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
    /// Deviation of the initial weights, in units of the usual one.
    pub scale: f64,
}

impl ConvConfig {
    /// `size x size` taps.
    pub fn square(size: usize, mask: MaskType, features: usize) -> Self {
        let (before, after) = (Activation::Identity, Activation::Identity);
        Self {
            kernel: Kernel::square(size),
            mask,
            neighbourhood: Neighbourhood::Plane,
            parts: 1,
            features,
            before,
            after,
            scale: 1.0,
        }
    }

    /// A 1x1 layer.
    pub fn pointwise(features: usize) -> Self {
        Self::square(1, MaskType::B, features)
    }

    /// In a vertical stack: whole rows above, and for type B the row itself, of a value that knows
    /// nothing but rows above.
    pub fn vertical(self) -> Self {
        Self {
            neighbourhood: Neighbourhood::Rows,
            ..self
        }
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

    fn in_parts(self, parts: usize) -> Self {
        Self {
            parts,
            features: parts * self.features,
            ..self
        }
    }

    /// With `activation` on the input.
    pub fn before(self, activation: Activation) -> Self {
        Self {
            before: activation,
            ..self
        }
    }

    /// With `activation` on the result.
    pub fn after(self, activation: Activation) -> Self {
        Self {
            after: activation,
            ..self
        }
    }

    /// With initial weights `by` times as large.
    pub fn scaled(self, by: f64) -> Self {
        Self { scale: by, ..self }
    }
}

/// Parameters: weight `(taps, c_in, c_out)`, bias `(c_out)`. Inputs: x, and the residual if any.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    taps: Arc<Taps>,
    mask: MaskType,
    neighbourhood: Neighbourhood,
    from: ChannelGroups,
    to: ChannelGroups,
    before: Activation,
    after: Activation,
    /// For the tensor routes, `(k, c_out)`: 1 where the weight lives, where some of it does not.
    live: Option<Tensor>,
}

impl Conv {
    /// For a `weight (taps, c_in, c_out)`, whose type and device the mask takes.
    ///
    /// # Errors
    /// When the mask cannot be made there.
    pub(crate) fn new(
        taps: Arc<Taps>,
        config: &ConvConfig,
        from: ChannelGroups,
        to: ChannelGroups,
        weight: &Tensor,
    ) -> Result<Self> {
        let mut conv = Self {
            taps,
            mask: config.mask,
            neighbourhood: config.neighbourhood,
            from,
            to,
            before: config.before,
            after: config.after,
            live: None,
        };
        if conv.has_mask() {
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

    /// Whether the gathered rows are the input itself.
    fn reads_in_place(&self) -> bool {
        self.taps.is_pointwise() && self.before == Activation::Identity
    }

    fn has_mask(&self) -> bool {
        self.to.count() > 1
            && self.taps.centre().is_some()
            && self.neighbourhood != Neighbourhood::Rows
    }
}

impl Primitive for Conv {
    fn groups(&self) -> &ChannelGroups {
        &self.to
    }

    fn by_rows(&self) -> bool {
        self.neighbourhood == Neighbourhood::Rows
    }

    fn sees_itself(&self, input: usize) -> bool {
        // A residual is read at the site itself even by type A.
        input > 0 || self.mask == MaskType::B
    }

    fn reach(&self, input: usize) -> Reach {
        match (input, self.taps.is_pointwise(), self.taps.is_shift()) {
            (1, ..) | (_, true, _) => Reach::Here,
            // What rows above contribute is computed for a whole row at once.
            (_, _, true) if self.taps.rows_above() > 0 => {
                Reach::Back(self.taps.lookback() + self.taps.width())
            }
            (_, _, true) => Reach::Back(self.taps.lookback()),
            _ => Reach::Anywhere,
        }
    }

    fn mixes_sites(&self) -> bool {
        !self.taps.is_pointwise() || self.to.count() > 1
    }

    fn mask_weights(&self, weights: &mut [f32]) {
        if let (true, Some(centre)) = (self.has_mask(), self.taps.centre()) {
            let live = self.from.mask_to(&self.to, self.mask);
            let block = &mut weights[centre * live.len()..][..live.len()];
            block
                .iter_mut()
                .zip(live)
                .filter(|(_, live)| !live)
                .for_each(|(w, _)| *w = 0.0);
        }
    }

    fn dependence(&self, inputs: &[&Dependence]) -> Dependence {
        let (x, groups) = (inputs[0], self.to.count());
        let mut all = Dependence::none(x.steps(), x.dims());
        for p in 0..self.taps.positions() {
            for (tap, &source) in self
                .taps
                .sources(p)
                .iter()
                .enumerate()
                .filter(|(_, s)| **s != Taps::NONE)
            {
                for (to, from) in (0..groups).flat_map(|to| (0..groups).map(move |from| (to, from)))
                {
                    if self.by_rows()
                        || Some(tap) != self.taps.centre()
                        || self.mask.sees_group(from, to)
                    {
                        all.union(p * groups + to, x, source as usize * groups + from);
                    }
                }
            }
        }
        if let Some(residual) = inputs.get(1) {
            (0..all.steps()).for_each(|row| all.union(row, residual, row));
        }
        all
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        self.composite_full(inputs, weights)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], scratch: &mut Vec<f32>) {
        self.full_forward(inputs, weights, out, scratch);
    }

    fn backward(&self, pass: Backward<'_>) {
        self.full_backward(pass);
    }

    fn composite_step(
        &self,
        position: usize,
        inputs: &[&StepTensor],
        _: &StepTensor,
        weights: &[Tensor],
    ) -> Result<Tensor> {
        self.composite_at(position, inputs, weights)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(step::ConvStep::new(self, batch, weights))
    }
}
