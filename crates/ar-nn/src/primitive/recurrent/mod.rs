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

pub(crate) use cell::Cell;
pub use waves::Direction;
pub(crate) use waves::Flow;
use waves::Waves;

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
