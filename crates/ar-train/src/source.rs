use std::ops::Range;
use std::sync::Arc;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::BoxError;

/// One batch of training data.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `(B, C, H, W)`, `u32`, on the model's device.
    pub levels: Tensor,
    /// What each image is conditioned on, as the model's [`ar_core::Conditioning`] says.
    pub condition: Option<Tensor>,
    /// Of windows of recordings, the values of each image that count ([`ar_core::Pass::scored`]).
    pub scored: Option<Arc<[Range<usize>]>>,
}

impl Batch {
    /// How many values an image has that count, on average; of whole images, nothing is counted.
    pub(crate) fn values_per_image(&self) -> Option<f64> {
        let scored = self.scored.as_deref()?;
        let values: usize = scored.iter().map(ExactSizeIterator::len).sum();
        Some(values as f64 / scored.len().max(1) as f64)
    }
}

/// What nats are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// A whole image.
    #[default]
    Image,
    /// A value of a recording.
    Sample,
}

/// A stateless stream of training data: what it yields depends on `epoch` alone, so that a resumed
/// run sees the bytes it would have seen.
pub trait BatchSource: Sync {
    /// Batches in every epoch, the partial last one included.
    fn batches_per_epoch(&self) -> u64;

    /// What the loss is told by: images, or the values of recordings of different length.
    fn unit(&self) -> Unit {
        Unit::Image
    }

    /// The batches of `epoch`, counted from 0, without the first `skip`.
    fn epoch(
        &self,
        epoch: u64,
        skip: u64,
    ) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_>;
}
