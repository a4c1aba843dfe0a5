//! What a step does with the rows of a batch when one number of each arrives or is asked for.

use pulp::{Simd, WithSimd};

use super::exp::{LANES, reduce};
use super::instructions::dispatch;

/// Every row of `rows` becomes `row`.
// Rows are counted, not cut: `chunks_exact` divides, which for one image costs as much as the rest.
pub(crate) fn fill_rows(rows: &mut [f32], row: &[f32]) {
    debug_assert!(!row.is_empty());
    let mut at = 0;
    while at < rows.len() {
        rows[at..][..row.len()].copy_from_slice(row);
        at += row.len();
    }
}

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
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.all::<S, 1>(simd),
            8 => self.all::<S, 2>(simd),
            4 => self.all::<S, 4>(simd),
            _ => self.all::<S, LANES>(simd),
        }
    }
}

impl Dots<'_> {
    #[inline(always)]
    fn all<S: Simd, const V: usize>(self, simd: S) {
        /// Rows at once: their sums do not wait for each other.
        const ROWS: usize = 4;
        let width = (self.rows.len() / self.out.len().max(1)).max(1);
        let (many, rest) = self.out.as_chunks_mut::<ROWS>();
        let (of_many, of_rest) = self.rows.split_at(many.len() * ROWS * width);
        for (out, rows) in many.iter_mut().zip(of_many.chunks_exact(ROWS * width)) {
            dots::<S, V, ROWS>(simd, rows, self.x, out);
        }
        for (out, row) in rest.iter_mut().zip(of_rest.chunks_exact(width)) {
            dots::<S, V, 1>(simd, row, self.x, std::array::from_mut(out));
        }
    }
}

/// Lanes by number, not by register, two sums of each: one shape whatever the width of the vectors.
#[inline(always)]
fn dots<S: Simd, const V: usize, const R: usize>(
    simd: S,
    rows: &[f32],
    x: &[f32],
    out: &mut [f32; R],
) {
    let mut own: [&[f32]; R] = [&[]; R];
    for (own, row) in own.iter_mut().zip(rows.chunks_exact(rows.len() / R)) {
        *own = &row[..x.len()];
    }
    let [mut even, mut odd] = [[[simd.splat_f32s(0.0); V]; R]; 2];
    let add = |sums: &mut [[S::f32s; V]; R], block: usize| {
        let at = block * LANES..(block + 1) * LANES;
        let (x, _) = S::as_simd_f32s(&x[at.clone()]);
        for (sums, row) in sums.iter_mut().zip(own) {
            let (row, _) = S::as_simd_f32s(&row[at.clone()]);
            for ((sum, row), x) in sums.iter_mut().zip(row).zip(x) {
                *sum = simd.mul_add_f32s(*row, *x, *sum);
            }
        }
    };
    let blocks = x.len() / LANES;
    for pair in 0..blocks / 2 {
        add(&mut even, 2 * pair);
        add(&mut odd, 2 * pair + 1);
    }
    if !blocks.is_multiple_of(2) {
        add(&mut even, blocks - 1);
    }
    for (out, (even, odd)) in out.iter_mut().zip(even.iter().zip(&odd)) {
        let mut lanes = [0f32; LANES];
        lanes.copy_from_slice(bytemuck::cast_slice(even));
        for (lane, odd) in lanes.iter_mut().zip(bytemuck::cast_slice(odd)) {
            *lane += odd;
        }
        *out = reduce(lanes, |a, b| a + b);
    }
    for (j, x) in x.iter().enumerate().skip(blocks * LANES) {
        for (out, row) in out.iter_mut().zip(own) {
            *out = row[j].mul_add(*x, *out);
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
