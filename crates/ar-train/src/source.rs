use candle_core::Tensor;

use crate::BoxError;

/// One batch of training data.
#[derive(Debug, Clone)]
pub struct Batch {
    /// `(B, C, H, W)`, `u32`, on the model's device.
    pub levels: Tensor,
    /// What each image is conditioned on, as the model's [`ar_core::Conditioning`] says.
    pub condition: Option<Tensor>,
}

/// A stateless stream of training data: what it yields depends on `epoch` alone, so that a resumed
/// run sees the bytes it would have seen.
pub trait BatchSource: Sync {
    /// Batches in every epoch, the partial last one included.
    fn batches_per_epoch(&self) -> u64;

    /// The batches of `epoch`, counted from 0, without the first `skip`.
    fn epoch(
        &self,
        epoch: u64,
        skip: u64,
    ) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_>;
}
