//! Gated PixelCNN: a vertical and a horizontal stack that together see everything above and to the
//! left, without PixelCNN's blind spot.
//!
//! van den Oord, Kalchbrenner, Vinyals, Espeholt, Graves, Kavukcuoglu, "Conditional Image Generation
//! with PixelCNN Decoders", 2016, arXiv:1606.05328, sections 2.1-2.2 and figure 2.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎) in raster order (or another, Jain et al. 2020, arXiv:2006.12486), R, G, B one
//! after the other. The vertical stack reads whole rows above, or whatever lines an order has; a 1x1 link hands it to the horizontal stack before the gate, never the other
//! way round. Each layer ends in tanh(a) · sigmoid(b); the horizontal stack is residual except in
//! the first (type A) layer. Skip connections feed the head, as in the paper's reference code.
//!
//! The condition, V·h (section 2.3), is added within both halves of every gate of both stacks: of a
//! class or a vector everywhere the same, of a map at every pixel its own.
//!
//! Deviations: two levels use one logit in place of a softmax over two; by default the vertical stack
//! also learns the row and the column it is at (`position`), for zeros beyond the border look like
//! black pixels. In a step pass the vertical stack runs once a row, when its first pixel is asked for.

use ar_core::{ChannelSteps, Conditioning, Domain, Error, Kernel, MaskType, Result, Scan};
use ar_nn::{Activation, Builder, ConvConfig, Network};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::orders::in_orders;
use crate::registry::{Built, Configuration};

/// Configuration of a gated PixelCNN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GatedPixelCnnConfig {
    /// Features of each stack after the gate.
    pub hidden: usize,
    /// Layers, the first included.
    pub blocks: usize,
    /// Rows and columns of the first layer's kernels; odd.
    pub first_kernel: usize,
    /// Rows and columns of the other layers' kernels; odd.
    pub kernel: usize,
    /// Distances between taps, taken in turn by the layers after the first.
    pub dilations: Vec<usize>,
    /// Whether the first layer's features learn the row and the column they are at.
    pub position: bool,
    /// In which order the pixels come.
    pub order: Scan,
    /// How many orders of that family, reflections and transposes, share the weights: a mixture.
    pub orders: usize,
}

impl Default for GatedPixelCnnConfig {
    fn default() -> Self {
        Self {
            hidden: 32,
            blocks: 7,
            first_kernel: 7,
            kernel: 3,
            dilations: vec![1],
            position: true,
            order: Scan::RASTER,
            orders: 1,
        }
    }
}

impl Configuration for GatedPixelCnnConfig {
    const NAME: &'static str = "gated-pixelcnn";
    const ALIASES: &'static [&'static str] = &["gated-pixel-cnn", "conditional-pixelcnn"];
    const ABOUT: &'static str =
        "vertical and horizontal stacks of gated convolutions, without a blind spot";
    const PAPER: &'static str = "van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, arXiv:1606.05328";

    /// The size of section 3.2, for ImageNet: 20 layers of 384 features, 5x5.
    fn presets() -> Vec<(&'static str, Self)> {
        let paper = Self {
            hidden: 384,
            blocks: 20,
            kernel: 5,
            position: false,
            ..Self::default()
        };
        vec![("paper", paper)]
    }

    fn validate(&self, domain: &Domain, _: Conditioning) -> Result<()> {
        limits::kernel("first_kernel", self.first_kernel, 3)?;
        limits::kernel("kernel", self.kernel, 3)?;
        limits::hidden(domain, self.hidden)?;
        limits::blocks(self.blocks, 1)?;
        self.order.several(self.orders)?;
        if self.dilations.is_empty() || self.dilations.iter().any(|d| !(1..=4096).contains(d)) {
            return Err(Error::config(
                "dilations",
                "must be one or more distances from 1 to 4096",
            ));
        }
        Ok(())
    }

    // ANCHOR: build
    /// Parameters: `layers.I.{v, h, v2h, out, skip}`, `head1`, `head2`, and `layers.I.condition_{v, h}`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let steps = (domain, ChannelSteps::Separate);
        in_orders(self.order, self.orders, steps, |order| {
            self.network(Builder::new(domain, order, conditioning), vb)
        })
    }
}

impl GatedPixelCnnConfig {
    fn network(&self, mut net: Builder, vb: &VarBuilder<'_>) -> Result<Network> {
        let (c, relu) = (self.hidden, Activation::Relu);

        net.upsample_condition(c, &vb.pp("condition"))?;
        let x = net.scaled_levels();
        let (mut v, mut h, mut skip) = (x, x, None);
        for i in 0..self.blocks {
            let vb = vb.pp("layers").pp(i);
            let (mask, size, dilation) = match i {
                0 => (MaskType::A, self.first_kernel, 1),
                _ => (
                    MaskType::B,
                    self.kernel,
                    self.dilations[(i - 1) % self.dilations.len()],
                ),
            };
            let look = |height| ConvConfig {
                kernel: Kernel {
                    height,
                    width: size,
                    dilation,
                },
                ..ConvConfig::square(size, mask, c).for_gate()
            };
            let mut rows = net.conv(v, look(size).vertical(), &vb.pp("v"))?; // (H·W, 2c), rows above
            if self.position && i == 0 {
                rows = net.position(rows, &vb.pp("position"))?;
            }
            let link = net.conv(rows, ConvConfig::pointwise(c).for_gate(), &vb.pp("v2h"))?;
            let row = net.residual_conv(h, look(1), link, &vb.pp("h"))?; // (H·W, 2c), and to the left
            let row = net.condition(row, &vb.pp("condition_h"))?;
            let z = net.gate(row)?; // (H·W, c)
            skip = Some(match skip {
                None => net.conv(z, ConvConfig::pointwise(c), &vb.pp("skip"))?,
                Some(sum) => net.residual_conv(z, ConvConfig::pointwise(c), sum, &vb.pp("skip"))?,
            });
            if i + 1 == self.blocks {
                break; // Nothing reads the last layer's stacks, only its skip connection.
            }
            let rows = net.condition(rows, &vb.pp("condition_v"))?;
            v = net.gate(rows)?;
            h = match i {
                0 => net.conv(z, ConvConfig::pointwise(c), &vb.pp("out"))?,
                _ => net.residual_conv(z, ConvConfig::pointwise(c), h, &vb.pp("out"))?,
            };
        }
        let y = net.conv(
            skip.unwrap_or(h),
            ConvConfig::pointwise(c).before(relu).after(relu),
            &vb.pp("head1"),
        )?;
        let logits = net.conv(y, ConvConfig::pointwise(net.outputs()), &vb.pp("head2"))?; // (H·W, C·P)
        net.finish(logits, vb)
    }
    // ANCHOR_END: build
}
