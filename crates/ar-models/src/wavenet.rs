//! WaveNet: dilated causal convolutions along one sequence, here the pixels of an image in order.
//!
//! van den Oord, Dieleman, Zen, Simonyan, Vinyals, Graves, Kalchbrenner, Senior, Kavukcuoglu,
//! "WaveNet: A Generative Model for Raw Audio", 2016, arXiv:1609.03499, sections 2.1-2.5, figure 4.
//!
//! The first convolution reads the pixel before; layers of two taps, 1, 2, 4, .. `max_dilation`
//! apart, double the reach. With 512 it is 1,024 pixels: all of a 28x28 or a 32x32 image. Each layer
//! is tanh(a) · sigmoid(b), a residual 1x1 and a skip 1x1; the sum of the skips goes through ReLU,
//! 1x1, ReLU, 1x1 to the logits. The condition, V·h, is added within both halves of every gate
//! (section 2.5): a class is the paper's global condition, a map its local one, at whatever lower rate: transposed
//! convolutions bring it to that of the samples.
//!
//! A step pass keeps of each layer only as many pixels as its taps reach back, whatever the length.
//!
//! Deviations: colours are features of a pixel with R, G, B masks, so that a pixel is one site of the
//! sequence; two levels use one logit; levels come in as numbers 0..=1 unless `embedding` asks for
//! learned vectors (the paper's one-hot input); by default the first features learn the row and the
//! column they are at (`position`).

use ar_core::{ChannelSteps, Conditioning, Domain, Error, MaskType, Result, Scan};
use ar_nn::{Activation, Builder, ConvConfig, Network};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::gated_block::Head;
use crate::limits;
use crate::orders::{in_orders, sequence};
use crate::registry::{Built, Configuration};

/// Above it, logits of every value would be most of the work and of the memory.
const MOST_LOGITS: usize = 4096;

/// Configuration of a WaveNet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WaveNetConfig {
    /// Features of the residual stream and of every gate.
    pub hidden: usize,
    /// Features of the skip connections.
    pub skip: usize,
    /// How often the dilations 1, 2, 4, .. are gone through.
    pub stacks: usize,
    /// The largest dilation, a power of two.
    pub max_dilation: usize,
    /// Features of a learned vector for each level; 0 for levels as numbers.
    pub embedding: usize,
    /// Whether levels as numbers enter by the logarithm of their distance from the middle (section 2.2 of the
    /// paper): of samples as they are, so that quiet sound is seen as well.
    pub companded: bool,
    /// What describes a value: logits of its levels, or a mixture of discretized logistics (van den Oord et
    /// al. 2017, Parallel WaveNet, arXiv:1711.10433, section 2.1), which takes the 65,536 of 16 bits.
    pub head: Head,
    /// Components of the mixture.
    pub components: usize,
    /// Whether the first features learn the row and the column they are at.
    pub position: bool,
    /// In which order the pixels come.
    pub order: Scan,
    /// How many orders of that family, reflections and transposes, share the weights: a mixture.
    pub orders: usize,
}

impl Default for WaveNetConfig {
    fn default() -> Self {
        Self {
            hidden: 32,
            skip: 64,
            stacks: 1,
            max_dilation: 512,
            embedding: 0,
            companded: false,
            head: Head::Categorical,
            components: 10,
            position: true,
            order: Scan::RASTER,
            orders: 1,
        }
    }
}

