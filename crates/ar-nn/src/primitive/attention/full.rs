//! One image at a time, one head at a time, a block of queries at a time: the scores of a block stay
//! in the cache and are computed again in the backward pass.

use pulp::{Arch, Simd, WithSimd};

use super::Attention;
use crate::kernel::{LANES, exp_sum, max, product, product_nt, product_tn, scale};
use crate::primitive::Backward;

/// Queries that are answered together.
const BLOCK: usize = 64;

/// Splits `scratch` into parts of these sizes, with whatever was in it.
fn parts<const N: usize>(scratch: &mut Vec<f32>, sizes: [usize; N]) -> [&mut [f32]; N] {
    let total = sizes.iter().sum();
    if scratch.len() < total {
        scratch.resize(total, 0.0);
    }
    let mut rest = &mut scratch[..];
    sizes.map(|size| {
        let (part, after) = std::mem::take(&mut rest).split_at_mut(size);
        rest = after;
        part
    })
}

impl Attention {
    /// Columns `column..` of `x (positions, width)`, as many as a row of `out` has, in the order of
    /// generation.
    fn take(&self, x: &[f32], width: usize, column: usize, out: &mut [f32]) {
        let e = self.head_features();
        for (&p, row) in self.positions.iter().zip(out.chunks_exact_mut(e)) {
            row.copy_from_slice(&x[p as usize * width + column..][..e]);
        }
    }

    /// The reverse of [`Attention::take`], for the sites from rank `first`.
    fn put(&self, first: usize, rows: &[f32], out: &mut [f32], width: usize, column: usize) {
        let e = self.head_features();
        for (&p, row) in self.positions[first..].iter().zip(rows.chunks_exact(e)) {
            out[p as usize * width + column..][..e].copy_from_slice(row);
        }
    }

    /// The weights with which the queries `q` from rank `first` read the keys: a row each, a column
    /// for every site up to the last of them.
    fn weights(&self, first: usize, q: &[f32], k: &[f32], weights: &mut [f32]) {
        let e = self.head_features();
        let (rows, keys) = (q.len() / e, first + q.len() / e);
        product_nt([rows, e, keys], q, k, weights, false);
        Arch::new().dispatch(Softmax {
            rows: weights,
            keys,
            live: self.live(first),
        });
    }

    pub(super) fn full_forward(&self, inputs: &[&[f32]], out: &mut [f32], scratch: &mut Vec<f32>) {
        let (n, d, e) = (
            self.positions.len(),
            self.groups.features(),
            self.head_features(),
        );
        let block = BLOCK.min(n);
        let [q, k, v, answers, weights] =
            parts(scratch, [n * e, n * e, n * e, block * e, block * n]);
        let images = inputs[0].chunks_exact(n * d);
        let images = images.zip(inputs[1].chunks_exact(2 * n * d));
        for ((queries, kv), out) in images.zip(out.chunks_exact_mut(n * d)) {
            for column in (0..d).step_by(e) {
                self.take(queries, d, column, q);
                self.take(kv, 2 * d, column, k);
                self.take(kv, 2 * d, d + column, v);
                scale(q, self.scale());
                for first in (0..n).step_by(block) {
                    let rows = block.min(n - first);
                    let keys = first + rows;
                    let weights = &mut weights[..rows * keys];
                    self.weights(first, &q[first * e..keys * e], k, weights);
                    let answers = &mut answers[..rows * e];
                    product([rows, keys, e], weights, v, answers, false);
                    self.put(first, answers, out, d, column);
                }
            }
        }
    }

