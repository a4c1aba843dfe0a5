use ar_core::{Result, Taps};
use candle_core::Tensor;

use super::Conv;
use crate::primitive::StepTensor;

impl Conv {
    /// The weight with its dead entries at zero, `(k, c_out)`.
    fn masked(&self, weight: &Tensor) -> Result<Tensor> {
        let flat = weight.reshape((self.k(), self.c_out()))?;
        Ok(match &self.live {
            Some(live) => (flat * live)?,
            None => flat,
        })
    }

    pub(super) fn composite_full(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        let x = self.before.composite(inputs[0])?;
        let (b, n, _) = x.dims3()?;
        let rows = match (self.taps.is_pointwise(), self.taps.is_shift()) {
            (true, _) => x,
            (false, true) => self.shifted(&x)?,
            (false, false) => self.indexed(&x)?,
        };
        let y = rows
            .reshape((b * n, self.k()))?
            .matmul(&self.masked(&weights[0])?)?;
        self.finish(
            &y.reshape((b, n, self.c_out()))?,
            inputs.get(1).copied(),
            &weights[1],
        )
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
        let w = self.taps.width();
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
        let (b, n, _) = x.dims3()?;
        let index = (0..n)
            .flat_map(|p| self.taps.sources(p))
            .map(|&s| if s == Taps::NONE { n as u32 } else { s });
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
        position: usize,
        inputs: &[&StepTensor],
        weights: &[Tensor],
    ) -> Result<Tensor> {
        let rows = if self.taps.is_pointwise() {
            inputs[0].at(position)?
        } else {
            inputs[0].gather(self.taps.sources(position))?
        };
        let b = rows.dim(0)?;
        let rows = self.before.composite(&rows)?.reshape((b, self.k()))?;
        let y = rows
            .matmul(&self.masked(&weights[0])?)?
            .reshape((b, 1, self.c_out()))?;
        let residual = inputs.get(1).map(|r| r.at(position)).transpose()?;
        self.finish(&y, residual.as_ref(), &weights[1])
    }
}
