use pulp::{Simd, WithSimd};

use super::Attention;
use crate::kernel::{LANES, dispatch, exp_sum, max};
use crate::primitive::{Step, StepValue};

/// Attention in the step pass: every step reads the keys and values of its memory once, from end to end.
#[derive(Clone)]
pub(super) struct AttentionStep {
    attention: Attention,
    batch: usize,
    /// `(d)`, with the scale of the scores in it.
    query: Vec<f32>,
    /// Of the sites of the present block, `(B, sites / LANES, (d + v) · LANES)`: of LANES sites the keys
    /// `(d, LANES)`, so that a score is a lane and needs no sum across lanes, and then the values
    /// `(LANES, v)`.
    cache: Vec<f32>,
    block: usize,
    /// How many sites of the block `cache` holds.
    kept: usize,
    /// `(heads, sites)`.
    weights: Vec<f32>,
}

impl AttentionStep {
    pub(super) fn new(attention: &Attention, batch: usize) -> Self {
        let padded = attention.memory.largest()[0].next_multiple_of(LANES);
        Self {
            batch,
            query: vec![0.0; attention.queries],
            cache: vec![0.0; batch * padded * attention.pair()],
            block: 0,
            kept: 0,
            weights: vec![0.0; attention.heads * padded],
            attention: attention.clone(),
        }
    }

    /// Takes what the query at `site` reads and the cache has not yet; gives how many sites that are.
    fn keep(&mut self, site: usize, kv: &StepValue) -> usize {
        let (d, pair) = (self.attention.queries, self.attention.pair());
        let block = self.attention.memory.block_of(site);
        if block != self.block {
            (self.block, self.kept) = (block, 0);
        }
        let read = self.attention.memory.read_by(site);
        let image = self.cache.len() / self.batch;
        for (i, &site) in read.iter().enumerate().skip(self.kept) {
            for (b, cache) in self.cache.chunks_exact_mut(image).enumerate() {
                let lanes = &mut cache[i / LANES * pair * LANES..][..pair * LANES];
                let (keys, values) = lanes.split_at_mut(d * LANES);
                let (k, v) = kv.row(b, site as usize).split_at(d);
                let features = keys.chunks_exact_mut(LANES).zip(k);
                features.for_each(|(lanes, k)| lanes[i % LANES] = *k);
                values[i % LANES * v.len()..][..v.len()].copy_from_slice(v);
            }
        }
        self.kept = self.kept.max(read.len());
        read.len()
    }
}

impl Step for AttentionStep {
    fn step(&mut self, sites: &[u32], _: usize, inputs: &[&StepValue], out: &mut StepValue) {
        for &site in sites {
            self.attend(site as usize, inputs, out);
        }
    }
}

impl AttentionStep {
    fn attend(&mut self, site: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let live = self.keep(site, inputs[1]);
        let (own, scale) = (&self.attention, self.attention.scale());
        let image = self.cache.len() / self.batch;
        for b in 0..self.batch {
            let q = inputs[0].row(b, site).iter();
            self.query
                .iter_mut()
                .zip(q)
                .for_each(|(o, q)| *o = q * scale);
            dispatch(Attend {
                heads: own.heads,
                query: &self.query,
                live,
                cache: &self.cache[b * image..][..image],
                weights: &mut self.weights,
                out: out.row_mut(b, site),
            });
        }
    }
}

/// One query of every head, over the first `live` sites of `cache`.
struct Attend<'a> {
    heads: usize,
    query: &'a [f32],
    live: usize,
    cache: &'a [f32],
    weights: &'a mut [f32],
    out: &'a mut [f32],
}