    pub(super) fn full_backward(&self, pass: Backward<'_>) {
        let (n, d, e) = (
            self.positions.len(),
            self.groups.features(),
            self.head_features(),
        );
        let block = BLOCK.min(n);
        let [q, k, v, dq, dk, dv, d_out, out, weights, dots] = parts(
            pass.scratch,
            [
                n * e,
                n * e,
                n * e,
                n * e,
                n * e,
                n * e,
                n * e,
                n * e,
                2 * block * n,
                block,
            ],
        );
        let (weights, d_weights) = weights.split_at_mut(block * n);
        let (queries, kv) = (&pass.values[pass.inputs[0]], &pass.values[pass.inputs[1]]);
        let mut q_grad = pass.gradients.buffer(queries.len());
        let mut kv_grad = pass.gradients.buffer(kv.len());
        for image in 0..pass.grad.len() / (n * d) {
            let (own, pair) = (image * n * d.., image * 2 * n * d..);
            for column in (0..d).step_by(e) {
                self.take(&queries[own.clone()], d, column, q);
                self.take(&kv[pair.clone()], 2 * d, column, k);
                self.take(&kv[pair.clone()], 2 * d, d + column, v);
                self.take(&pass.grad[own.clone()], d, column, d_out);
                self.take(&pass.out[own.clone()], d, column, out);
                scale(q, self.scale());
                dk.fill(0.0);
                dv.fill(0.0);
                for first in (0..n).step_by(block) {
                    let rows = block.min(n - first);
                    let keys = first + rows;
                    let weights = &mut weights[..rows * keys];
                    let d_weights = &mut d_weights[..rows * keys];
                    let at = first * e..keys * e;
                    let (q, d_out, out) = (&q[at.clone()], &d_out[at.clone()], &out[at.clone()]);
                    self.weights(first, q, k, weights);
                    product_tn([keys, rows, e], weights, d_out, dv, true);
                    product_nt([rows, e, keys], d_out, v, d_weights, false);
                    // The sum of the weights times their gradients is the answer times its own.
                    let pairs = out.chunks_exact(e).zip(d_out.chunks_exact(e));
                    for (dot, (out, grad)) in dots.iter_mut().zip(pairs) {
                        *dot = out.iter().zip(grad).map(|(a, b)| a * b).sum();
                    }
                    Arch::new().dispatch(SoftmaxBackward {
                        weights,
                        grads: d_weights,
                        dots,
                        keys,
                    });
                    product([rows, keys, e], d_weights, k, &mut dq[at], false);
                    product_tn([keys, rows, e], d_weights, q, dk, true);
                }
                scale(dq, self.scale());
                self.put(0, dq, &mut q_grad[own.clone()], d, column);
                self.put(0, dk, &mut kv_grad[pair.clone()], 2 * d, column);
                self.put(0, dv, &mut kv_grad[pair.clone()], 2 * d, d + column);
            }
        }
        pass.gradients.recycle(pass.grad);
        pass.gradients.give(pass.inputs[0], q_grad);
        pass.gradients.give(pass.inputs[1], kv_grad);
    }
}

/// In place, over the first columns of each row of `keys`: `live` in the first row, one more in each
/// that follows. The rest becomes zero.
struct Softmax<'a> {
    rows: &'a mut [f32],
    keys: usize,
    live: usize,
}

impl WithSimd for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for (i, row) in self.rows.chunks_exact_mut(self.keys).enumerate() {
            let live = self.live + i;
            // Whole vectors: a scalar rest would cost as much as all before it.
            let padded = live.next_multiple_of(LANES).min(self.keys);
            row[live..padded].fill(f32::MIN);
            let top = max(&row[..padded]);
            let by = 1.0 / exp_sum(&mut row[..padded], top);
            row[live..].fill(0.0);
            for v in &mut row[..live] {
                *v *= by;
            }
        }
    }
}

/// Gradients of weights become gradients of scores.
struct SoftmaxBackward<'a> {
    weights: &'a [f32],
    grads: &'a mut [f32],
    /// Of each row, the sum of weights times gradients.
    dots: &'a [f32],
    keys: usize,
}

impl WithSimd for SoftmaxBackward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let rows = self.weights.chunks_exact(self.keys);
        let rows = rows.zip(self.grads.chunks_exact_mut(self.keys));
        for ((weights, grads), dot) in rows.zip(self.dots) {
            for (g, w) in grads.iter_mut().zip(weights) {
                *g = w * (*g - dot);
            }
        }
    }
}
