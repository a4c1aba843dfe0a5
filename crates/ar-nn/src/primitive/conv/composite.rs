use ar_core::{Result, Taps};
use candle_core::Tensor;

use super::Conv;

impl Conv {
    pub(super) fn finish(
        &self,
        y: &Tensor,
        residual: Option<&Tensor>,
        bias: &Tensor,
    ) -> Result<Tensor> {
        let y = self.after.composite(&y.broadcast_add(bias)?)?;
        Ok(match residual {
            Some(residual) => (y + residual)?,
            None => y,
        })
    }

    /// Each tap is the padded map shifted: `(B, n, taps · c)`.
    pub(super) fn shifted(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n, c) = x.dims3()?;
        let w = self.taps.grid().width;
        let h = n / w;
        let most = |f: fn(&(isize, isize)) -> isize| {
            self.taps.offsets().iter().map(f).max().unwrap_or(0).max(0) as usize
        };
        let (top, bottom) = (most(|o| -o.0), most(|o| o.0));
        let (left, right) = (most(|o| -o.1), most(|o| o.1));
        let padded = x.reshape((b, h, w, c))?.pad_with_zeros(1, top, bottom)?;
        let padded = padded.pad_with_zeros(2, left, right)?;
        let taps = self.taps.offsets().iter().map(|&(dy, dx)| {
            let (y, x) = (top as isize + dy, left as isize + dx);
            padded.narrow(1, y as usize, h)?.narrow(2, x as usize, w)
        });
        let taps = taps.collect::<candle_core::Result<Vec<_>>>()?;
        Ok(Tensor::cat(&taps, 3)?.reshape((b, n, self.k()))?)
    }

    /// Any order: by index, from the map with a row of zeros after it.
    pub(super) fn indexed(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n, zeros) = (x.dim(0)?, self.sites_out(), self.sites as u32);
        let all = (0..n).flat_map(|p| self.taps.sources(p));
        let index = all.map(|&s| if s == Taps::NONE { zeros } else { s });
        let index = Tensor::from_iter(index, x.device())?;
        let padded = x.pad_with_zeros(1, 0, 1)?.contiguous()?;
        Ok(padded.index_select(&index, 1)?.reshape((b, n, self.k()))?)
    }
}