impl WithSimd for Attend<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self {
            heads,
            query,
            live,
            cache,
            weights,
            out,
        } = self;
        out.fill(0.0);
        let (d, v) = (query.len(), out.len());
        let (e, f, padded) = (d / heads, v / heads, live.next_multiple_of(LANES));
        if live == 0 {
            return;
        }
        let blocks = cache.chunks_exact((d + v) * LANES).take(padded / LANES);
        for (i, block) in blocks.clone().enumerate() {
            let by_head = query
                .chunks_exact(e)
                .zip(block[..d * LANES].chunks_exact(e * LANES));
            for (h, (q, block)) in by_head.enumerate() {
                let scores = dots(q, block.as_chunks::<LANES>().0);
                weights[h * padded + i * LANES..][..LANES].copy_from_slice(&scores);
            }
        }
        for weights in weights.chunks_exact_mut(padded).take(heads) {
            weights[live..].fill(f32::NEG_INFINITY);
            let top = max(weights);
            let by = 1.0 / exp_sum(weights, top);
            for w in weights {
                *w *= by;
            }
        }
        let whole = f.is_multiple_of(S::F32_LANES);
        for (i, block) in blocks.enumerate() {
            let values = &block[d * LANES..][..LANES.min(live - i * LANES) * v];
            let weights = |h: usize| &weights[h * padded + i * LANES..][..LANES];
            if whole {
                add_vectors(simd, values, weights, f, out);
            } else {
                add_features(values, weights, f, out);
            }
        }
    }
}

/// Σ query[f] · keys[f]; four sums, which do not wait for each other.
#[inline(always)]
fn dots(query: &[f32], keys: &[[f32; LANES]]) -> [f32; LANES] {
    let mut sums = [[0f32; LANES]; 4];
    let (queries, query_rest) = query.as_chunks::<4>();
    let (fours, rest) = keys.as_chunks::<4>();
    for (query, keys) in queries.iter().zip(fours) {
        for i in 0..4 {
            add(&mut sums[i], query[i], &keys[i]);
        }
    }
    for (query, keys) in query_rest.iter().zip(rest) {
        add(&mut sums[0], *query, keys);
    }
    let [a, b, c, d] = sums;
    std::array::from_fn(|l| (a[l] + b[l]) + (c[l] + d[l]))
}

#[inline(always)]
fn add(sums: &mut [f32; LANES], q: f32, keys: &[f32; LANES]) {
    for (sum, k) in sums.iter_mut().zip(keys) {
        *sum = q.mul_add(*k, *sum);
    }
}

/// Adds rows of `values`, head by head by their weights, to `out`, in heads of whole vectors.
#[inline(always)]
fn add_vectors<'a, S: Simd>(
    simd: S,
    values: &[f32],
    weights: impl Fn(usize) -> &'a [f32],
    e: usize,
    out: &mut [f32],
) {
    const AT_ONCE: usize = 4;
    let (values, _) = S::as_simd_f32s(values);
    let (out, _) = S::as_mut_simd_f32s(out);
    let width = out.len();
    let head = |vector: usize| weights(vector * S::F32_LANES / e);
    let (many, rest) = out.as_chunks_mut::<AT_ONCE>();
    let done = many.len() * AT_ONCE;
    for (i, out) in many.iter_mut().enumerate() {
        let first = i * AT_ONCE;
        add_rows(simd, values, [width, first], |v| head(first + v), out);
    }
    for (i, out) in rest.iter_mut().enumerate() {
        let (first, out) = (done + i, std::array::from_mut(out));
        add_rows::<S, 1>(simd, values, [width, first], |_| head(first), out);
    }
}

/// `out[v] += Σ weights(v)[j] · values[j][first + v]`, rows of `width` vectors. The sums stay in
/// registers.
#[inline(always)]
fn add_rows<'a, S: Simd, const V: usize>(
    simd: S,
    values: &[S::f32s],
    [width, first]: [usize; 2],
    weights: impl Fn(usize) -> &'a [f32],
    out: &mut [S::f32s; V],
) {
    let weights: [&[f32]; V] = std::array::from_fn(weights);
    let mut sums = *out;
    for (j, row) in values.chunks_exact(width).enumerate() {
        let row = &row[first..][..V];
        for ((sum, weights), v) in sums.iter_mut().zip(weights).zip(row) {
            *sum = simd.mul_add_f32s(simd.splat_f32s(weights[j]), *v, *sum);
        }
    }
    *out = sums;
}

/// As [`add_vectors`], for heads of any width.
#[inline(always)]
fn add_features<'a>(
    values: &[f32],
    weights: impl Fn(usize) -> &'a [f32],
    e: usize,
    out: &mut [f32],
) {
    for (j, row) in values.chunks_exact(out.len()).enumerate() {
        for (h, (out, row)) in out.chunks_exact_mut(e).zip(row.chunks_exact(e)).enumerate() {
            let by = weights(h)[j];
            out.iter_mut()
                .zip(row)
                .for_each(|(o, v)| *o = by.mul_add(*v, *o));
        }
    }
}
