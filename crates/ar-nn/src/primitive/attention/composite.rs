use ar_core::{MaskType, Result};
use candle_core::{D, DType, Tensor};
use candle_nn::ops::softmax;

use super::{Attention, Block};

impl Attention {
    /// `(queries, sites)` of a block: 1 where a query may read, else 0.
    pub(super) fn live(&self, block: &Block, like: &Tensor) -> Result<Tensor> {
        let [queries, sites] =
            [self.memory.queries(block), self.memory.sites(block)].map(<[u32]>::len);
        let live = (0..queries).map(|i| self.memory.live(block, i) as u32);
        let live = Tensor::from_iter(live, like.device())?.unsqueeze(1)?;
        let sites = Tensor::arange(0, sites as u32, like.device())?.unsqueeze(0)?;
        Ok(sites.broadcast_lt(&live)?.to_dtype(like.dtype())?)
    }

    /// `q` is `(B, m, d)`, `kv` `(B, n, d + v)`, `live (m, n)` 1 where a query may read, else 0.
    pub(super) fn attend(&self, q: &Tensor, kv: &Tensor, live: Option<&Tensor>) -> Result<Tensor> {
        let (b, m, d) = q.dims3()?;
        let v = self.groups.features();
        let by_head = |x: &Tensor| -> candle_core::Result<Tensor> {
            let (_, rows, width) = x.dims3()?;
            let x = x.reshape((b, rows, self.heads, width / self.heads))?;
            x.transpose(1, 2)?.contiguous()
        };
        let q = (by_head(q)? * f64::from(self.scale()))?; // (B, heads, m, d / heads)
        let keys = by_head(&kv.narrow(2, 0, d)?)?;
        let values = by_head(&kv.narrow(2, d, v)?)?;
        let scores = q.matmul(&keys.t()?.contiguous()?)?; // (B, heads, m, n)
        let weights = match live {
            None => softmax(&scores, D::Minus1)?,
            Some(live) => {
                // Finite in every type: a row without a live site would be all NaN otherwise.
                let low = if q.dtype() == DType::F16 { 3e4 } else { 1e9 };
                let weights = softmax(&scores.broadcast_add(&((live - 1.0)? * low)?)?, D::Minus1)?;
                match self.memory.mask {
                    MaskType::A => weights.broadcast_mul(live)?,
                    MaskType::B => weights,
                }
            }
        };
        let answers = weights.matmul(&values)?.transpose(1, 2)?;
        Ok(answers.reshape((b, m, v))?)
    }
}

/// Rows of `x (B, sites, c)`: itself where they are all there are in order.
pub(super) fn at(x: &Tensor, sites: &[u32]) -> Result<Tensor> {
    if sites.len() == x.dim(1)? && sites.is_sorted() {
        return Ok(x.clone());
    }
    Ok(x.index_select(&Tensor::new(sites, x.device())?, 1)?)
}
