//! What a step does with the rows of a batch when one number of each arrives or is asked for.

use pulp::{Simd, WithSimd};

use super::exp::{LANES, reduce};
use super::instructions::dispatch;

struct AddOuter<'a> {
    rows: &'a mut [f32],
    by: &'a [f32],
    x: &'a [f32],
}

impl WithSimd for AddOuter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.rows.len() / self.by.len().max(1);
        for (row, &by) in self.rows.chunks_exact_mut(width.max(1)).zip(self.by) {
            // Black pixels and units at rest are most of what arrives.
            if by != 0.0 {
                let tail = &mut row[width - self.x.len()..];
                for (out, x) in tail.iter_mut().zip(self.x) {
                    *out += by * x;
                }
            }
        }
    }
}

/// Adds `by[i] · x` to the end of row i of `rows`, one row for each of `by`.
pub(crate) fn add_outer_to_tails(rows: &mut [f32], by: &[f32], x: &[f32]) {
    dispatch(AddOuter { rows, by, x });
}

struct Dots<'a> {
    rows: &'a [f32],
    x: &'a [f32],
    out: &'a mut [f32],
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let width = self.rows.len() / self.out.len().max(1);
        let (x, x_rest) = self.x.as_chunks::<LANES>();
        for (row, out) in self.rows.chunks_exact(width.max(1)).zip(self.out) {
            let (row, row_rest) = row[..self.x.len()].as_chunks::<LANES>();
            // Lanes by number, not by register, two sums each: one shape whatever the width.
            let mut sums = [[0f32; LANES]; 2];
            for (row, x) in row.chunks(2).zip(x.chunks(2)) {
                for ((sums, row), x) in sums.iter_mut().zip(row).zip(x) {
                    for ((sum, row), x) in sums.iter_mut().zip(row).zip(x) {
                        *sum = row.mul_add(*x, *sum);
                    }
                }
            }
            let [even, odd] = sums;
            let lanes = std::array::from_fn(|l| even[l] + odd[l]);
            let rest = row_rest.iter().zip(x_rest);
            *out = rest.fold(reduce(lanes, |a, b| a + b), |sum, (r, x)| {
                r.mul_add(*x, sum)
            });
        }
    }
}

/// `out[i]`: the product of `x` with the beginning of row i of `rows`, one row for each of `out`.
pub(crate) fn dots_with_heads(rows: &[f32], x: &[f32], out: &mut [f32]) {
    dispatch(Dots { rows, x, out });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_tails_of_every_row() {
        for (width, part) in [(1, 1), (5, 0), (7, 3), (150, 131), (64, 64)] {
            let x: Vec<f32> = (0..part).map(|i| (i as f32 * 0.3).sin()).collect();
            let mut rows: Vec<f32> = (0..3 * width).map(|i| (i as f32 * 0.7).cos()).collect();
            let before = rows.clone();
            let mut out = [0.0; 3];
            dots_with_heads(&rows, &x, &mut out);
            add_outer_to_tails(&mut rows, &[2.0, 0.0, -1.0], &x);
            for (i, by) in [2.0, 0.0, -1.0].into_iter().enumerate() {
                let row = &before[i * width..][..width];
                let dot: f32 = row.iter().zip(&x).map(|(a, b)| a * b).sum();
                assert!((out[i] - dot).abs() < 1e-4, "{width} {part}");
                for (j, &old) in row.iter().enumerate() {
                    let added = (j + part).checked_sub(width).map_or(0.0, |j| by * x[j]);
                    assert!((rows[i * width + j] - old - added).abs() < 1e-6);
                }
            }
        }
    }
}
