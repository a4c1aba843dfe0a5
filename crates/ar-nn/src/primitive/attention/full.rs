//! One image at a time, one head at a time, a block at a time, a tile of its queries at a time: the scores
//! of a tile stay in the cache and are computed again in the backward pass.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;
use pulp::{Simd, WithSimd};

use super::composite::at;
use super::step::AttentionStep;
use super::tile::{dots, gather, spread, transpose, transpose_back, unweigh, weigh};
use super::{Attention, Block};
use crate::kernel::{add_assign, dispatch, scale};
use crate::primitive::{Backward, Primitive, Reads, Room, StepPrimitive, TensorStep, Training};

impl Attention {
    /// The queries of the largest block and the sites of its memory, in whole tiles of `lanes`, and the
    /// features of a head's keys and values, in whole vectors.
    fn padded(&self, lanes: usize) -> [usize; 4] {
        let [sites, queries] = self.memory.largest();
        let [k, v] = self.head_features();
        [queries, sites, k, v].map(|size| size.next_multiple_of(lanes))
    }

    /// How many sites the first query of the tile from query `first` reads, and how many one of them.
    fn sites_of(&self, block: &Block, first: usize, lanes: usize) -> [usize; 2] {
        let last = self.memory.queries(block).len().min(first + lanes) - 1;
        [first, last].map(|i| self.memory.live(block, i))
    }

    /// What belongs to each head of queries, keys, values and answers.
    fn columns(&self) -> impl Iterator<Item = [Columns; 4]> + '_ {
        let ([k, v], d, pair) = (self.head_features(), self.queries, self.pair());
        let of = |first, count, width| Columns {
            first,
            count,
            width,
        };
        (0..self.heads).map(move |head| {
            [
                of(head * k, k, d),
                of(head * k, k, pair),
                of(d + head * v, v, pair),
                of(head * v, v, pair - d),
            ]
        })
    }
}

