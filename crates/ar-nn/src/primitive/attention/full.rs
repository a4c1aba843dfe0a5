//! One image at a time, one head at a time, a tile of queries at a time: the scores of a tile stay in
//! the cache and are computed again in the backward pass.

use std::f32::consts::LOG2_E;

use pulp::{Arch, Simd, WithSimd};

use super::Attention;
use super::tile::{dots, gather, spread, transpose, transpose_back, unweigh, weigh};
use crate::kernel::scale;
use crate::primitive::Backward;

impl Attention {
    pub(super) fn full_forward(&self, inputs: &[&[f32]], out: &mut [f32], scratch: &mut Vec<f32>) {
        Arch::new().dispatch(Tiled(Forward {
            attention: self,
            queries: inputs[0],
            keys_values: inputs[1],
            out,
            scratch,
        }));
    }

    pub(super) fn full_backward(&self, pass: Backward<'_>) {
        let (queries, kv) = (&pass.values[pass.inputs[0]], &pass.values[pass.inputs[1]]);
        let mut q_grad = pass.gradients.buffer(queries.len());
        let mut kv_grad = pass.gradients.buffer(kv.len());
        Arch::new().dispatch(Tiled(BackwardPass {
            attention: self,
            queries,
            keys_values: kv,
            answers: pass.out,
            grad: &pass.grad,
            q_grad: &mut q_grad,
            kv_grad: &mut kv_grad,
            scratch: &mut pass.room.floats,
        }));
        pass.gradients.recycle(pass.grad);
        pass.gradients.give(pass.inputs[0], q_grad);
        pass.gradients.give(pass.inputs[1], kv_grad);
    }

    /// Columns `column..` of `x (positions, width)`, as many as a head has features, in the order of
    /// generation: the beginnings of the rows of `out`, zeros elsewhere.
    fn take(&self, x: &[f32], width: usize, column: usize, out: &mut [f32], out_width: usize) {
        let e = self.head_features();
        out.fill(0.0);
        for (&p, row) in self.positions.iter().zip(out.chunks_exact_mut(out_width)) {
            row[..e].copy_from_slice(&x[p as usize * width + column..][..e]);
        }
    }

    /// The reverse of [`Attention::take`], without the zeros.
    fn put(&self, rows: &[f32], row_width: usize, out: &mut [f32], width: usize, column: usize) {
        let e = self.head_features();
        for (&p, row) in self.positions.iter().zip(rows.chunks_exact(row_width)) {
            out[p as usize * width + column..][..e].copy_from_slice(&row[..e]);
        }
    }

    /// Sites in whole tiles of `lanes`, and features of a head in whole vectors.
    fn padded(&self, lanes: usize) -> [usize; 2] {
        let sites = self.positions.len().next_multiple_of(lanes);
        [sites, self.head_features().next_multiple_of(lanes)]
    }

    /// How many keys the first query of the tile from rank `first` reads, and how many one of them.
    fn keys_of(&self, first: usize, lanes: usize) -> [usize; 2] {
        let last = self.positions.len().min(first + lanes) - 1;
        [self.live(first), self.live(last)]
    }
}

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

/// Something done in tiles of L queries.
trait Pass {
    fn run<S: Simd, const L: usize>(self, simd: S);
}

/// A pass with as many queries in a tile as a vector has lanes.
struct Tiled<P>(P);

impl<P: Pass> WithSimd for Tiled<P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.0.run::<S, 16>(simd),
            8 => self.0.run::<S, 8>(simd),
            4 => self.0.run::<S, 4>(simd),
            1 => self.0.run::<S, 1>(simd),
            lanes => unreachable!("vectors of {lanes} floats"),
        }
    }
}

struct Forward<'a> {
    attention: &'a Attention,
    queries: &'a [f32],
    keys_values: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut Vec<f32>,
}

impl Pass for Forward<'_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        let own = self.attention;
        let (n, d) = (own.positions.len(), own.groups.features());
        let [sites, e] = own.padded(L);
        let sizes = [sites * e, sites * e, sites * e, e * L, sites * L, e * L];
        let [q, k, v, columns, weights, answers] = parts(self.scratch, sizes);
        let images = self.queries.chunks_exact(n * d);
        let images = images.zip(self.keys_values.chunks_exact(2 * n * d));
        for ((queries, kv), out) in images.zip(self.out.chunks_exact_mut(n * d)) {
            for column in (0..d).step_by(own.head_features()) {
                own.take(queries, d, column, q, e);
                own.take(kv, 2 * d, column, k, e);
                own.take(kv, 2 * d, d + column, v, e);
                for first in (0..n).step_by(L) {
                    let tile = &mut q[first * e..][..L * e];
                    transpose::<L>(tile, own.scale() * LOG2_E, columns);
                    let [live, keys] = own.keys_of(first, L);
                    let weights = &mut weights[..keys * L];
                    dots::<S, L>(simd, columns, &k[..keys * e], weights);
                    let by = weigh::<L>(weights, live);
                    answers.fill(0.0);
                    gather::<S, L>(simd, weights, &v[..keys * e], answers);
                    // Nothing asks for these queries again: the answers take their place.
                    transpose_back(answers, by, tile);
                }
                own.put(q, e, out, d, column);
            }
        }
    }
}

struct BackwardPass<'a> {
    attention: &'a Attention,
    queries: &'a [f32],
    keys_values: &'a [f32],
    /// What the forward pass gave, and the gradient of it.
    answers: &'a [f32],
    grad: &'a [f32],
    q_grad: &'a mut [f32],
    kv_grad: &'a mut [f32],
    scratch: &'a mut Vec<f32>,
}

