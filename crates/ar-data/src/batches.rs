//! Batches in order, decoded on another thread.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::{Encoding, Epoch, Error, Images, LevelBatch, Result, Traversal};

/// Batches made ahead of the one in use.
const AHEAD: usize = 2;

impl Epoch {
    /// All batches from `skip` on, made on another thread a little ahead of their use.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn stream(self, skip: usize) -> Result<Batches> {
        let left = self.len().saturating_sub(skip);
        let (sender, receiver) = sync_channel(AHEAD);
        let worker = std::thread::Builder::new()
            .name("batches".to_owned())
            .spawn(move || self.send_all(skip, &sender))
            .map_err(Error::Thread)?;
        Ok(Batches {
            receiver: Some(receiver),
            worker: Some(worker),
            left,
        })
    }

    /// Sends until the end or until nobody listens.
    fn send_all(&self, skip: usize, sender: &SyncSender<LevelBatch>) {
        for batch in (skip..).map_while(|index| self.batch(index)) {
            if sender.send(batch).is_err() {
                return;
            }
        }
    }
}

/// The batches of an [`Epoch`] in order. Dropping it stops the thread that makes them.
#[derive(Debug)]
pub struct Batches {
    receiver: Option<Receiver<LevelBatch>>,
    worker: Option<JoinHandle<()>>,
    left: usize,
}

impl Iterator for Batches {
    type Item = LevelBatch;

    fn next(&mut self) -> Option<LevelBatch> {
        let batch = self.receiver.as_ref()?.recv().ok()?;
        self.left -= 1;
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Batches {}

impl Drop for Batches {
    fn drop(&mut self) {
        // Nobody listens any more, so the worker ends after the batch it is making.
        self.receiver = None;
        if let Some(worker) = self.worker.take() {
            // It has nothing to say; a panic in it has been printed.
            let _ = worker.join();
        }
    }
}

/// One epoch of batches, without the first `skip`, made on another thread: [`Epoch::new`] and
/// [`Epoch::stream`].
///
/// # Errors
/// When `batch_size` is 0, the encoding is for other images, or no thread can be started.
pub fn batches(
    images: Arc<Images>,
    encoding: Encoding,
    batch_size: usize,
    traversal: Traversal,
    skip: usize,
) -> Result<Batches> {
    Epoch::new(images, encoding, batch_size, traversal)?.stream(skip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binarization, Shape};

    fn images(n: usize) -> Arc<Images> {
        let pixels = (0..n * 6).map(|v| (v % 256) as u16).collect();
        let labels = Some((0..n as u32).collect());
        Arc::new(Images::new(Shape::new(1, 2, 3), 256, pixels, labels).unwrap())
    }

    fn all(traversal: Traversal, skip: usize) -> Vec<LevelBatch> {
        let encoding = Encoding::binary(256, Binarization::Fresh { seed: 9 }).unwrap();
        batches(images(23), encoding, 5, traversal, skip)
            .unwrap()
            .collect()
    }

    #[test]
    fn every_image_is_seen_once_and_labels_follow() {
        for traversal in [
            Traversal::Sequential,
            Traversal::Shuffled { seed: 1, epoch: 2 },
        ] {
            let batches = all(traversal, 0);
            let sizes: Vec<usize> = batches.iter().map(|batch| batch.len).collect();
            assert_eq!(sizes, [5, 5, 5, 5, 3]);
            let mut seen: Vec<u32> = Vec::new();
            for batch in &batches {
                assert_eq!(batch.levels.len(), batch.len * 6);
                assert_eq!(batch.labels.as_ref(), Some(&batch.indices));
                seen.extend(&batch.indices);
            }
            assert_eq!(seen.is_sorted(), traversal == Traversal::Sequential);
            seen.sort_unstable();
            assert_eq!(seen, (0..23).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn skipping_gives_the_same_bytes() {
        let traversal = Traversal::Shuffled { seed: 4, epoch: 1 };
        let whole = all(traversal, 0);
        for skip in 0..7 {
            assert_eq!(all(traversal, skip), whole[skip.min(5)..]);
        }
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let first = all(Traversal::Shuffled { seed: 4, epoch: 0 }, 0);
        assert_eq!(first, all(Traversal::Shuffled { seed: 4, epoch: 0 }, 0));
        for (seed, epoch) in [(4, 1), (5, 0)] {
            assert_ne!(
                first[0].indices,
                all(Traversal::Shuffled { seed, epoch }, 0)[0].indices
            );
        }
    }

    #[test]
    fn dropping_early_ends_the_thread() {
        let encoding = Encoding::native(256).unwrap();
        let mut batches = batches(images(1000), encoding, 1, Traversal::Sequential, 0).unwrap();
        assert_eq!(batches.len(), 1000);
        assert!(batches.next().is_some());
        assert_eq!(batches.len(), 999);
        drop(batches); // joins: a worker that went on would block here for ever
    }
}
