use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

/// Which weights `(in, out)` are live: those from a unit that is known no later than the other.
///
/// Applied in the graph, so that the weights that are masked keep their values (another mask may
/// use them) and get zero gradients. Never stored: two rows of degrees say it all.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    from: Arc<[u32]>,
    to: Arc<[u32]>,
}

impl Mask {
    pub(super) fn new(from: &Arc<[u32]>, to: &Arc<[u32]>) -> Self {
        Self {
            from: from.clone(),
            to: to.clone(),
        }
    }

    /// `weight` with zeros where the mask is.
    pub(super) fn apply(&self, weight: &Tensor) -> Result<Tensor> {
        let device = weight.device();
        if device.is_cpu() {
            return weight.apply_op1(self.clone());
        }
        let from = Tensor::from_slice(&self.from, (self.from.len(), 1), device)?;
        let to = Tensor::from_slice(&self.to, (1, self.to.len()), device)?;
        weight.mul(&from.broadcast_le(&to)?.to_dtype(weight.dtype())?)
    }

    fn select<T: Copy + Default + Send + Sync>(
        &self,
        weight: &[T],
        layout: &Layout,
    ) -> Result<Vec<T>> {
        let Some((start, end)) = layout.contiguous_offsets() else {
            return Err(candle_core::Error::Msg(
                "a masked weight must be contiguous".into(),
            ));
        };
        let n = self.to.len().max(1);
        let mut out = vec![T::default(); end - start];
        out.par_chunks_mut(n)
            .zip(weight[start..end].par_chunks(n))
            .zip(self.from.par_iter())
            .with_min_len(64)
            .for_each(|((out, weight), &from)| {
                for ((out, w), &to) in out.iter_mut().zip(weight).zip(self.to.iter()) {
                    *out = if from <= to { *w } else { T::default() };
                }
            });
        Ok(out)
    }
}

impl CustomOp1 for Mask {
    fn name(&self) -> &'static str {
        "mask-by-degrees"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let masked = match storage {
            CpuStorage::F32(w) => CpuStorage::F32(self.select(w, layout)?),
            CpuStorage::F64(w) => CpuStorage::F64(self.select(w, layout)?),
            _ => {
                return Err(candle_core::Error::Msg(
                    "a masked weight must be f32 or f64 on a CPU".into(),
                ));
            }
        };
        Ok((masked, layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.apply(&grad.contiguous()?)?))
    }
}
