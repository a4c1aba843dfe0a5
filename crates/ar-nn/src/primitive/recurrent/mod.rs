//! Recurrence over an image: every state follows from its input and from earlier states at fixed
//! taps. Row LSTM, Diagonal LSTM and recurrent networks over a sequence differ in the taps alone.

mod cell;
mod composite;
mod full;
mod step;
mod waves;

use std::ops::Range;
use std::sync::Arc;

use ar_core::{ChannelGroups, Order, Result};
use candle_core::Tensor;

pub(crate) use cell::Cell;
pub use waves::Direction;
pub(crate) use waves::Flow;
use waves::Waves;

use super::{Backward, Centre, Primitive, Reads, Room, StepPrimitive, Training};
use crate::primitive::StepTensor;

/// Input: the gates' share of what is read at the site itself, the gates of each channel group
/// together. Result: the states, of each channel group h and then what else is carried on.
/// Parameters: weight `(taps, h, gates · h)` of the states read, and for a GRU the bias `(h)` of its
/// n gate. Since the states read are complete pixels, no channel is masked.
#[derive(Debug, Clone)]
pub(crate) struct Recurrent {
    cell: Cell,
    flow: Flow,
    waves: Arc<Waves>,
    /// Of h.
    hidden: ChannelGroups,
    /// Of the result.
    states: ChannelGroups,
    /// Columns of the map.
    width: usize,
}

impl Recurrent {
    /// States with hidden parts of `hidden`; all flows but [`Flow::Sequence`] need raster order.
    ///
    /// # Errors
    /// When the order is no sequence.
    pub(crate) fn new(
        order: &Order,
        flow: Flow,
        cell: Cell,
        hidden: ChannelGroups,
    ) -> Result<Self> {
        Ok(Self {
            cell,
            flow,
            waves: Arc::new(Waves::new(order, flow)?),
            states: hidden.scaled(cell.parts()),
            hidden,
            width: order.width(),
        })
    }

    /// States that each state reads.
    pub(crate) fn taps(&self) -> usize {
        self.waves.taps()
    }

    /// Width of the input.
    fn gates(&self) -> usize {
        self.cell.gates() * self.hidden.features()
    }

    /// Inputs of the product: taps · h.
    fn k(&self) -> usize {
        self.taps() * self.hidden.features()
    }

    /// Of channel group g: its size in h, and where its gates and its states lie.
    fn ranges(&self, g: usize) -> (usize, Range<usize>, Range<usize>) {
        let own = self.hidden.range(g);
        let scaled = |by: usize| own.start * by..own.end * by;
        (
            own.len(),
            scaled(self.cell.gates()),
            scaled(self.cell.parts()),
        )
    }

    /// The h of a state.
    fn copy_hidden(&self, state: &[f32], h: &mut [f32]) {
        for g in 0..self.hidden.count() {
            let own = self.hidden.range(g);
            h[own.clone()].copy_from_slice(&state[own.start * self.cell.parts()..][..own.len()]);
        }
    }

    /// Which gates have which bias: (place among the gates, place in the bias).
    fn biased(&self) -> impl Iterator<Item = (usize, usize)> {
        let gru = self.cell == Cell::Gru;
        let groups = (0..self.hidden.count()).filter(move |_| gru);
        groups.flat_map(|g| {
            let own = self.hidden.range(g);
            let n_gate = 3 * own.start + 2 * own.len();
            own.clone().map(move |j| (n_gate + j - own.start, j))
        })
    }

    /// What the sums over the states read begin with: the bias, where there is one.
    fn begin(&self, bias: &[f32]) -> Vec<f32> {
        let mut all = vec![0.0; self.gates()];
        self.biased().for_each(|(g, j)| all[g] = bias[j]);
        all
    }
}

impl Primitive for Recurrent {
    fn groups(&self) -> &ChannelGroups {
        &self.states
    }

    fn reads(&self, _: usize) -> Reads<'_> {
        match self.waves.inputs() {
            None => Reads::Here,
            Some(taps) => Reads::Taps(taps, Centre::Whole),
        }
    }

    fn own_reads(&self) -> Option<(Reads<'_>, &[u32])> {
        let states = Reads::Taps(self.waves.states(), Centre::Whole);
        Some((states, self.waves.visit()))
    }

    fn images_at_once(&self) -> usize {
        // A wave of a sequence is a single site.
        if self.flow == Flow::Sequence { 16 } else { 1 }
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], _: &Training) -> Result<Tensor> {
        self.composite_full(inputs[0], weights)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], room: &mut Room) {
        self.full_forward(inputs[0], weights, out, room);
    }

    fn backward(&self, pass: Backward<'_>) {
        self.full_backward(pass);
    }

    fn composite_step(
        &self,
        sites: &[u32],
        inputs: &[&StepTensor],
        own: &StepTensor,
        weights: &[Tensor],
    ) -> Result<Tensor> {
        self.composite_at(sites, inputs[0], own, weights)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(step::RecurrentStep::new(self, batch, weights))
    }
}
