//! The causal convolution: gather the live taps, one matrix product.

mod composite;
mod full;
mod step;

use std::sync::Arc;

use ar_core::{ChannelGroups, Dependence, Kernel, MaskType, Result, Taps};
use candle_core::{Device, Tensor};

use super::{Backward, Primitive, StepPrimitive};
use crate::Activation;
use crate::primitive::StepTensor;

/// A causal convolution with what is fused into it: `after(conv(before(x)) + bias) [+ residual]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvConfig {
    /// Its extent; 1x1 mixes the features of one position.
    pub kernel: Kernel,
    /// Whether it may see the position being predicted.
    pub mask: MaskType,
    /// Whether it reads whole rows: type A those above, type B the row itself as well.
    pub vertical: bool,
    /// Features it produces.
    pub features: usize,
    /// Whether a gate follows: each channel group then has an even number of features.
    pub gated: bool,
    /// Applied to the input.
    pub before: Activation,
    /// Applied to the result.
    pub after: Activation,
}

impl ConvConfig {
    /// `size x size` taps.
    pub fn square(size: usize, mask: MaskType, features: usize) -> Self {
        let (before, after) = (Activation::Identity, Activation::Identity);
        Self {
            kernel: Kernel::square(size),
            mask,
            vertical: false,
            gated: false,
            features,
            before,
            after,
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
            vertical: true,
            ..self
        }
    }

    /// For a gate over the two halves of each channel group; `features` is what the gate will make.
    pub fn for_gate(self) -> Self {
        Self {
            gated: true,
            features: 2 * self.features,
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
}

/// Parameters: weight `(taps, c_in, c_out)`, bias `(c_out)`. Inputs: x, and the residual if any.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    taps: Arc<Taps>,
    mask: MaskType,
    vertical: bool,
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
            vertical: config.vertical,
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
        self.to.count() > 1 && self.taps.centre().is_some() && !self.vertical
    }
}

impl Primitive for Conv {
    fn groups(&self) -> &ChannelGroups {
        &self.to
    }

    fn by_rows(&self) -> bool {
        self.vertical
    }

    fn sees_itself(&self) -> bool {
        self.mask == MaskType::B
    }

    fn is_spatial(&self) -> bool {
        !self.taps.is_pointwise()
    }

    fn mixes_sites(&self) -> bool {
        self.is_spatial() || self.to.count() > 1
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
                    if self.vertical
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
        weights: &[Tensor],
    ) -> Result<Tensor> {
        self.composite_at(position, inputs, weights)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(step::ConvStep::new(self, batch, weights))
    }
}
