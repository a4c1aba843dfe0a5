//! Which images are in which batch.

use std::ops::Range;
use std::sync::Arc;

use crate::frames::anywhere;
use crate::{Encoding, Error, Images, Result, random};

/// Consecutive images of a traversal, encoded.
#[derive(Clone, Debug, PartialEq)]
pub struct LevelBatch {
    /// `(len, C, H, W)` row-major, each in `0..encoding.levels()`; C, H and W are those of [`Encoding::shape`].
    pub levels: Vec<u32>,
    /// `len` classes, where the set has classes.
    pub labels: Option<Vec<u32>>,
    /// `(len, bands, stretches)`, where a model is told of the [`Bands`](crate::Bands) of each window.
    pub told: Option<Vec<f32>>,
    /// Of windows of recordings, the values of each that count: the others are what these are given, or
    /// padding.
    pub scored: Option<Vec<Range<usize>>>,
    /// Where each image is in the [`Images`] the batch was made of.
    pub indices: Vec<u32>,
    /// Images in this batch; the last one of an epoch may have fewer than the others.
    pub len: usize,
}

/// In which order images are seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traversal {
    /// A permutation that depends on the seed and the epoch; of pictures larger than the window, a place that
    /// depends on these and the image.
    Shuffled {
        /// Seed of the permutations.
        seed: u64,
        /// Counts from 0; also the epoch of an encoding that is fresh every epoch.
        epoch: u64,
    },
    /// As stored; epoch 0 for the encoding, and the windows in the middle.
    Sequential,
}

/// Which images are in which batch of an epoch. Every batch is a pure function of what the epoch was made of
/// and its index, so a run that stops and goes on sees the same bytes.
#[derive(Clone, Debug)]
pub struct Epoch {
    images: Arc<Images>,
    encoding: Encoding,
    batch_size: usize,
    number: u64,
    /// The seed and the permutation; none for the order of storage.
    shuffled: Option<(u64, Vec<u32>)>,
}

