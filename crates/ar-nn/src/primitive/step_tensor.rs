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

    pub(crate) fn device(&self) -> &Device {
        self.current.device()
    }

    /// How many images.
    pub(crate) fn batch(&self) -> Result<usize> {
        Ok(self.current.dim(0)?)
    }

    /// Zeros `(B, rows, c)`.
    pub(crate) fn zeros(&self, rows: usize) -> Result<Tensor> {
        let (b, _, c) = self.current.dims3()?;
        let (dtype, device) = (self.current.dtype(), self.device());
        Ok(Tensor::zeros((b, rows, c), dtype, device)?)
    }

    /// Features at `sites`, `(B, sites, c)`.
    pub(crate) fn rows(&self, sites: &[u32]) -> Result<Tensor> {
        match (&self.cache, sites) {
            (None, _) => Ok(self.current.clone()),
            (Some(cache), [site]) => {
                let slot = *site as usize % slots(cache);
                Ok(cache.narrow(1, slot, 1)?.contiguous()?)
            }
            _ => self.gather(sites),
        }
    }

    /// Features at every one of `sources`, zeros for [`Taps::NONE`]: `(B, sources, c)`.
    pub(crate) fn gather(&self, sources: &[u32]) -> Result<Tensor> {
        let Some(cache) = &self.cache else {
            return self.gather_current(sources);
        };
        let n = slots(cache) as u32;
        let slot = |&s: &u32| if s == Taps::NONE { n } else { s % n };
        let index: Vec<u32> = sources.iter().map(slot).collect();
        // Slots that follow each other need no table of their numbers on the device.
        if let Some(&first) = index.first()
            && index.iter().zip(first..).all(|(slot, next)| *slot == next)
        {
            let rows = cache.narrow(1, first as usize, index.len())?;
            return Ok(rows.contiguous()?);
        }
        Ok(cache.index_select(&Tensor::new(index, cache.device())?, 1)?)
    }

    /// From the only site there is.
    fn gather_current(&self, sources: &[u32]) -> Result<Tensor> {
        let padded = self.current.pad_with_zeros(1, 0, 1)?.contiguous()?;
        let index = sources.iter().map(|&s| u32::from(s == Taps::NONE));
        Ok(padded.index_select(&Tensor::from_iter(index, padded.device())?, 1)?)
    }

    /// Takes the features `(B, sites, c)` of `sites`.
    pub(crate) fn set(&mut self, sites: &[u32], current: Tensor) -> Result<()> {
        if let Some(cache) = &self.cache {
            let current = current.contiguous()?;
            for (i, &site) in sites.iter().enumerate() {
                let own = current.narrow(1, i, 1)?.contiguous()?;
                cache.slice_set(&own, 1, site as usize % slots(cache))?;
            }
        }
        self.current = current;
        Ok(())
    }

    /// The same again, with a cache of its own.
    pub(crate) fn fork(&self) -> Result<Self> {
        Ok(Self {
            current: self.current.clone(),
            cache: self.cache.as_ref().map(Tensor::copy).transpose()?,
        })
    }
}

fn slots(cache: &Tensor) -> usize {
    cache.dims()[1] - 1
}
