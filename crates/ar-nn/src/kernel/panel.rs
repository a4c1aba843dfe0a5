//! The product of the step pass: a few rows by one fixed weight.
//!
//! A general product packs its operands at every call, which costs more than the arithmetic when
//! there are 16 rows. Here the weight is packed once, and each element is one sum over k in order:
//! its bits do not depend on how many rows are computed together.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::instructions::dispatch;

/// Columns of a panel.
const WIDTH: usize = 32;

/// A weight `(k, n)` packed for [`Panels::product`].
#[derive(Debug, Clone)]
pub(crate) struct Panels {
    k: usize,
    n: usize,
    /// `(panels, k)`, zeros beyond column n.
    data: Vec<[f32; WIDTH]>,
}

impl Panels {
    /// Packs the row-major `weight (k, n)`.
    pub(crate) fn new(weight: &[f32], k: usize, n: usize) -> Self {
        Self::of_columns(weight, k, n, 0..n)
    }

    /// Packs some columns of the row-major `weight (k, width)`.
    pub(crate) fn of_columns(
        weight: &[f32],
        k: usize,
        width: usize,
        columns: Range<usize>,
    ) -> Self {
        let n = columns.len();
        let mut data = Vec::with_capacity(n.div_ceil(WIDTH) * k);
        for first in columns.clone().step_by(WIDTH) {
            let own = first..columns.end.min(first + WIDTH);
            for i in 0..k {
                let mut row = [0.0; WIDTH];
                row[..own.len()].copy_from_slice(&weight[i * width..][own.clone()]);
                data.push(row);
            }
        }
        Self { k, n, data }
    }

    /// `out += x · weight`; `x` is `(rows, k)`, `out` is `(rows, n)`, both dense.
    pub(crate) fn product(&self, x: &[f32], out: &mut [f32]) {
        self.run::<false>(x, out);
    }

    /// As [`Self::product`], but `out` is the sum over the k before these, which goes on: bit for bit the sum over
    /// all of them at once.
    pub(crate) fn go_on(&self, x: &[f32], out: &mut [f32]) {
        self.run::<true>(x, out);
    }

    fn run<const ON: bool>(&self, x: &[f32], out: &mut [f32]) {
        if self.k > 0 {
            dispatch(Product::<ON> {
                panels: self,
                x,
                out,
            });
        }
    }
}

struct Product<'a, const ON: bool> {
    panels: &'a Panels,
    x: &'a [f32],
    out: &'a mut [f32],
}

impl<const ON: bool> WithSimd for Product<'_, ON> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Rows, and panels of a row alone, are chosen so that accumulators, one weight row and a broadcast fit
        // the registers, and that sums enough do not wait for each other.
        match S::F32_LANES {
            16 => self.tiles::<S, 2, 8, 4>(simd),
            8 => self.tiles::<S, 4, 2, 2>(simd),
            4 => self.tiles::<S, 8, 2, 1>(simd),
            _ => self.tiles::<S, WIDTH, 1, 1>(simd),
        }
    }
}

