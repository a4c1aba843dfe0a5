use pulp::{Arch, Simd, WithSimd};

use super::Attention;
use crate::kernel::{LANES, exp_sum, max};
use crate::primitive::{StepPrimitive, StepValue};

/// Attention in the step pass: the kept keys and values are the cache, each read once.
pub(super) struct AttentionStep {
    attention: Attention,
    batch: usize,
    /// `(d)`, with the scale of the scores in it.
    query: Vec<f32>,
    /// Keys by rank, `(B, blocks, d, LANES)`: a vector holds one feature of several sites, so that a
    /// score is a lane and needs no sum across lanes.
    keys: Vec<f32>,
    /// How many ranks `keys` holds.
    kept: usize,
    /// `(heads, blocks · LANES)`.
    weights: Vec<f32>,
}

impl AttentionStep {
    pub(super) fn new(attention: &Attention, batch: usize) -> Self {
        let d = attention.groups.features();
        let padded = attention.positions.len().next_multiple_of(LANES);
        Self {
            batch,
            query: vec![0.0; d],
            keys: vec![0.0; batch * padded * d],
            kept: 0,
            weights: vec![0.0; attention.heads * padded],
            attention: attention.clone(),
        }
    }

    /// Takes the keys of the sites before rank `live` that it does not have yet.
    fn keep(&mut self, live: usize, kv: &StepValue) {
        let d = self.query.len();
        let image = self.keys.len() / self.batch;
        for rank in self.kept..live {
            let site = self.attention.positions[rank] as usize;
            for (b, keys) in self.keys.chunks_exact_mut(image).enumerate() {
                let block = &mut keys[rank / LANES * d * LANES..][..d * LANES];
                let features = block.chunks_exact_mut(LANES).zip(&kv.row(b, site)[..d]);
                features.for_each(|(lanes, k)| lanes[rank % LANES] = *k);
            }
        }
        self.kept = self.kept.max(live);
    }
}

impl StepPrimitive for AttentionStep {
    fn step(&mut self, position: usize, _: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let live = self.attention.live(self.attention.order.rank(position));
        self.keep(live, inputs[1]);
        let (own, scale) = (&self.attention, self.attention.scale());
        let image = self.keys.len() / self.batch;
        for b in 0..self.batch {
            let q = inputs[0].row(b, position).iter();
            self.query
                .iter_mut()
                .zip(q)
                .for_each(|(o, q)| *o = q * scale);
            Arch::new().dispatch(Attend {
                heads: own.heads,
                query: &self.query,
                sites: &own.positions[..live],
                keys: &self.keys[b * image..][..image],
                kv: inputs[1].image(b),
                weights: &mut self.weights,
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
    keys: &'a [f32],
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
            keys,
            kv,
            weights,
            out,
        } = self;
        out.fill(0.0);
        let (d, live) = (query.len(), sites.len());
        let (e, padded) = (d / heads, live.next_multiple_of(LANES));
        if live == 0 {
            return;
        }
        for (i, block) in keys
            .chunks_exact(d * LANES)
            .take(padded / LANES)
            .enumerate()
        {
            let by_head = query.chunks_exact(e).zip(block.chunks_exact(e * LANES));
            for (h, (q, block)) in by_head.enumerate() {
                let mut scores = [0f32; LANES];
                for (q, k) in q.iter().zip(block.as_chunks::<LANES>().0) {
                    for (score, k) in scores.iter_mut().zip(k) {
                        *score += q * k;
                    }
                }
                weights[h * padded + i * LANES..][..LANES].copy_from_slice(&scores);
            }
        }
        for weights in weights.chunks_exact_mut(padded).take(heads) {
            weights[live..].fill(f32::MIN);
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
                let by = std::array::from_fn(|i| weights[h * padded + 4 * j + i]);
                add_rows(simd, out, rows.map(|r| &r[h * e..][..e]), by);
            }
        }
        for (j, &site) in rest.iter().enumerate() {
            for (h, out) in out.chunks_exact_mut(e).enumerate() {
                let by = weights[h * padded + 4 * fours.len() + j];
                add_rows(simd, out, [&value(site)[h * e..][..e]], [by]);
            }
        }
    }
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
