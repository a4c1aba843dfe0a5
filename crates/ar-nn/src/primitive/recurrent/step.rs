use std::sync::Arc;

use ar_core::Taps;
use pulp::{Simd, WithSimd};

use super::{Flow, Recurrent};
use crate::kernel::{Panels, dispatch, fill_rows};
use crate::primitive::{Step, StepValue};

/// A recurrence in the step pass. What the states read contribute to the gates is computed for all
/// channels at once, and of a Row LSTM for a whole row.
#[derive(Clone)]
pub(super) struct RecurrentStep {
    recurrent: Recurrent,
    batch: usize,
    weight: Arc<Panels>,
    begin: Vec<f32>,
    rows: Vec<f32>,
    /// `(B, positions computed at once, gates)`.
    sums: Vec<f32>,
    /// The first of these positions.
    first: Option<usize>,
    /// Zeros: the state before all others.
    nothing: Vec<f32>,
}

impl RecurrentStep {
    pub(super) fn new(recurrent: &Recurrent, batch: usize, weights: &[f32]) -> Self {
        let (k, gates) = (recurrent.k(), recurrent.gates());
        let (weight, bias) = weights.split_at(k * gates);
        Self {
            batch,
            weight: Arc::new(Panels::new(weight, k, gates)),
            begin: recurrent.begin(bias),
            rows: Vec::new(),
            sums: Vec::new(),
            first: None,
            nothing: vec![0.0; recurrent.states.features()],
            recurrent: recurrent.clone(),
        }
    }

    /// Positions whose sums are computed together.
    fn at_once(&self) -> usize {
        match self.recurrent.flow {
            Flow::Rows(_) => self.recurrent.width,
            _ => 1,
        }
    }

    fn sum(&mut self, first: usize, states: &StepValue) {
        let (of, h) = (&self.recurrent, self.recurrent.hidden.features());
        let (count, k) = (self.at_once(), of.k());
        self.rows.resize(self.batch * count * k, 0.0);
        for (i, row) in self.rows.chunks_exact_mut(k).enumerate() {
            let (b, p) = (i / count, first + i % count);
            for (row, &source) in row.chunks_exact_mut(h).zip(of.waves.sources(p)) {
                match source {
                    Taps::NONE => row.fill(0.0),
                    source => of.copy_hidden(states.row(b, source as usize), row),
                }
            }
        }
        self.sums.resize(self.batch * count * self.begin.len(), 0.0);
        fill_rows(&mut self.sums, &self.begin);
        self.weight.product(&self.rows, &mut self.sums);
        self.first = Some(first);
    }
}

impl Step for RecurrentStep {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let count = self.at_once();
        for position in sites.iter().map(|&s| s as usize) {
            let first = position / count * count;
            if self.first != Some(first) {
                self.sum(first, out);
            }
            dispatch(Site {
                of: &self.recurrent,
                position,
                group,
                x: inputs[0],
                sums: &mut self.sums,
                stride: count,
                batch: self.batch,
                nothing: &self.nothing,
                out,
            });
        }
    }
}

/// The state of one channel group at one position, in every image.
struct Site<'a> {
    of: &'a Recurrent,
    position: usize,
    group: usize,
    x: &'a StepValue,
    /// The states' shares of the gates.
    sums: &'a mut [f32],
    stride: usize,
    batch: usize,
    nothing: &'a [f32],
    out: &'a mut StepValue,
}

impl WithSimd for Site<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (of, p, width) = (self.of, self.position, self.of.gates());
        let (len, gates, state) = of.ranges(self.group);
        for b in 0..self.batch {
            let Some(input) = of.waves.input(p) else {
                self.out.row_mut(b, p)[state.clone()].fill(0.0);
                continue;
            };
            let (before, out) = match of.waves.predecessor(p) {
                Some(q) => self.out.row_and_mut(b, q, p),
                None => (self.nothing, self.out.row_mut(b, p)),
            };
            let sums = &mut self.sums[(b * self.stride + p % self.stride) * width..][..width];
            of.cell.forward::<false>(
                len,
                &self.x.row(b, input)[gates.clone()],
                &mut sums[gates.clone()],
                &before[state.clone()],
                &mut out[state.clone()],
            );
        }
    }
}
