//! A tile: as many queries as a vector has lanes, against all keys that one of them may read.
//!
//! What a tile knows of a key is one vector, a lane for each query, so that nothing is summed across
//! lanes; what it knows of a feature is one vector too. `L` is the number of lanes, and the width of
//! all rows a multiple of it.

use pulp::Simd;

use crate::kernel::exp2_or_zero;

/// Rows that are computed together: the sums of one alone would wait for each other.
const ROWS: usize = 4;

/// `by` times the transpose of `rows (L, width)`: `(width, L)`.
#[inline(always)]
pub(super) fn transpose<const L: usize>(rows: &[f32], by: f32, out: &mut [f32]) {
    let width = rows.len() / L;
    for (i, row) in rows.chunks_exact(width).enumerate() {
        for (out, v) in out.as_chunks_mut::<L>().0.iter_mut().zip(row) {
            out[i] = by * v;
        }
    }
}

/// The reverse of [`transpose`], row i times `by[i]`.
#[inline(always)]
pub(super) fn transpose_back<const L: usize>(columns: &[f32], by: [f32; L], rows: &mut [f32]) {
    let width = rows.len() / L;
    for (i, row) in rows.chunks_exact_mut(width).enumerate() {
        for (v, column) in row.iter_mut().zip(columns.as_chunks::<L>().0) {
            *v = column[i] * by[i];
        }
    }
}

/// `out[j] = Σ columns[f] · rows[j][f]`: a query's products with every row.
#[inline(always)]
pub(super) fn dots<S: Simd, const L: usize>(
    simd: S,
    columns: &[f32],
    rows: &[f32],
    out: &mut [f32],
) {
    let (columns, _) = S::as_simd_f32s(columns);
    let (out, _) = S::as_mut_simd_f32s(out);
    let (rows, _) = rows.as_chunks::<L>();
    let parts = columns.len() / L;
    for (part, columns) in columns.as_chunks::<L>().0.iter().enumerate() {
        let (many, rest) = out.as_chunks_mut::<ROWS>();
        let (rows_many, rows_rest) = rows.split_at(many.len() * ROWS * parts);
        let add = part > 0;
        for (out, rows) in many.iter_mut().zip(rows_many.chunks_exact(ROWS * parts)) {
            dot(simd, columns, rows, [part, parts], out, add);
        }
        for (out, rows) in rest.iter_mut().zip(rows_rest.chunks_exact(parts)) {
            let out = std::array::from_mut(out);
            dot::<S, L, 1>(simd, columns, rows, [part, parts], out, add);
        }
    }
}

#[inline(always)]
fn dot<S: Simd, const L: usize, const R: usize>(
    simd: S,
    columns: &[S::f32s; L],
    rows: &[[f32; L]],
    [part, parts]: [usize; 2],
    out: &mut [S::f32s; R],
    add: bool,
) {
    // Here and below not `array::from_fn`, which may stay a call.
    let mut own = [&[0f32; L]; R];
    for (own, row) in own.iter_mut().zip(rows.iter().skip(part).step_by(parts)) {
        *own = row;
    }
    let mut sums = if add { *out } else { [simd.splat_f32s(0.0); R] };
    for (i, column) in columns.iter().enumerate() {
        for (sum, row) in sums.iter_mut().zip(&own) {
            *sum = simd.mul_add_e_f32s(simd.splat_f32s(row[i]), *column, *sum);
        }
    }
    *out = sums;
}

/// `out[f] += Σ weights[j] · rows[j][f]`: what a query gathers from all rows.
#[inline(always)]
pub(super) fn gather<S: Simd, const L: usize>(
    simd: S,
    weights: &[f32],
    rows: &[f32],
    out: &mut [f32],
) {
    let (weights, _) = S::as_simd_f32s(weights);
    let (out, _) = S::as_mut_simd_f32s(out);
    let (rows, _) = rows.as_chunks::<L>();
    let parts = out.len() / L;
    for (part, out) in out.as_chunks_mut::<L>().0.iter_mut().enumerate() {
        let mut sums = *out;
        for (weight, row) in weights.iter().zip(rows.chunks_exact(parts)) {
            for (sum, v) in sums.iter_mut().zip(&row[part]) {
                *sum = simd.mul_add_e_f32s(simd.splat_f32s(*v), *weight, *sum);
            }
        }
        *out = sums;
    }
}

