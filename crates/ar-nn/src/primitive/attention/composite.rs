use ar_core::{MaskType, Result};
use candle_core::{D, DType, Tensor};
use candle_nn::ops::softmax;

use super::Attention;
use crate::primitive::StepTensor;

impl Attention {
    pub(super) fn composite_full(&self, q: &Tensor, kv: &Tensor) -> Result<Tensor> {
        let n = self.positions.len();
        let ranks: Vec<u32> = (0..n).map(|p| self.order.rank(p) as u32).collect();
        let ranks = Tensor::from_vec(ranks, n, q.device())?;
        let (own, other) = (ranks.unsqueeze(1)?, ranks.unsqueeze(0)?);
        let live = match self.mask {
            MaskType::A => other.broadcast_lt(&own)?,
            MaskType::B => other.broadcast_le(&own)?,
        };
        self.attend(q, kv, Some(&live.to_dtype(q.dtype())?))
    }

    /// `q` is `(B, m, d)`, `kv` `(B, n, 2·d)`, `live (m, n)` 1 where a query may read, else 0.
    fn attend(&self, q: &Tensor, kv: &Tensor, live: Option<&Tensor>) -> Result<Tensor> {
        let (b, m, d) = q.dims3()?;
        let by_head = |x: &Tensor| -> candle_core::Result<Tensor> {
            let rows = x.dim(1)?;
            x.reshape((b, rows, self.heads, d / self.heads))?
                .transpose(1, 2)?
                .contiguous()
        };
        let q = (by_head(q)? * f64::from(self.scale()))?; // (B, heads, m, d / heads)
        let k = by_head(&kv.narrow(2, 0, d)?)?;
        let v = by_head(&kv.narrow(2, d, d)?)?;
        let scores = q.matmul(&k.t()?.contiguous()?)?; // (B, heads, m, n)
        let weights = match live {
            None => softmax(&scores, D::Minus1)?,
            Some(live) => {
                // Finite in every type: a row without a live site would be all NaN otherwise.
                let low = if q.dtype() == DType::F16 { 3e4 } else { 1e9 };
                let weights = softmax(&scores.broadcast_add(&((live - 1.0)? * low)?)?, D::Minus1)?;
                match self.mask {
                    MaskType::A => weights.broadcast_mul(live)?,
                    MaskType::B => weights,
                }
            }
        };
        Ok(weights.matmul(&v)?.transpose(1, 2)?.reshape((b, m, d))?)
    }

    pub(super) fn composite_at(&self, site: u32, inputs: &[&StepTensor]) -> Result<Tensor> {
        let q = inputs[0].rows(&[site])?;
        let kv = match self.live(self.order.rank(site as usize)) {
            0 => return Ok(q.zeros_like()?),
            live if self.order.is_raster() => inputs[1].first(live)?,
            live => inputs[1].gather(&self.positions[..live])?,
        };
        self.attend(&q, &kv, None)
    }
}
