//! Training batches for the trainer.

use std::sync::Arc;

use ar_core::{Conditioning, Domain};
use ar_data::{Encoding, Images, Traversal, batches};
use ar_train::{Batch, BatchSource, BoxError};
use candle_core::Device;

use crate::condition::condition;
use crate::dataset::tensor;

/// Images in an order that the seed and the epoch decide, encoded as that epoch sees them.
#[derive(Debug)]
pub(crate) struct Shuffled {
    pub(crate) images: Arc<Images>,
    pub(crate) encoding: Encoding,
    pub(crate) batch_size: usize,
    pub(crate) seed: u64,
    pub(crate) domain: Domain,
    pub(crate) conditioning: Conditioning,
    pub(crate) device: Device,
}

impl BatchSource for Shuffled {
    fn batches_per_epoch(&self) -> u64 {
        self.images.len().div_ceil(self.batch_size) as u64
    }

    fn epoch(
        &self,
        epoch: u64,
        skip: u64,
    ) -> Box<dyn Iterator<Item = Result<Batch, BoxError>> + '_> {
        let traversal = Traversal::Shuffled {
            seed: self.seed,
            epoch,
        };
        match batches(
            Arc::clone(&self.images),
            self.encoding.clone(),
            self.batch_size,
            traversal,
            skip as usize,
        ) {
            Ok(batches) => Box::new(batches.map(|batch| {
                let levels = tensor(batch.levels, &self.domain, &self.device)?;
                let condition = condition(batch.labels, self.conditioning, &self.device)?;
                Ok(Batch { levels, condition })
            })),
            Err(error) => Box::new(std::iter::once(Err(error.into()))),
        }
    }
}
