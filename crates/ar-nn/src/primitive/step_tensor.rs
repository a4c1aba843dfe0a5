use ar_core::{Result, Taps};
use candle_core::{DType, Device, Tensor};

/// A value within a step pass on another device.
#[derive(Debug)]
pub(crate) struct StepTensor {
    /// `(B, 1, c)` at the present position.
    current: Tensor,
    /// `(B, slots + 1, c)`, the last row zeros, when somebody reads it elsewhere. Position p lies
    /// in slot p mod `slots`.
    cache: Option<Tensor>,
}

impl StepTensor {
    /// Zeros, with as many `slots` as somebody reads back.
    pub(crate) fn new(
        batch: usize,
        slots: usize,
        width: usize,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let cache = (slots > 1).then(|| Tensor::zeros((batch, slots + 1, width), dtype, device));
        Ok(Self {
            current: Tensor::zeros((batch, 1, width), dtype, device)?,
            cache: cache.transpose()?,
        })
    }

    /// Holds `all (B, slots, c)`; with one slot it is the same at every position.
    pub(crate) fn of(all: &Tensor) -> Result<Self> {
        let cache = match all.dim(1)? {
            1 => None,
            _ => Some(all.pad_with_zeros(1, 0, 1)?.contiguous()?),
        };
        Ok(Self {
            current: all.narrow(1, 0, 1)?.contiguous()?,
            cache,
        })
    }

    /// Features at `position`, `(B, 1, c)`: the present one, unless several are kept.
    pub(crate) fn at(&self, position: usize) -> Result<Tensor> {
        Ok(match &self.cache {
            Some(cache) => cache.narrow(1, position % slots(cache), 1)?.contiguous()?,
            None => self.current.clone(),
        })
    }

    /// Features at every one of `sources`, zeros for [`Taps::NONE`]: `(B, sources, c)`.
    pub(crate) fn gather(&self, sources: &[u32]) -> Result<Tensor> {
        let Some(cache) = &self.cache else {
            return Ok(self.current.clone());
        };
        let n = slots(cache) as u32;
        let slot = |&s: &u32| if s == Taps::NONE { n } else { s % n };
        let index: Vec<u32> = sources.iter().map(slot).collect();
        Ok(cache.index_select(&Tensor::new(index, cache.device())?, 1)?)
    }

    /// Features at positions 0..`count`, `(B, count, c)`, of a value kept at every position.
    pub(crate) fn first(&self, count: usize) -> Result<Tensor> {
        Ok(match &self.cache {
            Some(cache) => cache.narrow(1, 0, count)?,
            None => self.current.clone(),
        })
    }

    pub(crate) fn set(&mut self, position: usize, current: Tensor) -> Result<()> {
        if let Some(cache) = &self.cache {
            cache.slice_set(&current.contiguous()?, 1, position % slots(cache))?;
        }
        self.current = current;
        Ok(())
    }
}

fn slots(cache: &Tensor) -> usize {
    cache.dims()[1] - 1
}
