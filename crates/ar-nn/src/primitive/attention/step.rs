use pulp::{Arch, Simd, WithSimd};

use super::Attention;
use crate::kernel::{exp_sum, max};
use crate::primitive::{StepPrimitive, StepValue};

/// Attention in the step pass: the kept keys and values are the cache, each read once.
pub(super) struct AttentionStep {
    attention: Attention,
    batch: usize,
    /// `(d)`, with the scale of the scores in it.
    query: Vec<f32>,
    /// `(heads, positions)`.
    weights: Vec<f32>,
}

impl AttentionStep {
    pub(super) fn new(attention: &Attention, batch: usize) -> Self {
        Self {
            batch,
            query: vec![0.0; attention.groups.features()],
            weights: vec![0.0; attention.heads * attention.positions.len()],
            attention: attention.clone(),
        }
    }
}

impl StepPrimitive for AttentionStep {
    fn step(&mut self, position: usize, _: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let (own, scale) = (&self.attention, self.attention.scale());
        let live = own.live(own.order.rank(position));
        for b in 0..self.batch {
            let q = inputs[0].row(b, position);
            self.query
                .iter_mut()
                .zip(q)
                .for_each(|(o, q)| *o = q * scale);
            Arch::new().dispatch(Attend {
                heads: own.heads,
                query: &self.query,
                sites: &own.positions[..live],
                kv: inputs[1].image(b),
                weights: &mut self.weights[..own.heads * live],
                out: out.row_mut(b, position),
            });
        }
    }
}

/// One query of every head, over the rows `sites` of `kv`.
struct Attend<'a> {
    heads: usize,
    query: &'a [f32],
    sites: &'a [u32],
    kv: &'a [f32],
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
            sites,
            kv,
            weights,
            out,
        } = self;
        out.fill(0.0);
        let (d, live) = (query.len(), sites.len());
        let e = d / heads;
        for (j, &site) in sites.iter().enumerate() {
            let k = &kv[site as usize * 2 * d..][..d];
            for (h, (q, k)) in query.chunks_exact(e).zip(k.chunks_exact(e)).enumerate() {
                weights[h * live + j] = dot(simd, q, k);
            }
        }
        for weights in weights.chunks_exact_mut(live.max(1)) {
            let top = max(weights);
            let by = 1.0 / exp_sum(weights, top);
            for w in weights {
                *w *= by;
            }
        }
        // Four rows at a time: the sums are loaded and stored a quarter as often.
        let value = |site: u32| &kv[site as usize * 2 * d + d..][..d];
        let (fours, rest) = sites.as_chunks::<4>();
        for (j, four) in fours.iter().enumerate() {
            let rows = four.map(value);
            for (h, out) in out.chunks_exact_mut(e).enumerate() {
                let by = std::array::from_fn(|i| weights[h * live + 4 * j + i]);
                add_rows(simd, out, rows.map(|r| &r[h * e..][..e]), by);
            }
        }
        for (j, &site) in rest.iter().enumerate() {
            for (h, out) in out.chunks_exact_mut(e).enumerate() {
                let by = weights[h * live + 4 * fours.len() + j];
                add_rows(simd, out, [&value(site)[h * e..][..e]], [by]);
            }
        }
    }
}

#[inline(always)]
fn dot<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let ((a, a_rest), (b, b_rest)) = (S::as_simd_f32s(a), S::as_simd_f32s(b));
    let mut sums = simd.splat_f32s(0.0);
    if !a_rest.is_empty() {
        let (a, b) = (
            simd.partial_load_f32s(a_rest),
            simd.partial_load_f32s(b_rest),
        );
        sums = simd.mul_f32s(a, b);
    }
    for (a, b) in a.iter().zip(b) {
        sums = simd.mul_add_e_f32s(*a, *b, sums);
    }
    simd.reduce_sum_f32s(sums)
}

/// `out += Σ by · row`.
#[inline(always)]
fn add_rows<S: Simd, const R: usize>(simd: S, out: &mut [f32], rows: [&[f32]; R], by: [f32; R]) {
    let (out, out_rest) = S::as_mut_simd_f32s(out);
    let (rows, by_all) = (rows.map(S::as_simd_f32s), by.map(|w| simd.splat_f32s(w)));
    for (i, out) in out.iter_mut().enumerate() {
        let mut sum = *out;
        for ((row, _), by) in rows.iter().zip(by_all) {
            sum = simd.mul_add_e_f32s(by, row[i], sum);
        }
        *out = sum;
    }
    for (i, out) in out_rest.iter_mut().enumerate() {
        for ((_, row), by) in rows.iter().zip(by) {
            *out += by * row[i];
        }
    }
}