impl Configuration for WaveNetConfig {
    const NAME: &'static str = "wavenet";
    const ALIASES: &'static [&'static str] = &["wave-net"];
    const ABOUT: &'static str = "dilated causal convolutions along the pixels as one sequence";
    const PAPER: &'static str =
        "van den Oord et al. 2016, WaveNet: A Generative Model for Raw Audio, arXiv:1609.03499";

    /// `paper`: its 1..512 three times over; it does not tell the widths. `sound`: for recordings, in
    /// minutes; `sound-16` where their samples have more levels than logits are had for.
    fn presets() -> Vec<(&'static str, Self)> {
        let paper = Self {
            hidden: 128,
            skip: 256,
            stacks: 3,
            embedding: 128,
            position: false,
            ..Self::default()
        };
        let sound = Self {
            stacks: 2,
            max_dilation: 256,
            embedding: 32,
            position: false,
            ..Self::default()
        };
        let sound_16 = Self {
            embedding: 0,
            companded: true,
            head: Head::Logistic,
            ..sound.clone()
        };
        vec![("paper", paper), ("sound", sound), ("sound-16", sound_16)]
    }

    /// The value before, and twice the largest dilation for each stack but for its own site.
    fn reach(&self) -> Option<usize> {
        let along = self.order == Scan::RASTER && self.orders == 1 && !self.position;
        let taps = self.stacks.checked_mul(2 * self.max_dilation - 1);
        taps.filter(|_| along)?.checked_add(1)
    }

    fn validate(&self, domain: &Domain, _: Conditioning) -> Result<()> {
        limits::hidden(domain, self.hidden)?;
        sequence(self.order, self.orders)?;
        for (field, features, least) in [("skip", self.skip, 1), ("embedding", self.embedding, 0)] {
            let least = if least > 0 || features > 0 {
                domain.channels
            } else {
                0
            };
            if !(least..=65536).contains(&features) {
                let problem = format!("must be from {least} to 65536, not {features}");
                return Err(Error::config(field, problem));
            }
        }
        limits::times("components", self.components, 1)?;
        if self.head == Head::Categorical && domain.levels > MOST_LOGITS {
            let problem =
                format!("categorical takes up to {MOST_LOGITS} levels; take logistic for more");
            return Err(Error::config("head", problem));
        }
        if !(1..=256).contains(&self.stacks) {
            return Err(Error::config("stacks", "must be from 1 to 256"));
        }
        if !self.max_dilation.is_power_of_two() || self.max_dilation > 1 << 24 {
            return Err(Error::config(
                "max_dilation",
                format!(
                    "must be a power of two up to 2^24, not {}",
                    self.max_dilation
                ),
            ));
        }
        Ok(())
    }

    // ANCHOR: build
    /// Parameters: `first`, `layers.I.{look, condition, skip, out}`, `head1`, `head2`; of a map at a lower rate
    /// `condition.I`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let channels = match self.head {
            Head::Logistic => ChannelSteps::Joint,
            Head::Categorical => ChannelSteps::Separate,
        };
        in_orders(self.order, self.orders, (domain, channels), |order| {
            let net = Builder::new(domain, order, conditioning);
            self.network(self.head.on(net, domain, self.components), vb)
        })
    }
}

impl WaveNetConfig {
    fn network(&self, mut net: Builder, vb: &VarBuilder<'_>) -> Result<Network> {
        let (c, relu) = (self.hidden, Activation::Relu);

        net.upsample_condition(c, &vb.pp("condition"))?;
        let x = match self.embedding {
            0 if self.companded => net.companded_levels(),
            0 => net.scaled_levels(),
            features => net.embedded_levels(features, &vb.pp("embedding"))?,
        };
        let first = ConvConfig::sequence(2, 1, MaskType::A, c);
        let mut h = net.conv(x, first, &vb.pp("first"))?; // (H·W, c), the pixel before
        if self.position {
            h = net.position(h, &vb.pp("position"))?;
        }
        let (mut skip, layers) = (None, self.dilations());
        for (i, &dilation) in layers.iter().enumerate() {
            let vb = vb.pp("layers").pp(i);
            let look = ConvConfig::sequence(2, dilation, MaskType::B, c).for_gate();
            let y = net.conv(h, look, &vb.pp("look"))?; // (H·W, 2c)
            let y = net.condition(y, &vb.pp("condition"))?;
            let z = net.gate(y)?; // (H·W, c)
            let to_skip = ConvConfig::pointwise(self.skip);
            skip = Some(match skip {
                None => net.conv(z, to_skip, &vb.pp("skip"))?,
                Some(sum) => net.residual_conv(z, to_skip, sum, &vb.pp("skip"))?,
            });
            // Nothing reads the last layer's stream, only its skip connection.
            if i + 1 < layers.len() {
                h = net.residual_conv(z, ConvConfig::pointwise(c), h, &vb.pp("out"))?;
            }
        }
        let head = ConvConfig::pointwise(self.skip).before(relu).after(relu);
        let y = net.conv(skip.unwrap_or(h), head, &vb.pp("head1"))?;
        let logits = net.conv(y, ConvConfig::pointwise(net.outputs()), &vb.pp("head2"))?; // (H·W, C·P)
        net.finish(logits, vb)
    }
    // ANCHOR_END: build
}

impl WaveNetConfig {
    /// The dilation of every layer.
    fn dilations(&self) -> Vec<usize> {
        let once = (0..=self.max_dilation.ilog2()).map(|i| 1 << i);
        (0..self.stacks).flat_map(|_| once.clone()).collect()
    }
}