/// `out[j] += Σ weights[j][i] · rows[i]`: what all queries of a tile, `rows`, leave at every row.
#[inline(always)]
pub(super) fn spread<S: Simd, const L: usize>(
    simd: S,
    weights: &[f32],
    rows: &[f32],
    out: &mut [f32],
) {
    let (rows, _) = S::as_simd_f32s(rows);
    let (out, _) = S::as_mut_simd_f32s(out);
    let (weights, _) = weights.as_chunks::<L>();
    let parts = rows.len() / L;
    for part in 0..parts {
        let mut own = [simd.splat_f32s(0.0); L];
        for (own, row) in own.iter_mut().zip(rows.iter().skip(part).step_by(parts)) {
            *own = *row;
        }
        let (many, rest) = weights.as_chunks::<ROWS>();
        let (out_many, out_rest) = out.split_at_mut(many.len() * ROWS * parts);
        for (weights, out) in many.iter().zip(out_many.chunks_exact_mut(ROWS * parts)) {
            leave(simd, &own, weights, [part, parts], out);
        }
        for (weights, out) in rest.iter().zip(out_rest.chunks_exact_mut(parts)) {
            let weights = std::array::from_ref(weights);
            leave::<S, L, 1>(simd, &own, weights, [part, parts], out);
        }
    }
}

#[inline(always)]
fn leave<S: Simd, const L: usize, const R: usize>(
    simd: S,
    rows: &[S::f32s; L],
    weights: &[[f32; L]; R],
    [part, parts]: [usize; 2],
    out: &mut [S::f32s],
) {
    let mut sums = [simd.splat_f32s(0.0); R];
    for (sum, out) in sums.iter_mut().zip(out.iter().skip(part).step_by(parts)) {
        *sum = *out;
    }
    for (i, row) in rows.iter().enumerate() {
        for (sum, weights) in sums.iter_mut().zip(weights) {
            *sum = simd.mul_add_e_f32s(simd.splat_f32s(weights[i]), *row, *sum);
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        out[r * parts + part] = sum;
    }
}

/// Scores to the base 2 `(keys, L)` become weights, up to a factor for each query, which is returned:
/// zero where there is nothing to read. Query i reads the first `live + i` keys.
#[inline(always)]
pub(super) fn weigh<const L: usize>(scores: &mut [f32], live: usize) -> [f32; L] {
    let (scores, _) = scores.as_chunks_mut::<L>();
    for (i, dead) in scores.iter_mut().skip(live).enumerate() {
        dead[..L.min(i + 1)].fill(f32::NEG_INFINITY);
    }
    // Not infinite: where nothing is alive, all weights are zero.
    let mut tops = [f32::MIN; L];
    for row in &*scores {
        for (top, v) in tops.iter_mut().zip(row) {
            *top = if *v > *top { *v } else { *top };
        }
    }
    let mut sums = [0f32; L];
    for row in scores {
        for ((v, sum), top) in row.iter_mut().zip(&mut sums).zip(&tops) {
            *v = exp2_or_zero(*v - top);
            *sum += *v;
        }
    }
    sums.map(|sum| if sum == 0.0 { 0.0 } else { 1.0 / sum })
}

/// Weights up to the factors `by`, and the gradients of true weights, become true weights and the
/// gradients of scores. `dots` are, of each query, the sum of its weights times their gradients.
#[inline(always)]
pub(super) fn unweigh<S: Simd>(
    simd: S,
    weights: &mut [f32],
    grads: &mut [f32],
    by: &[f32],
    dots: &[f32],
) {
    let (weights, _) = S::as_mut_simd_f32s(weights);
    let (grads, _) = S::as_mut_simd_f32s(grads);
    let (by, dots) = (S::as_simd_f32s(by).0[0], S::as_simd_f32s(dots).0[0]);
    for (weight, grad) in weights.iter_mut().zip(grads) {
        *weight = simd.mul_f32s(*weight, by);
        *grad = simd.mul_f32s(*weight, simd.sub_f32s(*grad, dots));
    }
}