impl Epoch {
    /// One epoch over all images.
    ///
    /// # Errors
    /// When `batch_size` is 0 or the encoding is for other images.
    pub fn new(
        images: Arc<Images>,
        encoding: Encoding,
        batch_size: usize,
        traversal: Traversal,
    ) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::Option {
                option: "batch size",
                must: "at least 1",
            });
        }
        encoding.check(&images)?;
        let (number, shuffled) = match traversal {
            Traversal::Sequential => (0, None),
            Traversal::Shuffled { seed, epoch } => {
                let mut rng = random::stream("shuffle", &[seed, epoch]);
                let order = random::permutation(&mut rng, images.len());
                (epoch, Some((seed, order)))
            }
        };
        Ok(Self {
            images,
            encoding,
            batch_size,
            number,
            shuffled,
        })
    }

    /// Batches in the epoch, a partial last one included.
    pub fn len(&self) -> usize {
        self.images.len().div_ceil(self.batch_size)
    }

    /// Whether there is no batch, as there is no image.
    pub fn is_empty(&self) -> bool {
        self.images.is_empty()
    }

    /// LevelBatch `index`, or none past the end.
    pub fn batch(&self, index: usize) -> Option<LevelBatch> {
        let start = index.checked_mul(self.batch_size)?;
        let end = self.images.len().min(start.saturating_add(self.batch_size));
        if start >= end {
            return None;
        }
        let indices: Vec<u32> = match &self.shuffled {
            Some((_, order)) => order[start..end].to_vec(),
            None => (start as u32..end as u32).collect(),
        };
        let windows = indices.iter().map(|&i| (i, self.corner(i as usize)));
        Some(self.windows(&windows.collect::<Vec<_>>()))
    }

    /// These windows, each an image and the upper left corner in it.
    fn windows(&self, windows: &[(u32, [usize; 2])]) -> LevelBatch {
        let images = &self.images;
        let mut levels =
            Vec::with_capacity(windows.len() * self.encoding.shape(images.shape()).dims());
        for &(i, corner) in windows {
            self.encoding
                .encode_checked(images, i as usize, self.number, corner, &mut levels);
        }
        let scored = windows.iter();
        let scored = scored.map(|&(i, corner)| images.scored(i as usize, corner[1]));
        let told: Option<Vec<Vec<f32>>> = windows
            .iter()
            .map(|&(i, corner)| images.told(i as usize, corner))
            .collect();
        let indices: Vec<u32> = windows.iter().map(|&(i, _)| i).collect();
        let labels = images.labels();
        LevelBatch {
            levels,
            scored: scored.collect(),
            told: told.map(|told| told.concat()),
            labels: labels.map(|labels| indices.iter().map(|&i| labels[i as usize]).collect()),
            len: indices.len(),
            indices,
        }
    }

    /// The first `limit` recordings, each in the [pieces](Images::pieces) that together count all of it once,
    /// so many at a time.
    pub fn in_pieces(&self, limit: usize) -> impl Iterator<Item = LevelBatch> + '_ {
        let of = |i: usize| {
            let pieces = self.images.pieces(i);
            pieces.map(move |start| (i as u32, [0, start]))
        };
        let mut all = (0..self.images.len().min(limit)).flat_map(of);
        std::iter::from_fn(move || {
            let some: Vec<_> = all.by_ref().take(self.batch_size).collect();
            (!some.is_empty()).then(|| self.windows(&some))
        })
    }

    /// Where the window of picture `i` is in this epoch.
    fn corner(&self, i: usize) -> [usize; 2] {
        let (images, shape) = (&self.images, self.images.shape());
        let (size, window) = (images.picture(i).1, [shape.height, shape.width]);
        let [top, left] = match self.shuffled {
            Some((seed, _)) if size != window => {
                let numbers = [seed, self.number, u64::from(images.id(i))];
                anywhere(size, window, &mut random::stream("crop", &numbers))
            }
            _ => images.middle(i),
        };
        // Up, so that the end of a recording is seen too.
        let stretch = images.stretch();
        [
            top,
            left.next_multiple_of(stretch)
                .min((size[1] - 1) / stretch * stretch),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binarization, Shape, batches};

    fn images(n: usize) -> Arc<Images> {
        let pixels = (0..n * 6).map(|v| (v % 256) as u16).collect();
        Arc::new(Images::new(Shape::new(1, 2, 3), 256, pixels, None).unwrap())
    }

    #[test]
    fn an_image_encodes_alike_in_any_batch_and_selection() {
        let encoding = Encoding::binary(256, Binarization::Fixed { seed: 9 }).unwrap();
        let whole = images(23);
        let epoch = Epoch::new(
            Arc::clone(&whole),
            encoding.clone(),
            23,
            Traversal::Sequential,
        )
        .unwrap();
        let all = epoch.batch(0).unwrap().levels;
        let part = Arc::new(whole.select(&[17, 3]).unwrap());
        let epoch = Epoch::new(part, encoding, 2, Traversal::Sequential).unwrap();
        let levels = epoch.batch(0).unwrap().levels;
        assert_eq!(levels[..6], all[17 * 6..18 * 6]);
        assert_eq!(levels[6..], all[3 * 6..4 * 6]);
    }

    #[test]
    fn bad_epochs_are_refused_and_empty_ones_end() {
        let native = Encoding::native(256).unwrap();
        let epoch = |encoding, size| Epoch::new(images(3), encoding, size, Traversal::Sequential);
        assert!(matches!(
            epoch(native.clone(), 0),
            Err(Error::Option {
                option: "batch size",
                ..
            })
        ));
        let binary = Encoding::native(2).unwrap();
        assert!(matches!(
            epoch(binary, 1),
            Err(Error::EncodingMismatch { .. })
        ));
        assert!(
            epoch(native.clone(), usize::MAX)
                .unwrap()
                .batch(1)
                .is_none()
        );
        let none = batches(
            images(0),
            native,
            4,
            Traversal::Shuffled { seed: 0, epoch: 0 },
            0,
        )
        .unwrap();
        assert_eq!(none.count(), 0);
    }
}