impl Primitive for Attention {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn reads(&self, input: usize) -> Reads<'_> {
        match input {
            0 => Reads::Here,
            _ => Reads::Earlier(&self.memory),
        }
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor], _: &Training) -> Result<Tensor> {
        let (q, kv, memory) = (inputs[0], inputs[1], &*self.memory);
        let answers = memory.blocks.iter().map(|block| {
            let (queries, sites) = (memory.queries(block), memory.sites(block));
            let live = self.live(block, q)?;
            self.attend(&at(q, queries)?, &at(kv, sites)?, Some(&live))
        });
        let answers = Tensor::cat(&answers.collect::<Result<Vec<_>>>()?, 1)?; // by rank
        let sites = 0..memory.order.positions();
        let ranks: Vec<u32> = sites.map(|site| memory.order.rank(site) as u32).collect();
        at(&answers, &ranks)
    }

    fn forward(&self, inputs: &[&[f32]], _: &[f32], out: &mut [f32], room: &mut Room) {
        dispatch(Tiled(Forward {
            attention: self,
            queries: inputs[0],
            keys_values: inputs[1],
            out,
            scratch: &mut room.floats,
        }));
    }

    fn backward(&self, pass: Backward<'_>) {
        let (queries, kv) = (&pass.values[pass.inputs[0]], &pass.values[pass.inputs[1]]);
        let mut q_grad = pass.gradients.buffer(queries.len());
        let mut kv_grad = pass.gradients.buffer(kv.len());
        dispatch(Tiled(BackwardPass {
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

    fn composite_step(&self, at: TensorStep<'_>, _: &[Tensor]) -> Result<Tensor> {
        let one = |&site: &u32| {
            let q = at.inputs[0].rows(&[site])?;
            match self.memory.read_by(site as usize) {
                [] => at.own.zeros(1),
                read => self.attend(&q, &at.inputs[1].gather(read)?, None),
            }
        };
        let answers = at.sites.iter().map(one).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&answers, 1)?)
    }

    fn stepper(&self, batch: usize, _: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(AttentionStep::new(self, batch))
    }
}

/// Some columns of every row: where they begin, how many, and the width of a row.
#[derive(Clone, Copy)]
struct Columns {
    first: usize,
    count: usize,
    width: usize,
}

impl Columns {
    fn at(self, site: u32) -> Range<usize> {
        let first = site as usize * self.width + self.first;
        first..first + self.count
    }

    /// Those of `x` at `sites`: the beginnings of the rows of `out`, zeros elsewhere.
    fn take(self, x: &[f32], sites: &[u32], out: &mut [f32], out_width: usize) {
        out.fill(0.0);
        for (&site, row) in sites.iter().zip(out.chunks_exact_mut(out_width)) {
            row[..self.count].copy_from_slice(&x[self.at(site)]);
        }
    }

    /// The reverse of [`Columns::take`], without the zeros.
    fn put(self, rows: &[f32], row_width: usize, sites: &[u32], out: &mut [f32]) {
        for (&site, row) in sites.iter().zip(rows.chunks_exact(row_width)) {
            out[self.at(site)].copy_from_slice(&row[..self.count]);
        }
    }

    /// As [`Columns::put`], added to what is there.
    fn add(self, rows: &[f32], row_width: usize, sites: &[u32], out: &mut [f32]) {
        for (&site, row) in sites.iter().zip(rows.chunks_exact(row_width)) {
            add_assign(&mut out[self.at(site)], &row[..self.count]);
        }
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
        let n = own.memory.order.positions();
        let [queries, sites, e, f] = own.padded(L);
        let [of_q, of_k, of_v, of_a] = [queries * e, sites * e, sites * f, queries * f];
        let sizes = [of_q, of_k, of_v, of_a, e * L, sites * L, f * L];
        let [q, k, v, answers, columns, weights, sums] = parts(self.scratch, sizes);
        let images = self.queries.chunks_exact(n * own.queries);
        let images = images.zip(self.keys_values.chunks_exact(n * own.pair()));
        let outs = self.out.chunks_exact_mut(n * own.groups.features());
        for ((of_queries, kv), out) in images.zip(outs) {
            for [of_query, of_key, of_value, of_answer] in own.columns() {
                for block in &own.memory.blocks {
                    let (queries, sites) = (own.memory.queries(block), own.memory.sites(block));
                    let tiles = queries.len().next_multiple_of(L);
                    of_query.take(of_queries, queries, &mut q[..tiles * e], e);
                    of_key.take(kv, sites, &mut k[..sites.len() * e], e);
                    of_value.take(kv, sites, &mut v[..sites.len() * f], f);
                    for first in (0..queries.len()).step_by(L) {
                        transpose::<L>(&q[first * e..][..L * e], own.scale() * LOG2_E, columns);
                        let [live, read] = own.sites_of(block, first, L);
                        let weights = &mut weights[..read * L];
                        dots::<S, L>(simd, columns, &k[..read * e], weights);
                        let by = weigh::<L>(weights, live);
                        sums.fill(0.0);
                        gather::<S, L>(simd, weights, &v[..read * f], sums);
                        transpose_back(sums, by, &mut answers[first * f..][..L * f]);
                    }
                    of_answer.put(answers, f, queries, out);
                }
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
        let n = own.memory.order.positions();
        let [queries, sites, e, f] = own.padded(L);
        let [of_q, of_a] = [queries * e, queries * f];
        let [of_k, of_v] = [sites * e, sites * f];
        let [of_e, of_f, scores] = [e * L, f * L, sites * L];
        let sizes = [
            of_q, of_k, of_v, of_a, of_a, of_k, of_v, of_e, of_f, of_e, scores, scores,
        ];
        let [q, k, v, answers, grad, dk, dv, rest @ ..] = parts(self.scratch, sizes);
        let [columns, grad_columns, q_columns, weights, grads] = rest;
        // Of a site that several blocks read, all that they leave is added.
        self.kv_grad.fill(0.0);
        let image = |i: usize, width: usize| i * n * width..(i + 1) * n * width;
        for i in 0..self.queries.len() / (n * own.queries) {
            let of_queries = image(i, own.queries);
            let (pair, of_answers) = (image(i, own.pair()), image(i, own.groups.features()));
            let kv = &self.keys_values[pair.clone()];
            for [of_query, of_key, of_value, of_answer] in own.columns() {
                for block in &own.memory.blocks {
                    let (queries, sites) = (own.memory.queries(block), own.memory.sites(block));
                    let tiles = queries.len().next_multiple_of(L);
                    let (k, v) = (&mut k[..sites.len() * e], &mut v[..sites.len() * f]);
                    let (dk, dv) = (&mut dk[..k.len()], &mut dv[..v.len()]);
                    let own_queries = &self.queries[of_queries.clone()];
                    of_query.take(own_queries, queries, &mut q[..tiles * e], e);
                    of_key.take(kv, sites, k, e);
                    of_value.take(kv, sites, v, f);
                    let (answers, grad) = (&mut answers[..tiles * f], &mut grad[..tiles * f]);
                    of_answer.take(&self.answers[of_answers.clone()], queries, answers, f);
                    of_answer.take(&self.grad[of_answers.clone()], queries, grad, f);
                    dk.fill(0.0);
                    dv.fill(0.0);
                    for first in (0..queries.len()).step_by(L) {
                        let tile = first * e..(first + L) * e;
                        let of_tile = first * f..(first + L) * f;
                        let [live, read] = own.sites_of(block, first, L);
                        let (weights, grads) = (&mut weights[..read * L], &mut grads[..read * L]);
                        transpose::<L>(&q[tile.clone()], own.scale() * LOG2_E, columns);
                        dots::<S, L>(simd, columns, &k[..read * e], weights);
                        let by = weigh::<L>(weights, live);
                        transpose::<L>(&grad[of_tile.clone()], 1.0, grad_columns);
                        dots::<S, L>(simd, grad_columns, &v[..read * f], grads);
                        // The sum of the weights times their gradients is the answer times its own.
                        let mut sums = [0f32; L];
                        let rows = grad[of_tile.clone()].chunks_exact(f);
                        let rows = answers[of_tile.clone()].chunks_exact(f).zip(rows);
                        for (sum, (answers, grad)) in sums.iter_mut().zip(rows) {
                            *sum = answers.iter().zip(grad).map(|(a, b)| a * b).sum();
                        }
                        unweigh(simd, weights, grads, &by, &sums);
                        q_columns.fill(0.0);
                        gather::<S, L>(simd, grads, &k[..read * e], q_columns);
                        spread::<S, L>(simd, grads, &q[tile.clone()], &mut dk[..read * e]);
                        spread::<S, L>(simd, weights, &grad[of_tile], &mut dv[..read * f]);
                        // Nothing asks for these queries again: their gradient takes their place.
                        transpose_back(q_columns, [own.scale(); L], &mut q[tile]);
                    }
                    scale(dk, own.scale());
                    of_query.put(q, e, queries, &mut self.q_grad[of_queries.clone()]);
                    of_key.add(dk, e, sites, &mut self.kv_grad[pair.clone()]);
                    of_value.add(dv, f, sites, &mut self.kv_grad[pair.clone()]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ar_core::{ChannelGroups, ChannelSteps, Domain, MaskType, Order};
    use pulp::{Scalar, Scalar128b, Scalar256b, Scalar512b};

    use super::*;
    use crate::primitive::attention::{AttentionConfig, Reach};

    fn wave(n: usize, by: f32) -> Vec<f32> {
        (0..n).map(|i| (i as f32 * by).sin() * 3.0).collect()
    }

    /// The answers and both gradients, computed with vectors of type S.
    fn all_with<S: Simd>(simd: S, attention: &Attention) -> [Vec<f32>; 3] {
        let n = 2 * attention.memory.order.positions();
        let [d, v, pair] = [
            attention.queries,
            attention.groups.features(),
            attention.pair(),
        ];
        let (queries, kv) = (wave(n * d, 0.7), wave(n * pair, 1.3));
        let [mut out, mut q_grad, mut kv_grad] = [v, d, pair].map(|c| vec![f32::NAN; n * c]);
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
            grad: &wave(n * v, 0.3),
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
        let nearby = Reach::Nearby {
            block: [2, 3],
            memory: [1, 2],
        };
        for (mask, queries, values, reach) in [
            (MaskType::A, 6, 6, Reach::All),
            (MaskType::B, 34, 34, Reach::All),
            (MaskType::B, 4, 38, nearby),
        ] {
            let domain = Domain::new(1, 3, 7, 2).unwrap();
            let order = Order::raster(&domain, ChannelSteps::Separate);
            let config = AttentionConfig {
                heads: 2,
                mask,
                reach,
            };
            let groups = ChannelGroups::split(values, 1);
            let attention = Attention::new(&order, queries, groups, config).unwrap();
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
