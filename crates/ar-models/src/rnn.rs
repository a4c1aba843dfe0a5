//! A recurrent network over single values: the state that has read everything before predicts the
//! next value.
//!
//! Graves, "Generating Sequences With Recurrent Neural Networks", 2013, arXiv:1308.0850, sections 2
//! and 3, with an LSTM (Hochreiter, Schmidhuber 1997) or a GRU (Cho et al. 2014, arXiv:1406.1078) in
//! the form that PyTorch computes. To it an image is a sequence like any other.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎) in raster order, R, G, B of a pixel one after the other. At every site the
//! network reads the value before, as a learned vector, and the row and the column of the value it
//! is about to predict. Every layer adds its states to the stream that the last, linear layer reads
//! (the paper's skip connections from the input to all layers and from all layers to the output).
//!
//! Deviations: no peephole connections from the cell to the gates; the place in the image is given.
//! The condition is added to the gates of every layer: x + W·h.

use ar_core::{ChannelSteps, Conditioning, Domain, Error, MaskType, Order, Result};
use ar_nn::{Builder, ConvConfig};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::registry::{Built, Configuration};

/// How a state follows from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RnnCell {
    /// Gates i, f, o and a cell.
    Lstm,
    /// Gates r, z.
    Gru,
}

/// Configuration of a recurrent network over values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RnnConfig {
    /// How a state follows from the one before.
    pub cell: RnnCell,
    /// Features of every state and of the stream.
    pub hidden: usize,
    /// Number of recurrent layers.
    pub layers: usize,
    /// Features of the vector that a level is read as.
    pub embedding: usize,
}

impl Default for RnnConfig {
    fn default() -> Self {
        Self {
            cell: RnnCell::Gru,
            hidden: 128,
            layers: 1,
            embedding: 32,
        }
    }
}

impl Configuration for RnnConfig {
    const NAME: &'static str = "rnn";
    const ABOUT: &'static str = "an LSTM or a GRU that reads an image value by value";
    const PAPER: &'static str =
        "Graves 2013, Generating Sequences With Recurrent Neural Networks, arXiv:1308.0850";

    /// The sizes of section 3: one layer of 1,000 LSTM cells (3.1, Penn Treebank), seven of 700
    /// (3.2, Wikipedia).
    fn presets() -> Vec<(&'static str, Self)> {
        let paper = |hidden, layers| Self {
            cell: RnnCell::Lstm,
            hidden,
            layers,
            ..Self::default()
        };
        vec![("paper", paper(1000, 1)), ("paper-deep", paper(700, 7))]
    }

    fn validate(&self, domain: &Domain, _: Conditioning) -> Result<()> {
        limits::hidden(domain, self.hidden)?;
        limits::times("layers", self.layers, 1)?;
        if !(1..=65536).contains(&self.embedding) {
            return Err(Error::config(
                "embedding",
                format!("must be from 1 to 65536, not {}", self.embedding),
            ));
        }
        Ok(())
    }

    // ANCHOR: build
    /// Parameters: `embedding`, `input`, `position`, `layers.I.{i2s, s2s}`, `head`, and
    /// `layers.I.condition`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let order = Order::raster(domain, ChannelSteps::Separate);
        let mut net = Builder::of_subpixels(domain, &order, conditioning)?;

        let x = net.embedded_levels(self.embedding, &vb.pp("embedding"))?; // (H·W·C, e)
        let before = ConvConfig::sequence(2, 1, MaskType::A, self.hidden);
        let stream = net.conv(x, before, &vb.pp("input"))?; // (H·W·C, hidden), of the value before
        let mut stream = net.position(stream, &vb.pp("position"))?;
        for i in 0..self.layers {
            let vb = vb.pp("layers").pp(i);
            let i2s = ConvConfig::pointwise(self.hidden);
            let i2s = match self.cell {
                RnnCell::Lstm => i2s.for_lstm(),
                RnnCell::Gru => i2s.for_gru(),
            };
            let gates = net.conv(stream, i2s, &vb.pp("i2s"))?; // (H·W·C, 4 · hidden or 3 · hidden)
            let gates = net.condition(gates, &vb.pp("condition"))?;
            let states = match self.cell {
                RnnCell::Lstm => net.sequence_lstm(gates, &vb.pp("s2s"))?,
                RnnCell::Gru => net.sequence_gru(gates, &vb.pp("s2s"))?,
            };
            stream = net.add(stream, states)?;
        }
        let logits = net.conv(stream, ConvConfig::pointwise(net.outputs()), &vb.pp("head"))?; // (H·W·C, P)
        net.finish(logits, vb).map(Built::Network)
    }
    // ANCHOR_END: build
}
