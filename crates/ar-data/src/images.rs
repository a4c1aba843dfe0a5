//! Images in memory, with the levels they were stored with.

use std::ops::Range;

use crate::{Error, Result, Shape};

/// Which part of a data set images belong to. Random encodings differ between splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing.
    Validation,
    /// For the final figure.
    Test,
}

impl Split {
    /// "train", "validation" or "test".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Images as native levels `0..native_levels`, stored `(N, C, H, W)` row-major.
///
/// Each image keeps the identity (split and number) it had when its data set was loaded, so a fixed random
/// encoding gives the same result whatever selection the image appears in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    shape: Shape,
    native_levels: usize,
    pixels: Vec<u16>,
    labels: Option<Vec<u32>>,
    split: Split,
    ids: Vec<u32>,
}

impl Images {
    /// Images from `n · shape.dims()` levels and, possibly, `n` labels.
    ///
    /// # Errors
    /// When the shape has a zero size, the levels are not between 2 and 65536, a pixel is not below
    /// `native_levels`, or the counts do not agree.
    pub fn new(
        shape: Shape,
        native_levels: usize,
        pixels: Vec<u16>,
        labels: Option<Vec<u32>>,
    ) -> Result<Self> {
        const MAX_LEVELS: usize = 1 << 16;
        let dims = shape.dims();
        if dims == 0 {
            return Err(Error::Option {
                option: "image shape",
                must: "free of zero sizes",
            });
        }
        if !(2..=MAX_LEVELS).contains(&native_levels) {
            return Err(Error::Levels {
                native: MAX_LEVELS,
                levels: native_levels,
            });
        }
        let n = pixels.len() / dims;
        if n * dims != pixels.len() {
            return Err(Error::Count {
                what: "pixels",
                expected: n * dims,
                got: pixels.len(),
            });
        }
        if let Some(got) = labels.as_ref().map(Vec::len).filter(|&got| got != n) {
            return Err(Error::Count {
                what: "labels",
                expected: n,
                got,
            });
        }
        if let Some(&value) = pixels
            .iter()
            .find(|&&value| usize::from(value) >= native_levels)
        {
            return Err(Error::LevelOutOfRange {
                value: value.into(),
                levels: native_levels,
            });
        }
        let ids = (0..n as u32).collect();
        Ok(Self {
            shape,
            native_levels,
            pixels,
            labels,
            split: Split::Train,
            ids,
        })
    }

    /// The shape of every image.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Levels a pixel can have: values are `0..native_levels`.
    pub const fn native_levels(&self) -> usize {
        self.native_levels
    }

    /// How many images.
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no image.
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All levels, `(N, C, H, W)` row-major.
    pub fn pixels(&self) -> &[u16] {
        &self.pixels
    }

    /// One class per image, where the set has classes.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// The split these images belong to; [`Split::Train`] unless a data set says otherwise.
    pub const fn split(&self) -> Split {
        self.split
    }

    /// Number of image `i` in its split as loaded.
    ///
    /// # Panics
    /// When `i >= len()`, as slices do.
    pub fn id(&self, i: usize) -> u32 {
        self.ids[i]
    }

    /// Levels of image `i`, `(C, H, W)`.
    ///
    /// # Panics
    /// When `i >= len()`, as slices do.
    pub fn image(&self, i: usize) -> &[u16] {
        let dims = self.shape.dims();
        &self.pixels[i * dims..(i + 1) * dims]
    }

    /// Class of image `i`, where the set has classes.
    pub fn label(&self, i: usize) -> Option<u32> {
        self.labels
            .as_ref()
            .and_then(|labels| labels.get(i).copied())
    }

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
            pixels.extend_from_slice(self.image(index));
        }
        let labels = self.labels.as_ref();
        Ok(Self {
            pixels,
            labels: labels.map(|labels| indices.iter().map(|&i| labels[i]).collect()),
            ids: indices.iter().map(|&i| self.ids[i]).collect(),
            ..*self
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
        let dims = self.shape.dims();
        Ok(Self {
            pixels: self.pixels[range.start * dims..range.end * dims].to_vec(),
            labels: self
                .labels
                .as_ref()
                .map(|labels| labels[range.clone()].to_vec()),
            ids: self.ids[range].to_vec(),
            ..*self
        })
    }

    /// The first `n` images, or all when there are fewer.
    pub fn limit(mut self, n: usize) -> Self {
        let n = n.min(self.len());
        self.pixels.truncate(n * self.shape.dims());
        self.ids.truncate(n);
        if let Some(labels) = self.labels.as_mut() {
            labels.truncate(n);
        }
        self
    }

    /// The same images as the first, second, .. of a split.
    pub(crate) fn into_split(mut self, split: Split) -> Self {
        self.split = split;
        self.ids = (0..self.len() as u32).collect();
        self
    }

    /// No image, but of this shape.
    pub(crate) fn empty_like(&self) -> Self {
        let labels = self.labels.as_ref().map(|_| Vec::new());
        Self {
            pixels: Vec::new(),
            labels,
            ids: Vec::new(),
            ..*self
        }
    }
}