impl Pass for BackwardPass<'_> {
    #[inline(always)]
    fn run<S: Simd, const L: usize>(self, simd: S) {
        let own = self.attention;
        let (n, d) = (own.positions.len(), own.groups.features());
        let [sites, e] = own.padded(L);
        let (all, tile, scores) = (sites * e, e * L, sites * L);
        let sizes = [
            all, all, all, all, all, all, all, tile, tile, tile, scores, scores,
        ];
        let [
            q,
            k,
            v,
            out,
            grad,
            dk,
            dv,
            columns,
            grad_columns,
            q_columns,
            weights,
            grads,
        ] = parts(self.scratch, sizes);
        for image in 0..self.grad.len() / (n * d) {
            let (own_range, pair) = (image * n * d..(image + 1) * n * d, image * 2 * n * d..);
            for column in (0..d).step_by(own.head_features()) {
                own.take(&self.queries[own_range.clone()], d, column, q, e);
                own.take(&self.keys_values[pair.clone()], 2 * d, column, k, e);
                own.take(&self.keys_values[pair.clone()], 2 * d, d + column, v, e);
                own.take(&self.answers[own_range.clone()], d, column, out, e);
                own.take(&self.grad[own_range.clone()], d, column, grad, e);
                dk.fill(0.0);
                dv.fill(0.0);
                for first in (0..n).step_by(L) {
                    let at = first * e..(first + L) * e;
                    let [live, keys] = own.keys_of(first, L);
                    let (weights, grads) = (&mut weights[..keys * L], &mut grads[..keys * L]);
                    transpose::<L>(&q[at.clone()], own.scale() * LOG2_E, columns);
                    dots::<S, L>(simd, columns, &k[..keys * e], weights);
                    let by = weigh::<L>(weights, live);
                    transpose::<L>(&grad[at.clone()], 1.0, grad_columns);
                    dots::<S, L>(simd, grad_columns, &v[..keys * e], grads);
                    // The sum of the weights times their gradients is the answer times its own.
                    let sums: [f32; L] = std::array::from_fn(|i| {
                        let row = (first + i) * e..(first + i + 1) * e;
                        let pairs = out[row.clone()].iter().zip(&grad[row]);
                        pairs.map(|(a, b)| a * b).sum()
                    });
                    unweigh(simd, weights, grads, &by, &sums);
                    q_columns.fill(0.0);
                    gather::<S, L>(simd, grads, &k[..keys * e], q_columns);
                    spread::<S, L>(simd, grads, &q[at.clone()], &mut dk[..keys * e]);
                    spread::<S, L>(simd, weights, &grad[at.clone()], &mut dv[..keys * e]);
                    // Nothing asks for these queries again: their gradient takes their place.
                    transpose_back(q_columns, [own.scale(); L], &mut q[at]);
                }
                scale(dk, own.scale());
                own.put(q, e, &mut self.q_grad[own_range.clone()], d, column);
                own.put(dk, e, &mut self.kv_grad[pair.clone()], 2 * d, column);
                own.put(dv, e, &mut self.kv_grad[pair.clone()], 2 * d, d + column);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ar_core::{ChannelGroups, ChannelSteps, Domain, MaskType, Order};
    use pulp::{Scalar, Scalar128b, Scalar256b, Scalar512b};

    use super::*;

    fn wave(n: usize, by: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * by).sin() * 3.0).collect()
    }

    /// The answers and both gradients, computed with vectors of type S.
    fn all_with<S: Simd>(simd: S, attention: &Attention) -> [Vec<f32>; 3] {
        let (n, d) = (attention.positions.len(), attention.groups.features());
        let (queries, kv) = (wave(2 * n * d, 0.7), wave(4 * n * d, 1.3));
        let [mut out, mut q_grad, mut kv_grad] =
            [2 * n * d, 2 * n * d, 4 * n * d].map(|size| vec![0.0; size]);
        let mut scratch = vec![f32::NAN; 7];
        let forward = Forward {
            attention,
            queries: &queries,
            keys_values: &kv,
            out: &mut out,
            scratch: &mut scratch,
        };
        Tiled(forward).with_simd(simd);
        let backward = BackwardPass {
            attention,
            queries: &queries,
            keys_values: &kv,
            answers: &out,
            grad: &wave(2 * n * d, 0.3),
            q_grad: &mut q_grad,
            kv_grad: &mut kv_grad,
            scratch: &mut scratch,
        };
        Tiled(backward).with_simd(simd);
        [out, q_grad, kv_grad]
    }

    /// The vectors of this processor are compared with the other route elsewhere.
    #[test]
    fn vectors_of_every_length_agree() {
        for (mask, features, heads) in [(MaskType::A, 6, 2), (MaskType::B, 34, 2)] {
            let domain = Domain::new(3, 7, 1, 2).unwrap();
            let order = Order::raster(&domain, ChannelSteps::Separate);
            let groups = ChannelGroups::split(features, 1);
            let attention = Attention::new(&order, groups, heads, mask);
            let expected = all_with(Scalar::new(), &attention);
            let others = [
                all_with(Scalar128b, &attention),
                all_with(Scalar256b, &attention),
                all_with(Scalar512b, &attention),
            ];
            for other in others {
                let pairs = other.iter().flatten().zip(expected.iter().flatten());
                for (a, b) in pairs {
                    assert!((a - b).abs() < 1e-4, "{a} {b}");
                }
            }
        }
    }
}
