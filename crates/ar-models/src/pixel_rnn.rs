//! PixelRNN: LSTMs that run over the rows or the diagonals of an image, so that every state carries
//! what lies before it, however far away.
//!
//! van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
//! arXiv:1601.06759, sections 3.1-3.4, figure 5 and table 1.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎) in raster order, R, G, B one after the other. A 7x7 convolution of type A
//! makes a stream of 2h features; every layer adds to it what an LSTM of h features makes of it:
//!
//! - **Row LSTM** goes from row to row: the gates read k masked pixels of their own row (input to
//!   state) and k states of the row above (state to state). What it sees is a triangle above.
//! - **Diagonal BiLSTM** goes from diagonal to diagonal, once from the left and once from the right:
//!   the gates read the pixel itself, the state beside it and the one above. The half from the right
//!   is shifted down a row before the two are added, for it knows the pixels to the right.
//!
//! A Diagonal BiLSTM sees everything before a pixel but for the last pixel of the row above, which
//! only the first convolution can show it: the half from the right begins with the features that
//! predict that pixel. `dependence` declares it.
//!
//! State-to-state products are not masked: the states they read are those of complete pixels.
//!
//! The paper skews the image so that diagonals become columns; here the taps say where the diagonal
//! lies. Deviations: two levels use one logit in place of a softmax over two; by default the stream
//! also learns the row and the column it is at (`position`). Conditions, which the paper has none of,
//! are added to the gates: x + W·h before every LSTM.

use ar_core::{ChannelSteps, Conditioning, Domain, Kernel, MaskType, Order, Result};
use ar_nn::{Activation, Builder, ConvConfig, Direction, Value};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::registry::{Built, Configuration};

/// Which way the LSTMs run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// From row to row (section 3.1).
    RowLstm,
    /// From diagonal to diagonal, from both sides (section 3.2).
    DiagonalBilstm,
}

/// Configuration of a PixelRNN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PixelRnnConfig {
    /// Which way the LSTMs run.
    pub variant: Variant,
    /// Features h of every LSTM; the stream has 2h.
    pub hidden: usize,
    /// Number of LSTM layers.
    pub layers: usize,
    /// Rows and columns of the first, type A, convolution; odd.
    pub first_kernel: usize,
    /// Pixels and states that a Row LSTM reads of a row; odd. A Diagonal BiLSTM has no use for it.
    pub kernel: usize,
    /// Whether the first layer's features learn the row and the column they are at.
    pub position: bool,
}

impl Default for PixelRnnConfig {
    fn default() -> Self {
        Self {
            variant: Variant::DiagonalBilstm,
            hidden: 32,
            layers: 3,
            first_kernel: 7,
            kernel: 3,
            position: true,
        }
    }
}

impl Configuration for PixelRnnConfig {
    const NAME: &'static str = "pixelrnn";
    const ALIASES: &'static [&'static str] = &["pixel-rnn"];
    const ABOUT: &'static str =
        "LSTMs over the rows or the diagonals of an image (Row LSTM, Diagonal BiLSTM)";
    const PAPER: &'static str =
        "van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759";

    /// Sections 5.3 and 5.4: 12 layers of h = 128 for CIFAR-10, 7 of h = 16 for MNIST.
    fn presets() -> Vec<(&'static str, Self)> {
        let paper = |layers, hidden| Self {
            layers,
            hidden,
            position: false,
            ..Self::default()
        };
        vec![("paper", paper(12, 128)), ("paper-mnist", paper(7, 16))]
    }

    fn validate(&self, domain: &Domain, _: Conditioning) -> Result<()> {
        limits::kernel("first_kernel", self.first_kernel, 3)?;
        limits::kernel("kernel", self.kernel, 1)?;
        limits::hidden(domain, self.hidden)?;
        limits::times("layers", self.layers, 1)
    }

    // ANCHOR: build
    /// Parameters: `first`, `layers.I.{i2s, s2s, up}` with `i2s` and `s2s` of a Diagonal BiLSTM in
    /// `layers.I.{right, left}`, `head1`, `head2`, and `condition` beside every `i2s`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let order = Order::raster(domain, ChannelSteps::Separate);
        let mut net = Builder::new(domain, &order, conditioning);
        let (h, relu) = (self.hidden, Activation::Relu);

        let x = net.scaled_levels();
        let first = ConvConfig::square(self.first_kernel, MaskType::A, 2 * h);
        let mut stream = net.conv(x, first, &vb.pp("first"))?; // (H·W, 2h)
        if self.position {
            stream = net.position(stream, &vb.pp("position"))?;
        }
        for i in 0..self.layers {
            let vb = vb.pp("layers").pp(i);
            let states = match self.variant {
                Variant::RowLstm => self.row_lstm(&mut net, stream, &vb)?,
                Variant::DiagonalBilstm => {
                    self.diagonal_bilstm(&mut net, stream, domain.height, &vb)?
                }
            }; // (H·W, h)
            stream =
                net.residual_conv(states, ConvConfig::pointwise(2 * h), stream, &vb.pp("up"))?;
        }
        let head = ConvConfig::pointwise(2 * h).before(relu).after(relu);
        let y = net.conv(stream, head, &vb.pp("head1"))?;
        let logits = net.conv(y, ConvConfig::pointwise(net.outputs()), &vb.pp("head2"))?; // (H·W, C·P)
        net.finish(logits, vb).map(Built::Network)
    }
}

impl PixelRnnConfig {
    fn row_lstm(&self, net: &mut Builder, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let kernel = Kernel {
            height: 1,
            width: self.kernel,
            dilation: 1,
        };
        let i2s = ConvConfig {
            kernel,
            ..ConvConfig::square(1, MaskType::B, self.hidden).for_lstm()
        };
        let gates = net.conv(x, i2s, &vb.pp("i2s"))?; // (H·W, 4h)
        let gates = net.condition(gates, &vb.pp("condition"))?;
        net.row_lstm(gates, self.kernel, &vb.pp("s2s"))
    }

    fn diagonal_bilstm(
        &self,
        net: &mut Builder,
        x: Value,
        rows: usize,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let mut half = |direction, vb: VarBuilder<'_>| {
            let i2s = ConvConfig::pointwise(self.hidden).for_lstm();
            let gates = net.conv(x, i2s, &vb.pp("i2s"))?; // (H·W, 4h)
            let gates = net.condition(gates, &vb.pp("condition"))?;
            net.diagonal_lstm(gates, direction, &vb.pp("s2s"))
        };
        let right = half(Direction::Right, vb.pp("right"))?;
        if rows == 1 {
            return Ok(right); // the other half would read the row above
        }
        let left = half(Direction::Left, vb.pp("left"))?; // of the row above
        net.add(right, left)
    }
    // ANCHOR_END: build
}