impl<const ON: bool> Product<'_, ON> {
    #[inline(always)]
    fn tiles<S: Simd, const V: usize, const R: usize, const P: usize>(mut self, simd: S) {
        let (rows, panels) = (self.x.len() / self.panels.k, self.panels.n.div_ceil(WIDTH));
        let whole = rows / R * R;
        for j in 0..panels {
            for r in (0..whole).step_by(R) {
                self.tile::<S, V, R>(simd, j, r);
            }
        }
        for r in whole..rows {
            let mut j = 0;
            while j + P <= panels {
                self.row::<S, V, P>(simd, j, r);
                j += P;
            }
            if P > 2 && j + 2 <= panels {
                self.row::<S, V, 2>(simd, j, r);
                j += 2;
            }
            if j < panels {
                self.row::<S, V, 1>(simd, j, r);
            }
        }
    }

    /// A row by `P` panels from `j` on.
    #[inline(always)]
    fn row<S: Simd, const V: usize, const P: usize>(&mut self, simd: S, j: usize, r: usize) {
        let Panels { k, n, ref data } = *self.panels;
        let mut panels: [&[[f32; WIDTH]]; P] = [&[]; P];
        for (p, panel) in panels.iter_mut().enumerate() {
            *panel = &data[(j + p) * k..][..k];
        }
        let columns = j * WIDTH..n.min((j + P) * WIDTH);
        let out = &mut self.out[r * n..][columns];
        let mut sums = [[simd.splat_f32s(0.0); V]; P];
        if ON {
            let sums: &mut [f32] = bytemuck::cast_slice_mut(sums.as_flattened_mut());
            sums[..out.len()].copy_from_slice(out);
        }
        for (i, x) in self.x[r * k..][..k].iter().enumerate() {
            let value = simd.splat_f32s(*x);
            for (sums, panel) in sums.iter_mut().zip(&panels) {
                let (weights, _) = S::as_simd_f32s(&panel[i]);
                for (sum, w) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_f32s(value, *w, *sum);
                }
            }
        }
        let sums: &[f32] = bytemuck::cast_slice(sums.as_flattened());
        if ON {
            out.copy_from_slice(&sums[..out.len()]);
        } else {
            out.iter_mut().zip(sums).for_each(|(o, s)| *o += s);
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const V: usize, const R: usize>(&mut self, simd: S, j: usize, r: usize) {
        let Panels { k, n, ref data } = *self.panels;
        let panel = &data[j * k..][..k];
        // Not `array::from_fn`, which may stay a call.
        let mut x: [&[f32]; R] = [&[]; R];
        for (i, x) in x.iter_mut().enumerate() {
            *x = &self.x[(r + i) * k..][..k];
        }
        let mut sums = [[simd.splat_f32s(0.0); V]; R];
        let columns = WIDTH.min(n - j * WIDTH);
        if ON {
            for (i, sums) in sums.iter_mut().enumerate() {
                let sums: &mut [f32] = bytemuck::cast_slice_mut(sums);
                let out = &self.out[(r + i) * n + j * WIDTH..][..columns];
                sums[..columns].copy_from_slice(out);
            }
        }
        for (i, row) in panel.iter().enumerate() {
            let (weights, _) = S::as_simd_f32s(row);
            for (sums, x) in sums.iter_mut().zip(&x) {
                let value = simd.splat_f32s(x[i]);
                for (sum, w) in sums.iter_mut().zip(weights) {
                    *sum = simd.mul_add_f32s(value, *w, *sum);
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            let sums: &[f32] = bytemuck::cast_slice(sums);
            let out = &mut self.out[(r + i) * n + j * WIDTH..][..columns];
            if ON {
                out.copy_from_slice(&sums[..columns]);
            } else {
                out.iter_mut().zip(sums).for_each(|(o, s)| *o += s);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::product;

    #[test]
    fn agrees_with_the_general_product_whatever_the_rows() {
        for (m, k, n) in [(1, 3, 1), (9, 17, 33), (16, 64, 70), (3, 5, 256)] {
            let x: Vec<f32> = (0..m * k).map(|i| (i as f32 * 0.37).sin()).collect();
            let w: Vec<f32> = (0..k * n).map(|i| (i as f32 * 0.11).cos()).collect();
            let (mut a, mut b) = (vec![1.0; m * n], vec![1.0; m * n]);
            let panels = Panels::new(&w, k, n);
            panels.product(&x, &mut a);
            product([m, k, n], &x, &w, &mut b, true);
            assert!(
                a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-4),
                "{m} {k} {n}"
            );
            // In two parts, the sum is the same to the bit.
            let (first, rest): (Vec<&[f32]>, Vec<&[f32]>) =
                x.chunks_exact(k).map(|row| row.split_at(k / 2)).unzip();
            let mut parts = vec![0.0; m * n];
            let (head, tail) = w.split_at(k / 2 * n);
            Panels::new(head, k / 2, n).product(&first.concat(), &mut parts);
            Panels::new(tail, k - k / 2, n).go_on(&rest.concat(), &mut parts);
            let mut whole = vec![0.0; m * n];
            panels.product(&x, &mut whole);
            assert_eq!(parts, whole, "{m} {k} {n}");
            let mut one = vec![1.0; n];
            panels.product(&x[(m - 1) * k..], &mut one);
            assert_eq!(one, a[(m - 1) * n..], "a row depends on its neighbours");
        }
    }
}
