//! Loops over slices, compiled for the processor at hand. The loops stand in `with_simd` itself and
//! not in a closure handed to pulp: a closure of any size is not inlined there, and stays scalar.

use pulp::{Simd, WithSimd};

use super::instructions::dispatch;

struct Each<'a, const N: usize, F> {
    out: &'a mut [f32],
    x: [&'a [f32]; N],
    f: F,
}

impl<F: Fn(&mut f32)> WithSimd for Each<'_, 0, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for out in self.out {
            (self.f)(out);
        }
    }
}

impl<F: Fn(&mut f32, f32)> WithSimd for Each<'_, 1, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (out, x) in self.out.iter_mut().zip(self.x[0]) {
            (self.f)(out, *x);
        }
    }
}

impl<F: Fn(&mut f32, f32, f32)> WithSimd for Each<'_, 2, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (out, (x, y)) in self.out.iter_mut().zip(self.x[0].iter().zip(self.x[1])) {
            (self.f)(out, *x, *y);
        }
    }
}

/// `f` on every element; keep it small.
pub(crate) fn each(out: &mut [f32], f: impl Fn(&mut f32)) {
    dispatch(Each { out, x: [], f });
}

/// `f` on every element and that of `x`.
pub(crate) fn each_with(out: &mut [f32], x: &[f32], f: impl Fn(&mut f32, f32)) {
    dispatch(Each { out, x: [x], f });
}

/// `f` on every element and those of `x` and `y`.
pub(crate) fn each_with_both(
    out: &mut [f32],
    x: &[f32],
    y: &[f32],
    f: impl Fn(&mut f32, f32, f32),
) {
    dispatch(Each { out, x: [x, y], f });
}

/// `out += x`.
pub(crate) fn add_assign(out: &mut [f32], x: &[f32]) {
    each_with(out, x, |o, x| *o += x);
}

/// `out *= by`.
pub(crate) fn scale(out: &mut [f32], by: f32) {
    each(out, |o| *o *= by);
}

struct Rows<'a, F> {
    out: &'a mut [f32],
    x: &'a [f32],
    f: F,
}

impl<F: Fn(&mut f32, f32)> WithSimd for Rows<'_, F> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.out.chunks_exact_mut(self.x.len().max(1)) {
            for (out, x) in row.iter_mut().zip(self.x) {
                (self.f)(out, *x);
            }
        }
    }
}

/// `f` on every element of every row of `rows` and that of `x`.
pub(crate) fn each_row_with(rows: &mut [f32], x: &[f32], f: impl Fn(&mut f32, f32)) {
    dispatch(Rows { out: rows, x, f });
}

struct ColumnSums<'a> {
    out: &'a mut [f32],
    x: &'a [f32],
}

impl WithSimd for ColumnSums<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for row in self.x.chunks_exact(self.out.len().max(1)) {
            for (out, x) in self.out.iter_mut().zip(row) {
                *out += x;
            }
        }
    }
}

/// Adds the sum of the rows of `x` to `out`.
pub(crate) fn add_column_sums(out: &mut [f32], x: &[f32]) {
    dispatch(ColumnSums { out, x });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_reach_every_element() {
        let mut out = vec![1.0; 37];
        let x: Vec<f32> = (0..37).map(|i| i as f32).collect();
        add_assign(&mut out, &x);
        scale(&mut out, 2.0);
        each_with_both(&mut out, &x, &x, |o, a, b| *o -= a + b);
        assert_eq!(out, [2.0; 37]);
        let (mut rows, mut sums) = (vec![1.0; 6], vec![0.0; 3]);
        each_row_with(&mut rows, &[1.0, 2.0, 3.0], |o, b| *o += b);
        add_column_sums(&mut sums, &rows);
        assert_eq!(sums, [4.0, 6.0, 8.0]);
    }
}
