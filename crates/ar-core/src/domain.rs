use candle_core::{CpuStorage, DType, Device, Storage, Tensor};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What a model is a distribution over: arrays of `channels x height x width` levels in `0..levels`.
///
/// A vector of length D is `1 x 1 x D`; a sequence of length T likewise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Sizes")]
pub struct Domain {
    /// Channels, 1 for grey and 3 for RGB.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Levels K of each value.
    pub levels: usize,
}

/// A [`Domain`] as it is read, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sizes {
    channels: usize,
    height: usize,
    width: usize,
    levels: usize,
}

impl TryFrom<Sizes> for Domain {
    type Error = Error;

    fn try_from(read: Sizes) -> Result<Self> {
        Self::new(read.channels, read.height, read.width, read.levels)
    }
}

impl Domain {
    /// # Errors
    /// [`Error::Config`] when a size is zero, there are fewer than two levels, or the sizes overflow.
    pub fn new(channels: usize, height: usize, width: usize, levels: usize) -> Result<Self> {
        for (field, size) in [("channels", channels), ("height", height), ("width", width)] {
            if size == 0 {
                return Err(Error::config(field, "must be at least 1"));
            }
        }
        if !(2..=65536).contains(&levels) {
            return Err(Error::config(
                "levels",
                format!("must be between 2 and 65536, not {levels}"),
            ));
        }
        if channels
            .checked_mul(height)
            .and_then(|n| n.checked_mul(width))
            .is_none_or(|n| n > u32::MAX as usize)
        {
            return Err(Error::config("height", "the image is too large"));
        }
        Ok(Self {
            channels,
            height,
            width,
            levels,
        })
    }

    /// Number of values, C·H·W: the `dims` of nats/dim and bits/dim.
    pub fn dims(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// Number of pixels, H·W.
    pub fn positions(&self) -> usize {
        self.height * self.width
    }

    /// Index into a flat `(C, H, W)` array of `channel` at `position` (row · W + column).
    pub fn dim(&self, channel: usize, position: usize) -> usize {
        channel * self.positions() + position
    }

    /// Levels of images one after the other, each `(C, H, W)`, as a tensor `(B, C, H, W)` of type `u32`.
    ///
    /// # Errors
    /// [`Error::Input`] when they are no whole number of images, [`Error::Tensor`] when the device refuses.
    pub fn tensor(&self, levels: Vec<u32>, device: &Device) -> Result<Tensor> {
        if !levels.len().is_multiple_of(self.dims()) {
            return Err(Error::Input {
                what: "levels",
                expected: format!("images of {} values", self.dims()),
                got: format!("{} values", levels.len()),
            });
        }
        let batch = levels.len() / self.dims();
        let shape = (batch, self.channels, self.height, self.width);
        Ok(Tensor::from_vec(levels, shape, device)?)
    }

    /// Checks that `levels` is `(B, C, H, W)` of type `u32`, with at least one image and every value
    /// in `0..levels`, and returns B.
    ///
    /// # Errors
    /// [`Error::Input`] on another shape, type or level.
    pub fn batch_of(&self, levels: &Tensor) -> Result<usize> {
        let batch = match levels.dims() {
            [b, c, h, w] if [*c, *h, *w] == [self.channels, self.height, self.width] => Some(*b),
            _ => None,
        };
        match batch {
            Some(b) if b > 0 && levels.dtype() == DType::U32 => {
                self.check_tensor(levels)?;
                Ok(b)
            }
            _ => Err(Error::Input {
                what: "levels",
                expected: format!(
                    "u32 of shape (B, {}, {}, {}), B at least 1",
                    self.channels, self.height, self.width
                ),
                got: format!("{:?} of shape {:?}", levels.dtype(), levels.dims()),
            }),
        }
    }

    fn check_tensor(&self, levels: &Tensor) -> Result<()> {
        let (storage, layout) = levels.storage_and_layout();
        if let (Storage::Cpu(CpuStorage::U32(all)), Some((start, end))) =
            (&*storage, layout.contiguous_offsets())
        {
            return self.check_levels(&all[start..end]);
        }
        drop(storage);
        self.check_levels(&[levels.max_all()?.to_scalar::<u32>()?])
    }

    /// Checks that every value lies in `0..levels`.
    ///
    /// # Errors
    /// [`Error::Input`] naming the first level that does not.
    pub fn check_levels(&self, levels: &[u32]) -> Result<()> {
        match levels.iter().find(|&&v| v as usize >= self.levels) {
            None => Ok(()),
            Some(v) => Err(Error::Input {
                what: "levels",
                expected: format!("values in 0..{}", self.levels),
                got: v.to_string(),
            }),
        }
    }
}
