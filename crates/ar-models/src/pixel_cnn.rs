//! PixelCNN: a stack of masked convolutions that predicts each pixel from those above and to the left.
//!
//! van den Oord, Kalchbrenner, Kavukcuoglu, "Pixel Recurrent Neural Networks", 2016,
//! arXiv:1601.06759, sections 3.3-3.5 and figure 5.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎) in raster order; the channels of a pixel R, then G given R, then B given
//! both. The first layer is 7x7 of type A. `Layers::Residual` is the paper's body: blocks
//! ReLU, 1x1 (2h to h), ReLU, 3x3 type B, ReLU, 1x1 (h to 2h) added to the stream, then ReLU-1x1
//! twice. `Layers::Plain` is the tutorials' body: layers of 7x7 type B with ReLU, then one 1x1.
//!
//! The blind spot is the paper's own: a 3x3 type B layer never looks to the upper right beyond 45
//! degrees. `dependence` declares it.
//!
//! Conditioning is the tutorials' simple one, x + W·h before each masked convolution after the first.
//!
//! Deviations: two levels use one logit (Bernoulli) in place of a softmax over two. By default the
//! first layer's features also learn the row and the column they are at (`position`), for zeros
//! beyond the border look like black pixels; the paper's network does not.

use ar_core::{ChannelSteps, Conditioning, Domain, Error, MaskType, Result, Scan};
use ar_nn::{Activation, Builder, ConvConfig, Value};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::orders::in_orders;
use crate::registry::{Built, Configuration};

/// The body between the first convolution and the logits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// The paper's residual blocks.
    Residual,
    /// The tutorials' stack of equal convolutions.
    Plain,
}

/// Configuration of a PixelCNN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PixelCnnConfig {
    /// The body.
    pub layers: Layers,
    /// Features h. Residual: blocks work on h, the stream has 2h (the paper: 128). Plain: every layer.
    pub hidden: usize,
    /// Number of residual blocks (the paper: 15), or of type B layers.
    pub blocks: usize,
    /// Rows and columns of the first, type A, convolution; odd.
    pub first_kernel: usize,
    /// Rows and columns of the type B convolutions; odd.
    pub kernel: usize,
    /// Whether the first layer's features learn the row and the column they are at.
    pub position: bool,
    /// In which order the pixels come.
    pub order: Scan,
    /// How many orders of that family, reflections and transposes, share the weights: a mixture.
    pub orders: usize,
}

impl Default for PixelCnnConfig {
    fn default() -> Self {
        Self {
            layers: Layers::Residual,
            hidden: 32,
            blocks: 15,
            first_kernel: 7,
            kernel: 3,
            position: true,
            order: Scan::RASTER,
            orders: 1,
        }
    }
}

impl PixelCnnConfig {
    /// The tutorials' network: 7x7 everywhere, 64 features, seven layers after the first.
    pub fn plain() -> Self {
        Self {
            layers: Layers::Plain,
            hidden: 64,
            blocks: 7,
            kernel: 7,
            position: false,
            ..Self::default()
        }
    }

    /// The paper's size for CIFAR-10: 15 blocks of h = 128.
    pub fn paper() -> Self {
        Self {
            hidden: 128,
            position: false,
            ..Self::default()
        }
    }
}

