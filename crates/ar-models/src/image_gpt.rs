//! ImageGPT: a transformer decoder over the pixels as a sequence.
//!
//! Chen, Radford, Child, Wu, Jun, Luan, Sutskever, "Generative Pretraining from Pixels", 2020 (ICML),
//! section 2.3, and its reference code <https://github.com/openai/image-gpt>.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎) in raster order. The network reads at every position the embedding of the
//! value before it (at the first a learned start) and a vector of its own for the position predicted;
//! then blocks of causal self-attention and a two-layer perceptron, each behind a norm and added to
//! the stream. As in the reference code the norm is x · g / sqrt(mean x² + ε), the rectifier
//! x · sigmoid(1.702 x), and the output layer has weights of its own.
//!
//! The paper quantizes colour to a palette, so that a pixel is one token: data of one channel here.
//! Colour channels as they are become a sequence of sub-pixels, R, G, B, three times as long.
//!
//! The class of an image, an option that the paper has not, is its start: a learned vector for each.
//!
//! Deviations: two levels use one logit in place of a softmax over two. Projections have a bias. ε is
//! 1e-6, not 1e-5. Positions begin as sines and cosines of row, column and channel, not at random,
//! values and the start with deviation 1, not 0.02: with as much of each as the blocks add, attention
//! finds its neighbours far sooner. Weights begin with variance 1 / inputs, as the code's q, k and v
//! do; its perceptron begins with deviation 0.02, which fits the paper's widths only. Both projections
//! that end a branch begin smaller by √layers, in the code that of attention alone. The output layer
//! begins at a tenth of the usual deviation, not at zero, so that what depends on what shows before
//! training.

use ar_core::{ChannelSteps, Conditioning, Domain, Result, Scan};
use ar_nn::init::{Values, sinusoids};
use ar_nn::{Builder, Network};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::orders::{in_orders, sequence};
use crate::registry::{Built, Configuration};
use crate::transformer::{Blocks, head};

/// Configuration of an ImageGPT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageGptConfig {
    /// Features of the stream, d; the perceptrons have 4·d.
    pub embed: usize,
    /// Attention heads of each block; they divide `embed`.
    pub heads: usize,
    /// Blocks of attention and perceptron.
    pub layers: usize,
    /// In which order the pixels come.
    pub order: Scan,
    /// How many orders of that family, reflections and transposes, share the weights: a mixture.
    pub orders: usize,
}

impl Default for ImageGptConfig {
    fn default() -> Self {
        Self::of(64, 4, 2)
    }
}

impl ImageGptConfig {
    fn of(embed: usize, heads: usize, layers: usize) -> Self {
        Self {
            embed,
            heads,
            layers,
            order: Scan::RASTER,
            orders: 1,
        }
    }
}

impl Configuration for ImageGptConfig {
    const NAME: &'static str = "imagegpt";
    const ALIASES: &'static [&'static str] = &["image-gpt", "igpt"];
    const ABOUT: &'static str =
        "a transformer over the pixels as a sequence, with a key/value cache";
    const PAPER: &'static str = "Chen et al. 2020, Generative Pretraining from Pixels, ICML";

    /// The paper's iGPT-S, M and L (table 1 and the reference code); `paper` is S.
    fn presets() -> Vec<(&'static str, Self)> {
        vec![
            ("paper", Self::of(512, 8, 24)),
            ("xs", Self::of(128, 4, 8)),
            ("s", Self::of(512, 8, 24)),
            ("m", Self::of(1024, 8, 36)),
            ("l", Self::of(1536, 16, 48)),
        ]
    }

    fn validate(&self, _: &Domain, conditioning: Conditioning) -> Result<()> {
        sequence(self.order, self.orders)?;
        self.blocks().validate(Self::NAME, conditioning)
    }

    fn begin(&self, domain: &Domain) -> Values {
        Values::from([("wpe.weight".to_owned(), sinusoids(domain, self.embed))])
    }

    // ANCHOR: build
    /// Parameters, named as in the reference code: `wte`, `sos`, `wpe`, `h.I.ln_1`,
    /// `h.I.attn.{q, kv, c_proj}`, `h.I.ln_2`, `h.I.mlp.{c_fc, c_proj}`, `ln_f`, `head`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let steps = (domain, ChannelSteps::Separate);
        in_orders(self.order, self.orders, steps, |order| {
            self.network(Builder::of_subpixels(domain, order, conditioning)?, vb)
        })
    }
}

impl ImageGptConfig {
    fn blocks(&self) -> Blocks {
        Blocks::gpt(self.embed, self.heads, self.layers)
    }

    fn network(&self, mut net: Builder, vb: &VarBuilder<'_>) -> Result<Network> {
        let d = self.embed;

        let x = net.embedded_levels(d, &vb.pp("wte"))?; // (H·W·C, d)
        let x = net.previous(x, &vb.pp("sos"))?;
        let mut h = net.position_table(x, &vb.pp("wpe"))?;
        for i in 0..self.layers {
            h = self.blocks().block(&mut net, h, false, &vb.pp("h").pp(i))?;
        }
        let logits = head(&mut net, h, vb)?;
        net.finish(logits, vb)
    }
    // ANCHOR_END: build
}
