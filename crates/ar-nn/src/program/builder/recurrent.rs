use ar_core::Result;
use candle_nn::{Init, VarBuilder};

use super::{Builder, Value, normal, refuse_if};
use crate::primitive::{Cell, Direction, Flow, Half, Recurrent};

impl Builder {
    /// Row LSTM (van den Oord et al. 2016, arXiv:1601.06759, section 3.1): the state of a pixel
    /// follows from `kernel` states of the row above, and its cell from the one right above. `gates`
    /// is the share of the input in the gates i, f, g, o ([`ConvConfig::for_lstm`]), the result h.
    /// Parameter `weight (kernel, h, 4h)`, normal with variance 1 / (kernel · h).
    ///
    /// # Errors
    /// [`Error::Config`](ar_core::Error::Config) when the kernel is even, the order is not
    /// raster, or `gates` is not four parts in each channel group.
    ///
    /// [`ConvConfig::for_lstm`]: crate::ConvConfig::for_lstm
    pub fn row_lstm(&mut self, gates: Value, kernel: usize, vb: &VarBuilder<'_>) -> Result<Value> {
        let problem = format!("must be odd, not {kernel}");
        refuse_if(kernel.is_multiple_of(2), "kernel", problem)?;
        self.recurrent(gates, Flow::Rows(kernel), Cell::Lstm, vb)
    }

    /// One half of a Diagonal BiLSTM (arXiv:1601.06759, section 3.2): the state of a pixel follows
    /// from the one beside it, whose cell it carries on, and the one above. The leftward half gives
    /// each row what it made of the row above, and zeros to the first. Parameter
    /// `weight (2, h, 4h)`, beside and above, normal with variance 1 / 2h.
    ///
    /// # Errors
    /// As [`Builder::row_lstm`], and for the leftward half of a single row, which has nothing above.
    pub fn diagonal_lstm(
        &mut self,
        gates: Value,
        direction: Direction,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let is_blind = direction == Direction::Left && self.program.order.height() < 2;
        let problem = "the leftward half reads rows above and needs two rows at least";
        refuse_if(is_blind, "direction", problem)?;
        self.recurrent(gates, Flow::Diagonal(direction), Cell::Lstm, vb)
    }

    /// An LSTM along the generation order. Parameter `weight (1, h, 4h)`, normal with variance 1 / h.
    ///
    /// # Errors
    /// [`Error::Config`](ar_core::Error::Config) when `gates` is not four parts in each channel group.
    pub fn sequence_lstm(&mut self, gates: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        self.recurrent(gates, Flow::Sequence, Cell::Lstm, vb)
    }

    /// A GRU along the generation order; `gates` is the share of the input in r, z, n
    /// ([`ConvConfig::for_gru`]). Parameters `weight (1, h, 3h)`, normal with variance 1 / h, and
    /// `bias (h)`, zero, which gate r scales together with what n reads of the state before.
    ///
    /// # Errors
    /// [`Error::Config`](ar_core::Error::Config) when `gates` is not three parts in each channel group.
    ///
    /// [`ConvConfig::for_gru`]: crate::ConvConfig::for_gru
    pub fn sequence_gru(&mut self, gates: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        self.recurrent(gates, Flow::Sequence, Cell::Gru, vb)
    }

    fn recurrent(
        &mut self,
        gates: Value,
        flow: Flow,
        cell: Cell,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let order = &self.program.order;
        let out_of_raster = flow != Flow::Sequence && !order.is_raster();
        let problem = "a recurrence over rows or diagonals needs raster order";
        refuse_if(out_of_raster, "order", problem)?;
        let parts = cell.gates();
        let problem = format!("a recurrence needs {parts} gates in each channel group");
        let hidden = self.parts(gates, parts, &problem)?;
        let h = hidden.features();
        let recurrent = Recurrent::new(order, flow, cell, hidden.clone())?;
        let taps = recurrent.taps();
        let stdev = (1.0 / (taps * h) as f64).sqrt();
        let shape = (taps, h, parts * h);
        let mut weights = vec![vb.get_with_hints(shape, "weight", normal(stdev))?];
        if cell == Cell::Gru {
            weights.push(vb.get_with_hints(h, "bias", Init::Const(0.0))?);
        }
        let states = self.push(recurrent, &[gates], weights);
        Ok(match cell {
            Cell::Lstm => self.push(Half { groups: hidden }, &[states], Vec::new()),
            Cell::Gru => states,
        })
    }
}
