//! PixelSNAIL: gated residual blocks that remember what is near, and attention that finds what is far.
//!
//! Chen, Mishra, Rohaninejad, Abbeel, "PixelSNAIL: An Improved Autoregressive Generative Model", 2018,
//! arXiv:1712.09763, and its reference code (the configuration with narrow keys).
//!
//! p(x) = Π p(pixel | pixels before) in raster order, the channels of a pixel together, as in PixelCNN++:
//! one stream that is late by a pixel, in blocks of gated residual convolutions over what is left and
//! above. After each block comes attention over all pixels before: keys and values are made of the image
//! itself, the stream and the place, queries of the stream and the place alone, for they must not know
//! the pixel that they help to predict, and no pixel attends to itself. The place is the row and the
//! column, from -1/2 to 1/2. What attention gives enters the stream through a block of its own.
//!
//! Weights are normalised and begin with data (arXiv:1602.07868); the condition is added before every
//! gate. Deviations: the blocks are PixelCNN++'s with concatenated ELU (the reference's commands leave its
//! plain ELU, an option there); levels enter as 0 to 1 (the paper: -1 to 1), and the mixture is exact, both as in
//! `pixelcnn-pp`. At the first pixel, which has none before, attention gives zeros.

use ar_core::{ChannelSteps, Conditioning, Domain, MaskType, Order, Result};
use ar_nn::{Activation, AttentionConfig, Builder, ConvConfig, Reach};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::gated_block::{BESIDE, Head, gated_block, late_by_a_pixel};
use crate::limits;
use crate::registry::{Built, Configuration};

/// Configuration of a PixelSNAIL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PixelSnailConfig {
    /// Features of the stream (the paper: 256).
    pub hidden: usize,
    /// Blocks of residual convolutions and attention (the paper: 12).
    pub blocks: usize,
    /// Residual blocks before each attention (the paper: 4).
    pub residuals: usize,
    /// Features of a query and of a key.
    pub keys: usize,
    /// Features of a value.
    pub values: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Components of the mixture (the paper: 10).
    pub components: usize,
    /// Share of numbers that are zeroed in each block while training (the paper: 0.5).
    pub dropout: f64,
    /// What describes a pixel.
    pub head: Head,
}

impl Default for PixelSnailConfig {
    fn default() -> Self {
        Self {
            hidden: 32,
            blocks: 2,
            residuals: 2,
            keys: 8,
            values: 16,
            heads: 1,
            components: 5,
            dropout: 0.0,
            head: Head::Logistic,
        }
    }
}

impl Configuration for PixelSnailConfig {
    const NAME: &'static str = "pixelsnail";
    const ALIASES: &'static [&'static str] = &["pixel-snail"];
    const ABOUT: &'static str = "gated residual convolutions and attention over all pixels before";
    const PAPER: &'static str = "Chen et al. 2018, PixelSNAIL: An Improved Autoregressive Generative Model, arXiv:1712.09763";

    fn presets() -> Vec<(&'static str, Self)> {
        let paper = Self {
            hidden: 256,
            blocks: 12,
            residuals: 4,
            keys: 16,
            values: 128,
            components: 10,
            dropout: 0.5,
            ..Self::default()
        };
        vec![("paper", paper)]
    }

    fn validate(&self, domain: &Domain, _: Conditioning) -> Result<()> {
        limits::hidden(domain, self.hidden)?;
        limits::blocks(self.blocks, 1)?;
        limits::times("residuals", self.residuals, 1)?;
        limits::times("heads", self.heads, 1)?;
        limits::divided("keys", self.keys, self.heads)?;
        limits::divided("values", self.values, self.heads)?;
        limits::times("components", self.components, 1)?;
        limits::dropout(self.dropout)
    }

    // ANCHOR: build
    /// Parameters: `above`, `left`; `blocks.I.residuals.J`, `blocks.I.{content, query, mix}`, each with
    /// `look` and `out`, the last with `skip` too; `blocks.I.{kv, q}`; `head`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let order = Order::raster(domain, ChannelSteps::Joint);
        let net = Builder::new(domain, &order, conditioning);
        let mut net = self.head.on(net, domain, self.components);
        let [rows, columns] = BESIDE;
        let beside = ConvConfig::window(rows, columns, self.hidden).weight_normalised();
        let nin = |features| ConvConfig::pointwise(features).weight_normalised();

        let x = net.scaled_levels(); // (H·W, C)
        let place = net.fixed(places(domain))?; // (H·W, 2)
        let padded = net.scaled_levels_with_one()?; // (H·W, C + 1)
        let first = [&vb.pp("above"), &vb.pp("left")];
        let mut ul = late_by_a_pixel(&mut net, padded, self.hidden, first)?; // (H·W, c)
        for i in 0..self.blocks {
            let vb = vb.pp("blocks").pp(i);
            for j in 0..self.residuals {
                let vb = vb.pp("residuals").pp(j);
                ul = gated_block(&mut net, (ul, None), beside, self.dropout, &vb)?;
            }
            let known = net.concat(ul, place)?; // (H·W, c + 2): nothing of the pixel itself
            let seen = net.concat(x, known)?;
            let (look, rate) = (nin(0), self.dropout);
            let content = gated_block(&mut net, (seen, None), look, rate, &vb.pp("content"))?;
            let query = gated_block(&mut net, (known, None), look, rate, &vb.pp("query"))?;
            let kv = net.conv(content, nin(self.keys + self.values), &vb.pp("kv"))?;
            let q = net.conv(query, nin(self.keys), &vb.pp("q"))?;
            let strictly_before = AttentionConfig {
                heads: self.heads,
                mask: MaskType::A,
                reach: Reach::All,
            };
            let found = net.attention(q, kv, strictly_before)?; // (H·W, v)
            ul = gated_block(&mut net, (ul, Some(found)), look, rate, &vb.pp("mix"))?;
        }
        let head = nin(net.outputs()).before(Activation::Elu);
        let numbers = net.conv(ul, head, &vb.pp("head"))?; // (H·W, P)
        net.finish(numbers, vb).map(Built::Network)
    }
    // ANCHOR_END: build
}

/// The row and the column of every pixel, from -1/2 to 1/2, `(H·W, 2)`.
fn places(domain: &Domain) -> Vec<f32> {
    let Domain { height, width, .. } = *domain;
    let along = |i: usize, size: usize| (i as f32 - size as f32 / 2.0) / size as f32;
    let pixels = 0..height * width;
    pixels
        .flat_map(|p| [along(p / width, height), along(p % width, width)])
        .collect()
}