impl Configuration for PixelCnnConfig {
    const NAME: &'static str = "pixelcnn";
    const ALIASES: &'static [&'static str] = &["pixel-cnn"];
    const ABOUT: &'static str = "masked convolutions in residual blocks, as in the paper";
    const PAPER: &'static str =
        "van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759";

    fn presets() -> Vec<(&'static str, Self)> {
        vec![("paper", Self::paper()), ("plain", Self::plain())]
    }

    fn validate(&self, domain: &Domain, conditioning: Conditioning) -> Result<()> {
        if self.layers == Layers::Plain && self.blocks == 0 && conditioning != Conditioning::None {
            return Err(Error::config(
                "blocks",
                "must be at least 1: a condition enters before the layers after the first",
            ));
        }
        // A 1x1 layer of type A sees nothing.
        limits::kernel("first_kernel", self.first_kernel, 3)?;
        limits::kernel("kernel", self.kernel, 1)?;
        self.order.several(self.orders)?;
        limits::hidden(domain, self.hidden)?;
        limits::blocks(self.blocks, 0)
    }

    // ANCHOR: build
    /// Parameters are named as in the PyTorch peer's `state_dict`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let steps = (domain, ChannelSteps::Separate);
        in_orders(self.order, self.orders, steps, |order| {
            let mut net = Builder::new(domain, order, conditioning);
            let x = net.scaled_levels();
            let logits = match self.layers {
                Layers::Residual => self.residual(&mut net, x, vb)?,
                Layers::Plain => self.plain_stack(&mut net, x, vb)?,
            };
            net.finish(logits, vb)
        })
    }
}

impl PixelCnnConfig {
    fn residual(&self, net: &mut Builder, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let (h, relu) = (self.hidden, Activation::Relu);
        let reduce = ConvConfig::pointwise(h).before(relu).after(relu);
        let look = ConvConfig::square(self.kernel, MaskType::B, h).after(relu);
        let expand = ConvConfig::pointwise(2 * h);

        let first = ConvConfig::square(self.first_kernel, MaskType::A, 2 * h);
        let mut stream = net.conv(x, first, &vb.pp("first"))?; // (H·W, 2h)
        if self.position {
            stream = net.position(stream, &vb.pp("position"))?;
        }
        stream = net.condition(stream, &vb.pp("condition"))?;
        for i in 0..self.blocks {
            let vb = vb.pp("blocks").pp(i);
            let y = net.conv(stream, reduce, &vb.pp(0))?; // (H·W, h)
            let y = net.condition(y, &vb.pp("condition"))?;
            let y = net.conv(y, look, &vb.pp(1))?;
            stream = net.residual_conv(y, expand, stream, &vb.pp(2))?; // (H·W, 2h)
        }
        let y = net.conv(
            stream,
            ConvConfig::pointwise(2 * h).before(relu).after(relu),
            &vb.pp("head1"),
        )?;
        net.conv(y, ConvConfig::pointwise(net.outputs()), &vb.pp("head2")) // (H·W, C·P)
    }
    // ANCHOR_END: build

    fn plain_stack(&self, net: &mut Builder, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let (h, relu, vb_convs) = (self.hidden, Activation::Relu, vb.pp("convs"));
        let first = ConvConfig::square(self.first_kernel, MaskType::A, h).after(relu);
        let look = ConvConfig::square(self.kernel, MaskType::B, h).after(relu);

        let mut y = net.conv(x, first, &vb_convs.pp(0))?; // (H·W, h)
        if self.position {
            y = net.position(y, &vb.pp("position"))?;
        }
        for i in 0..self.blocks {
            y = net.condition(y, &vb.pp("conditions").pp(i))?;
            y = net.conv(y, look, &vb_convs.pp(i + 1))?;
        }
        net.conv(y, ConvConfig::pointwise(net.outputs()), &vb.pp("head")) // (H·W, C·P)
    }
}

/// [`PixelCnnConfig`] with the tutorials' defaults.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PixelCnnPlainConfig(pub PixelCnnConfig);

impl Default for PixelCnnPlainConfig {
    fn default() -> Self {
        Self(PixelCnnConfig::plain())
    }
}

impl Configuration for PixelCnnPlainConfig {
    const NAME: &'static str = "pixelcnn-plain";
    const ABOUT: &'static str = "the tutorials' PixelCNN: a plain stack of 7x7 masked convolutions";
    const PAPER: &'static str =
        "van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759";

    fn presets() -> Vec<(&'static str, Self)> {
        Vec::new()
    }

    fn validate(&self, domain: &Domain, conditioning: Conditioning) -> Result<()> {
        self.0.validate(domain, conditioning)
    }

    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.0.build(domain, conditioning, vb)
    }
}
