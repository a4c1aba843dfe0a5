//! Some of the images, which stay who they were.

use std::ops::Range;

use super::Images;
use crate::frames::{Frame, frames};
use crate::{Error, Result, Split};

impl Images {
    /// The images at `indices`, in that order.
    ///
    /// # Errors
    /// When an index is past the end.
    pub fn select(&self, indices: &[usize]) -> Result<Self> {
        let len = self.len();
        if let Some(&index) = indices.iter().find(|&&index| index >= len) {
            return Err(Error::Index { index, len });
        }
        let mut pixels = Vec::with_capacity(indices.len() * self.shape.dims());
        for &index in indices {
            pixels.extend_from_slice(self.picture(index).0);
        }
        Ok(Self {
            pixels,
            ..self.at(indices)
        })
    }

    /// The images of a range.
    ///
    /// # Errors
    /// When the range reaches past the end or runs backwards.
    pub fn slice(&self, range: Range<usize>) -> Result<Self> {
        let len = self.len();
        if range.end > len || range.start > range.end {
            return Err(Error::Index {
                index: range.end.max(range.start),
                len,
            });
        }
        let indices: Vec<usize> = range.clone().collect();
        Ok(Self {
            pixels: self.pixels[self.start(range.start)..self.start(range.end)].to_vec(),
            ..self.at(&indices)
        })
    }

    /// The first `n` images, or all when there are fewer.
    pub fn limit(mut self, n: usize) -> Self {
        let n = n.min(self.len());
        self.pixels.truncate(self.start(n));
        self.ids.truncate(n);
        if let Some(frames) = self.frames.as_mut() {
            frames.truncate(n);
        }
        if let Some(labels) = self.labels.as_mut() {
            labels.truncate(n);
        }
        self
    }

    /// Where the pixels of image `i` begin, or those of the last end.
    fn start(&self, i: usize) -> usize {
        match &self.frames {
            Some(frames) => frames.get(i).map_or(self.pixels.len(), |frame| frame.start),
            None => i * self.shape.dims(),
        }
    }

    /// The images at `indices`, whose pixels follow.
    fn at(&self, indices: &[usize]) -> Self {
        let of_frames = |all: &Vec<Frame>| {
            let sizes = indices.iter().map(|&i| all[i].size);
            frames(self.shape.channels, sizes).0
        };
        let of_labels = |all: &Vec<u32>| indices.iter().map(|&i| all[i]).collect();
        Self {
            pixels: Vec::new(),
            frames: self.frames.as_ref().map(of_frames),
            labels: self.labels.as_ref().map(of_labels),
            ids: indices.iter().map(|&i| self.ids[i]).collect(),
            ..*self
        }
    }

    /// The same images as the first, second, .. of a split.
    pub(crate) fn into_split(mut self, split: Split) -> Self {
        self.split = split;
        self.ids = (0..self.len() as u32).collect();
        self
    }

    /// No image, but of this shape.
    pub(crate) fn empty_like(&self) -> Self {
        self.at(&[])
    }
}
