//! Causal attention: every site reads a weighted sum of what earlier sites offer.

mod composite;
mod full;
mod step;
mod tile;

use std::sync::Arc;

use ar_core::{ChannelGroups, MaskType, Order, Result};
use candle_core::Tensor;

use super::{Backward, Primitive, Reads, Room, StepPrimitive, Training};
use crate::primitive::StepTensor;

/// softmax(q·kᵀ / √(d / heads))·v for each head (Vaswani et al. 2017, arXiv:1706.03762, section 3.2),
/// over the sites that the generation order and the mask allow; zeros where there is none. Inputs: the
/// queries `(positions, d)`, and the keys and then the values `(positions, 2·d)`.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    groups: ChannelGroups,
    heads: usize,
    mask: MaskType,
    order: Arc<Order>,
    /// By rank: what the loops over sites follow.
    positions: Arc<[u32]>,
}

impl Attention {
    /// Of a value with one channel group of d features, divisible by `heads`, in an order of one site a
    /// step.
    pub(crate) fn new(order: &Order, groups: ChannelGroups, heads: usize, mask: MaskType) -> Self {
        Self {
            groups,
            heads,
            mask,
            positions: order.sequence().into(),
            order: Arc::new(order.clone()),
        }
    }

    /// Features of a head.
    fn head_features(&self) -> usize {
        self.groups.features() / self.heads
    }

    /// What products of queries and keys are multiplied by.
    fn scale(&self) -> f32 {
        1.0 / (self.head_features() as f32).sqrt()
    }

    /// How many sites, the first of the order, the site of `rank` attends to.
    fn live(&self, rank: usize) -> usize {
        rank + usize::from(self.mask == MaskType::B)
    }
}

impl Primitive for Attention {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn reads(&self, input: usize) -> Reads<'_> {
        match input {
            0 => Reads::Here,
            _ => Reads::Earlier(&self.order, self.mask),
        }
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor], _: &Training) -> Result<Tensor> {
        self.composite_full(inputs[0], inputs[1])
    }

    fn forward(&self, inputs: &[&[f32]], _: &[f32], out: &mut [f32], room: &mut Room) {
        self.full_forward(inputs, out, &mut room.floats);
    }

    fn backward(&self, pass: Backward<'_>) {
        self.full_backward(pass);
    }

    fn composite_step(
        &self,
        sites: &[u32],
        inputs: &[&StepTensor],
        _: &StepTensor,
        _: &[Tensor],
    ) -> Result<Tensor> {
        let one = |&site: &u32| self.composite_at(site, inputs);
        Ok(Tensor::cat(
            &sites.iter().map(one).collect::<Result<Vec<_>>>()?,
            1,
        )?)
    }

    fn stepper(&self, batch: usize, _: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(step::AttentionStep::new(self, batch))
    }
}
