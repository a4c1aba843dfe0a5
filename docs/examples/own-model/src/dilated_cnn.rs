//! Residual blocks of masked convolutions whose taps lie further apart with depth.

use ar_core::{ChannelSteps, Conditioning, Domain, Error, Kernel, MaskType, Order, Result};
use ar_models::{Built, Configuration};
use ar_nn::{Activation, Builder, ConvConfig};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

/// Configuration of a dilated PixelCNN: what `--set` sets and a checkpoint stores.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DilatedCnnConfig {
    /// Features of every layer.
    pub hidden: usize,
    /// Distance between taps, one block for each.
    pub dilations: Vec<usize>,
}

impl Default for DilatedCnnConfig {
    fn default() -> Self {
        Self {
            hidden: 32,
            dilations: vec![1, 2, 4, 2, 1],
        }
    }
}

impl Configuration for DilatedCnnConfig {
    const NAME: &'static str = "dilated-cnn";
    const ABOUT: &'static str = "residual blocks of dilated masked convolutions";
    const PAPER: &'static str = "none: an example";

    fn presets() -> Vec<(&'static str, Self)> {
        let large = Self {
            hidden: 256,
            ..Self::default()
        };
        vec![("large", large)]
    }

    fn validate(&self, domain: &Domain, _: Conditioning) -> Result<()> {
        if self.hidden < domain.channels {
            return Err(Error::config("hidden", "must be at least the number of channels"));
        }
        if self.dilations.iter().any(|d| !(1..=255).contains(d)) {
            return Err(Error::config("dilations", "must be between 1 and 255"));
        }
        Ok(())
    }

    // ANCHOR: build
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let (h, elu) = (self.hidden, Activation::Elu);
        let order = Order::raster(domain, ChannelSteps::Separate);
        let mut net = Builder::new(domain, &order, conditioning);

        let x = net.scaled_levels(); // (H·W, C)
        let first = ConvConfig::square(7, MaskType::A, h);
        let mut stream = net.conv(x, first, &vb.pp("first"))?; // (H·W, h)
        for (i, &dilation) in self.dilations.iter().enumerate() {
            let vb = vb.pp("blocks").pp(i);
            let kernel = Kernel {
                dilation,
                ..Kernel::square(3)
            };
            let look = ConvConfig {
                kernel,
                ..ConvConfig::square(3, MaskType::B, h)
            };
            let y = net.norm(stream, &vb.pp("norm"))?;
            let y = net.condition(y, &vb.pp("condition"))?; // + W·h, where there is a condition
            let y = net.conv(y, look.after(elu), &vb.pp("look"))?;
            stream = net.residual_conv(y, ConvConfig::pointwise(h), stream, &vb.pp("out"))?;
        }
        let head = ConvConfig::pointwise(net.outputs()).before(elu);
        let logits = net.conv(stream, head, &vb.pp("head"))?; // (H·W, C·P)
        net.finish(logits, vb).map(Built::Network)
    }
    // ANCHOR_END: build
}
