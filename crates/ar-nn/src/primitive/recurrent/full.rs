use ar_core::{ChannelGroups, Result, Taps};
use candle_core::Tensor;
use pulp::{Simd, WithSimd};

use super::cell::Read;
use super::step::RecurrentStep;
use super::{Flow, Recurrent};
use crate::kernel::{Panels, add_column_sums, dispatch, fill_rows, product_tn};
use crate::primitive::{
    Backward, Centre, Primitive, Reads, Room, StepPrimitive, TensorStep, Training,
};

/// The states of a wave in all images computed together: image by image, position by position.
fn sites(wave: &[u32], images: usize, n: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..images).flat_map(move |i| wave.iter().map(move |&p| (i * n, p as usize)))
}

impl Recurrent {
    /// Copies the hidden states that the sites of `wave` read into rows of taps · h.
    fn gather(&self, wave: &[u32], states: &[f32], rows: &mut [f32]) {
        let (h, s) = (self.hidden.features(), self.states.features());
        let n = self.waves.count();
        let images = states.len() / (n * s);
        let all = sites(wave, images, n).zip(rows.chunks_exact_mut(self.k()));
        for ((image, p), row) in all {
            for (row, &source) in row.chunks_exact_mut(h).zip(self.waves.sources(p)) {
                if source == Taps::NONE {
                    row.fill(0.0);
                } else {
                    self.copy_hidden(&states[(image + source as usize) * s..][..s], row);
                }
            }
        }
    }
}

impl Primitive for Recurrent {
    fn groups(&self) -> &ChannelGroups {
        &self.states
    }

    fn reads(&self, _: usize) -> Reads<'_> {
        match &self.waves.inputs {
            None => Reads::Here,
            Some(taps) => Reads::Taps(taps, Centre::Whole),
        }
    }

    fn own_reads(&self) -> Option<(Reads<'_>, &[u32])> {
        let states = Reads::Taps(&self.waves.states, Centre::Whole);
        Some((states, &self.waves.visit))
    }

    fn images_at_once(&self) -> usize {
        // A wave of a sequence is a single site.
        if self.flow == Flow::Sequence { 16 } else { 1 }
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], _: &Training) -> Result<Tensor> {
        self.composite_full(inputs[0], weights)
    }

    /// Leaves the rows of what was read, `(positions, k)`, and the gates, `(positions, gates)`, wave by wave.
    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], room: &mut Room) {
        let (s, n, gates) = (self.states.features(), self.waves.count(), self.gates());
        let (images, k) = (out.len() / (n * s), self.k());
        let (weight, bias) = weights.split_at(k * gates);
        let (panels, begin) = (Panels::new(weight, k, gates), self.begin(bias));
        for (i, p) in (0..images).flat_map(|i| self.waves.empty().map(move |p| (i, p))) {
            out[(i * n + p) * s..][..s].fill(0.0);
        }
        let mut before = vec![0.0; s];
        let (space, positions) = if room.keeps {
            (&mut room.kept, self.waves.positions().len())
        } else {
            (&mut room.floats, self.waves.longest())
        };
        let all = images * positions;
        space.resize(space.len().max(all * (k + gates)), 0.0);
        let (rows, sums) = space.split_at_mut(all * k);
        let mut first = 0;
        for wave in self.waves.iter() {
            let m = images * wave.len();
            let rows = &mut rows[first * k..][..m * k];
            let sums = &mut sums[first * gates..][..m * gates];
            self.gather(wave, out, rows);
            fill_rows(sums, &begin);
            panels.product(rows, sums);
            dispatch(Forward {
                of: self,
                wave,
                x: inputs[0],
                sums,
                before: &mut before,
                states: out,
            });
            if room.keeps {
                first += m;
            }
        }
    }

    fn backward(&self, pass: Backward<'_>) {
        let (s, n, gates) = (self.states.features(), self.waves.count(), self.gates());
        let (images, k) = (pass.out.len() / (n * s), self.k());
        let weight = &pass.weights[..k * gates];
        let m = images * self.waves.positions().len();
        let (rows, sums) = pass.room.kept.split_at_mut(m * k);
        let sums = &mut sums[..m * gates];
        let longest = images * self.waves.longest();
        let scratch = &mut pass.room.floats;
        scratch.resize(scratch.len().max(longest * k + 3 * s), 0.0);
        let (row_grads, rest) = scratch.split_at_mut(longest * k);

        let (input, mut grad) = (pass.inputs[0], pass.grad);
        let x = &pass.values[input];
        let mut x_grad = pass.gradients.buffer(x.len());
        x_grad.fill(0.0); // Not every input is read.
        let column = |j: usize| (0..k).map(move |i| weight[i * gates + j]);
        let transposed: Vec<f32> = (0..gates).flat_map(column).collect();
        let panels = Panels::new(&transposed, gates, k);
        let mut end = m;
        for wave in self.waves.iter().rev() {
            let len = images * wave.len();
            let sums = &mut sums[(end - len) * gates..end * gates];
            end -= len;
            dispatch(Reverse {
                of: self,
                wave,
                x,
                sums: &mut *sums,
                states: pass.out,
                room: &mut rest[..3 * s],
                grad: &mut grad,
                x_grad: &mut x_grad,
            });
            let row_grads = &mut row_grads[..len * k];
            row_grads.fill(0.0);
            panels.product(sums, row_grads);
            dispatch(Scatter {
                of: self,
                wave,
                rows: row_grads,
                grad: &mut grad,
            });
        }
        let (weight_grad, bias_grad) = pass.weight_grads.split_at_mut(k * gates);
        product_tn([k, m, gates], rows, sums, weight_grad, true);
        if !bias_grad.is_empty() {
            let mut all = vec![0.0; gates];
            add_column_sums(&mut all, sums);
            for (g, j) in self.biased() {
                bias_grad[j] += all[g];
            }
        }
        pass.gradients.give(input, x_grad);
        pass.gradients.recycle(grad);
    }

    fn composite_step(&self, at: TensorStep<'_>, weights: &[Tensor]) -> Result<Tensor> {
        // One after the other: each may read the one before.
        let weights = self.by_gate(weights)?;
        if let [site] = at.sites {
            return self.state_at(*site, at.inputs[0], at.own, &weights);
        }
        let mut known = at.own.fork()?;
        let mut all = Vec::with_capacity(at.sites.len());
        for &site in at.sites {
            let state = self.state_at(site, at.inputs[0], &known, &weights)?;
            known.set(&[site], state.clone())?;
            all.push(state);
        }
        Ok(Tensor::cat(&all, 1)?)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(RecurrentStep::new(self, batch, weights))
    }
}

