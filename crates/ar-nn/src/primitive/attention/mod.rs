//! Causal attention: every site reads a weighted sum of what earlier sites offer.

mod composite;
mod full;
mod step;
mod tile;

use std::sync::Arc;

use ar_core::{ChannelGroups, Dependence, MaskType, Order, Result};
use candle_core::Tensor;

use super::{Backward, Primitive, Reach, StepPrimitive};
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
    /// Of a value with one channel group of d features, divisible by `heads`.
    pub(crate) fn new(order: &Order, groups: ChannelGroups, heads: usize, mask: MaskType) -> Self {
        let positions = (0..order.positions()).map(|r| order.position(r) as u32);
        Self {
            groups,
            heads,
            mask,
            positions: positions.collect(),
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

    fn sees_itself(&self, input: usize) -> bool {
        input == 0 || self.mask == MaskType::B
    }

    fn reach(&self, input: usize) -> Reach {
        match input {
            0 => Reach::Here,
            _ => Reach::Anywhere,
        }
    }

    fn dependence(&self, inputs: &[&Dependence]) -> Dependence {
        let mut all = inputs[0].clone();
        let mut earlier = Dependence::none(1, all.dims());
        let mut seen = 0;
        for (rank, &p) in self.positions.iter().enumerate() {
            for &source in &self.positions[seen..self.live(rank)] {
                earlier.union(0, inputs[1], source as usize);
            }
            seen = self.live(rank);
            all.union(p as usize, &earlier, 0);
        }
        all
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor]) -> Result<Tensor> {
        self.composite_full(inputs[0], inputs[1])
    }

    fn forward(&self, inputs: &[&[f32]], _: &[f32], out: &mut [f32], scratch: &mut Vec<f32>) {
        self.full_forward(inputs, out, scratch);
    }

    fn backward(&self, pass: Backward<'_>) {
        self.full_backward(pass);
    }

    fn composite_step(
        &self,
        position: usize,
        inputs: &[&StepTensor],
        _: &StepTensor,
        _: &[Tensor],
    ) -> Result<Tensor> {
        self.composite_at(position, inputs)
    }

    fn stepper(&self, batch: usize, _: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(step::AttentionStep::new(self, batch))
    }
}
