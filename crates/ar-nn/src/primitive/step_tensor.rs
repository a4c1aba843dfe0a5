use ar_core::Result;
use candle_core::{DType, Device, Tensor};

/// A value within a step pass on another device.
#[derive(Debug)]
pub(crate) struct StepTensor {
    /// `(B, 1, c)` at the present position.
    current: Tensor,
    /// `(B, positions + 1, c)`, the last row zeros, when a convolution reads it elsewhere.
    cache: Option<Tensor>,
}

impl StepTensor {
    /// Zeros; with `kept`, all `positions` are kept.
    pub(crate) fn new(
        batch: usize,
        positions: usize,
        width: usize,
        kept: bool,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let cache = kept.then(|| Tensor::zeros((batch, positions + 1, width), dtype, device));
        Ok(Self {
            current: Tensor::zeros((batch, 1, width), dtype, device)?,
            cache: cache.transpose()?,
        })
    }

    /// Features at `position`, `(B, 1, c)`: the present one, unless all are kept.
    pub(crate) fn at(&self, position: usize) -> Result<Tensor> {
        Ok(match &self.cache {
            Some(cache) => cache.narrow(1, position, 1)?.contiguous()?,
            None => self.current.clone(),
        })
    }

    pub(crate) fn cache(&self) -> Option<&Tensor> {
        self.cache.as_ref()
    }

    pub(crate) fn set(&mut self, position: usize, current: Tensor) -> Result<()> {
        if let Some(cache) = &self.cache {
            cache.slice_set(&current.contiguous()?, 1, position)?;
        }
        self.current = current;
        Ok(())
    }
}