/// Computes the states of a wave from their gates.
struct Forward<'a> {
    of: &'a Recurrent,
    wave: &'a [u32],
    x: &'a [f32],
    /// The gates' shares of the states read; the gates take their place.
    sums: &'a mut [f32],
    /// Room for a state.
    before: &'a mut [f32],
    states: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (of, n, width) = (self.of, self.of.waves.count(), self.of.gates());
        let s = of.states.features();
        let images = self.states.len() / (n * s);
        let all = sites(self.wave, images, n).zip(self.sums.chunks_exact_mut(width));
        for ((image, p), sums) in all {
            let Some(input) = of.waves.input(p) else {
                continue;
            };
            match of.waves.predecessor(p) {
                Some(q) => self
                    .before
                    .copy_from_slice(&self.states[(image + q) * s..][..s]),
                None => self.before.fill(0.0),
            }
            let x = &self.x[(image + input) * width..][..width];
            let out = &mut self.states[(image + p) * s..][..s];
            for g in 0..of.hidden.count() {
                let (len, gates, state) = of.ranges(g);
                of.cell.forward::<true>(
                    len,
                    &x[gates.clone()],
                    &mut sums[gates],
                    &self.before[state.clone()],
                    &mut out[state],
                );
            }
        }
    }
}

/// From the gradients of a wave's states to those of their gates and of the states carried on.
struct Reverse<'a> {
    of: &'a Recurrent,
    wave: &'a [u32],
    x: &'a [f32],
    /// The gates; the gradients of the states' shares take their place.
    sums: &'a mut [f32],
    states: &'a [f32],
    /// Room for three states.
    room: &'a mut [f32],
    grad: &'a mut [f32],
    x_grad: &'a mut [f32],
}

impl WithSimd for Reverse<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (of, n, width) = (self.of, self.of.waves.count(), self.of.gates());
        let s = of.states.features();
        let images = self.states.len() / (n * s);
        let (none, room) = self.room.split_at_mut(s);
        let (own, carried) = room.split_at_mut(s);
        none.fill(0.0);
        let all = sites(self.wave, images, n).zip(self.sums.chunks_exact_mut(width));
        for ((image, p), sums) in all {
            let Some(input) = of.waves.input(p) else {
                continue;
            };
            let before = of.waves.predecessor(p);
            own.copy_from_slice(&self.grad[(image + p) * s..][..s]);
            let x = (image + input) * width;
            for g in 0..of.hidden.count() {
                let (len, gates, state) = of.ranges(g);
                let read = Read {
                    x: &self.x[x..][gates.clone()],
                    before: before.map_or(&none[state.clone()], |q| {
                        &self.states[(image + q) * s..][state.clone()]
                    }),
                    out: &self.states[(image + p) * s..][state.clone()],
                    grad: &own[state.clone()],
                };
                of.cell.backward(
                    len,
                    &read,
                    &mut sums[gates.clone()],
                    &mut self.x_grad[x..][gates],
                    &mut carried[state],
                );
            }
            if let Some(q) = before {
                let target = &mut self.grad[(image + q) * s..][..s];
                for (t, c) in target.iter_mut().zip(&*carried) {
                    *t += c;
                }
            }
        }
    }
}

/// The reverse of [`Recurrent::gather`].
struct Scatter<'a> {
    of: &'a Recurrent,
    wave: &'a [u32],
    rows: &'a [f32],
    grad: &'a mut [f32],
}

impl WithSimd for Scatter<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (of, n, s) = (self.of, self.of.waves.count(), self.of.states.features());
        let h = of.hidden.features();
        let images = self.grad.len() / (n * s);
        let all = sites(self.wave, images, n).zip(self.rows.chunks_exact(of.k()));
        for ((image, p), row) in all {
            for (row, &source) in row.chunks_exact(h).zip(of.waves.sources(p)) {
                if source == Taps::NONE {
                    continue;
                }
                let target = &mut self.grad[(image + source as usize) * s..][..s];
                for g in 0..of.hidden.count() {
                    let own = of.hidden.range(g);
                    let state = &mut target[own.start * of.cell.parts()..][..own.len()];
                    for (t, r) in state.iter_mut().zip(&row[own]) {
                        *t += r;
                    }
                }
            }
        }
    }
}
