//! Causal attention: every site reads a weighted sum of what earlier sites offer.

mod composite;
mod full;
mod reach;
mod step;
mod tile;

use std::sync::Arc;

use ar_core::{ChannelGroups, MaskType, Order, Result};

pub use reach::Reach;
pub(crate) use reach::{Block, Memory};

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
