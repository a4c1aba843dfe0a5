use ar_core::{Result, Taps};
use candle_core::Tensor;

use super::Conv;
use crate::primitive::{StepTensor, rows_product};

impl Conv {
    pub(super) fn composite_full(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        let x = self.before.composite(inputs[0])?;
        let (b, n) = (x.dim(0)?, self.sites_out());
        let rows = match (self.taps.is_pointwise(), self.taps.is_shift()) {
            (true, _) => x,
            (false, true) => self.shifted(&x)?,
            (false, false) => self.indexed(&x)?,
        };
        let y = rows_product(&rows.reshape((b, n, self.k()))?, &weights[0])?;
        self.finish(&y, inputs.get(1).copied(), &weights[1])
    }

    fn finish(&self, y: &Tensor, residual: Option<&Tensor>, bias: &Tensor) -> Result<Tensor> {
        let y = self.after.composite(&y.broadcast_add(bias)?)?;
        Ok(match residual {
            Some(residual) => (y + residual)?,
            None => y,
        })
    }

    /// Each tap is the padded map shifted: `(B, n, taps · c)`.
    fn shifted(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n, c) = x.dims3()?;
        let w = self.taps.grid().width;
        let h = n / w;
        let most = |f: fn(&(isize, isize)) -> isize| {
            self.taps.offsets().iter().map(f).max().unwrap_or(0).max(0) as usize
        };
        let (top, bottom) = (most(|o| -o.0), most(|o| o.0));
        let (left, right) = (most(|o| -o.1), most(|o| o.1));
        let padded = x
            .reshape((b, h, w, c))?
            .pad_with_zeros(1, top, bottom)?
            .pad_with_zeros(2, left, right)?;
        let taps: Vec<Tensor> = self
            .taps
            .offsets()
            .iter()
            .map(|&(dy, dx)| {
                let (y, x) = (top as isize + dy, left as isize + dx);
                padded.narrow(1, y as usize, h)?.narrow(2, x as usize, w)
            })
            .collect::<candle_core::Result<_>>()?;
        Ok(Tensor::cat(&taps, 3)?.reshape((b, n, self.k()))?)
    }

    /// Any order: by index, from the map with a row of zeros after it.
    fn indexed(&self, x: &Tensor) -> Result<Tensor> {
        let (b, n, zeros) = (x.dim(0)?, self.sites_out(), self.sites as u32);
        let index = (0..n)
            .flat_map(|p| self.taps.sources(p))
            .map(|&s| if s == Taps::NONE { zeros } else { s });
        let index = Tensor::from_vec(
            index.collect::<Vec<u32>>(),
            n * self.taps.count(),
            x.device(),
        )?;
        Ok(x.pad_with_zeros(1, 0, 1)?
            .contiguous()?
            .index_select(&index, 1)?
            .reshape((b, n, self.k()))?)
    }

    pub(super) fn composite_at(
        &self,
        sites: &[u32],
        inputs: &[&StepTensor],
        weights: &[Tensor],
    ) -> Result<Tensor> {
        let rows = if self.taps.is_pointwise() {
            inputs[0].rows(sites)?
        } else {
            let sources = sites.iter().flat_map(|&s| self.taps.sources(s as usize));
            inputs[0].gather(&sources.copied().collect::<Vec<u32>>())?
        };
        let (b, n) = (rows.dim(0)?, sites.len());
        let rows = self.before.composite(&rows)?.reshape((b, n, self.k()))?;
        let y = rows_product(&rows, &weights[0])?;
        let residual = inputs.get(1).map(|r| r.rows(sites)).transpose()?;
        self.finish(&y, residual.as_ref(), &weights[1])
    }
}
