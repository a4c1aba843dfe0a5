//! Causal attention: every site reads a weighted sum of what earlier sites offer.

mod composite;
mod full;
mod reach;
mod step;
mod tile;

use std::sync::Arc;

use ar_core::{ChannelGroups, MaskType, Order, Result};
use candle_core::Tensor;

pub use reach::Reach;
pub(crate) use reach::{Block, Memory};

use super::{Backward, Primitive, Reads, Room, StepPrimitive, Training};
use crate::primitive::StepTensor;

/// How sites attend to earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttentionConfig {
    /// Heads; they divide the features of the queries, and of the values.
    pub heads: usize,
    /// Whether a site reads what it offers itself (B).
    pub mask: MaskType,
    /// How far back.
    pub reach: Reach,
}

/// softmax(q·kᵀ / √(d / heads))·v for each head (Vaswani et al. 2017, arXiv:1706.03762, section 3.2),
/// over the sites that the generation order, the reach and the mask allow; zeros where there is none.
/// Inputs: the queries `(positions, d)`, and the keys and then the values `(positions, d + v)`.
#[derive(Debug, Clone)]
pub(crate) struct Attention {
    /// Of the values, v features.
    groups: ChannelGroups,
    /// Features of a query, d.
    queries: usize,
    heads: usize,
    memory: Arc<Memory>,
}

impl Attention {
    /// Of one channel group, both widths divisible by the heads, in an order of one site a step.
    ///
    /// # Errors
    /// When the reach lists too many sites.
    pub(crate) fn new(
        order: &Order,
        queries: usize,
        groups: ChannelGroups,
        config: AttentionConfig,
    ) -> Result<Self> {
        Ok(Self {
            groups,
            queries,
            heads: config.heads,
            memory: Arc::new(Memory::new(order, config.reach, config.mask)?),
        })
    }

    /// Features of a head: of its keys, of its values.
    fn head_features(&self) -> [usize; 2] {
        [self.queries, self.groups.features()].map(|all| all / self.heads)
    }

    /// Of the keys and the values of a site.
    fn pair(&self) -> usize {
        self.queries + self.groups.features()
    }

    /// What products of queries and keys are multiplied by.
    fn scale(&self) -> f32 {
        1.0 / (self.head_features()[0] as f32).sqrt()
    }
}

impl Primitive for Attention {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn reads(&self, input: usize) -> Reads<'_> {
        match input {
            0 => Reads::Here,
            _ => Reads::Earlier(&self.memory),
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
