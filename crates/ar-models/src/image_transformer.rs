//! Image Transformer: self-attention in which blocks of queries share a memory of what lies near.
//!
//! Parmar, Vaswani, Uszkoreit, Kaiser, Shazeer, Ku, Tran, "Image Transformer", 2018, arXiv:1802.05751.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎), every colour value a site of its own, in raster order with 1-D local attention
//! (`block` and `memory` of one number) and in blocks of rows and columns with 2-D local attention (two
//! numbers, section 3.3). A block of queries reads itself and its memory: the values that come before it,
//! or the rectangle extended to all sides, as far as that has been generated. In a step pass attention
//! keeps the memory of one block. The stream begins with the value before, embedded, and the coordinates of the value to be
//! predicted: sines and cosines, or learned vectors.
//!
//! With `head = "logistic"` (section 3.1) a pixel is a site, its channels enter as numbers and are drawn
//! together from a mixture of discretized logistics.
//!
//! The class of an image, the one condition it takes, is added to the stream at every site and is its start.
//!
//! Deviations: norms come before each branch and are root-mean-square, as in `imagegpt`, where the paper
//! normalises the stream after each (it needs a long warm-up). Sines and cosines alternate between row,
//! column and channel, where the paper gives half of the features to the row; their periods are the same for
//! images of every size, so that a model that does not learn its coordinates takes other sizes.

use ar_core::{ChannelSteps, Conditioning, Domain, Error, Order, Result, Scan, Walk};
use ar_nn::init::{Values, coordinates};
use ar_nn::{Activation, Builder, ConvConfig, Reach};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::gated_block::Head;
use crate::limits;
use crate::registry::{Built, Configuration};
use crate::transformer::{Blocks, head};

/// How a transformer knows where a site is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Coordinates {
    /// Sines and cosines of row, column and channel.
    #[default]
    Sines,
    /// A learned vector for each site, which begins as those.
    Learned,
}

/// Configuration of an Image Transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageTransformerConfig {
    /// Features of the stream, d.
    pub embed: usize,
    /// Features within a perceptron.
    pub perceptron: usize,
    /// Attention heads of each block; they divide `embed`.
    pub heads: usize,
    /// Blocks of attention and perceptron.
    pub layers: usize,
    /// The queries that share a memory: how many, or their rows and columns of pixels.
    pub block: Vec<usize>,
    /// What they read besides: how many values before, or how many rows and columns around.
    pub memory: Vec<usize>,
    /// How a site's place is told.
    pub coordinates: Coordinates,
    /// What describes a value, or a pixel.
    pub head: Head,
    /// Components of the mixture, with `head = "logistic"`.
    pub components: usize,
    /// Share of what a branch adds that is zeroed while training.
    pub dropout: f64,
}

impl Default for ImageTransformerConfig {
    fn default() -> Self {
        Self {
            embed: 64,
            perceptron: 256,
            heads: 4,
            layers: 3,
            block: vec![4, 7],
            memory: vec![8, 7],
            coordinates: Coordinates::Sines,
            head: Head::Categorical,
            components: 10,
            dropout: 0.0,
        }
    }
}

impl Configuration for ImageTransformerConfig {
    const NAME: &'static str = "image-transformer";
    const ABOUT: &'static str = "self-attention within a memory of what lies near, 1-D or 2-D";
    const PAPER: &'static str = "Parmar et al. 2018, Image Transformer, arXiv:1802.05751";

    /// Sizes for CIFAR-10: 12 layers of 512 features with 1-D local attention, and 14 of 256 with the
    /// mixture.
    fn presets() -> Vec<(&'static str, Self)> {
        let paper = Self {
            embed: 512,
            perceptron: 2048,
            layers: 12,
            block: vec![256],
            memory: vec![256],
            dropout: 0.3,
            ..Self::default()
        };
        let logistic = Self {
            embed: 256,
            perceptron: 512,
            heads: 8,
            layers: 14,
            head: Head::Logistic,
            dropout: 0.2,
            ..paper.clone()
        };
        vec![("paper", paper), ("paper-logistic", logistic)]
    }

    fn validate(&self, _: &Domain, conditioning: Conditioning) -> Result<()> {
        // What an order's name can say.
        let most = if self.block.len() == 2 { 256 } else { 65536 };
        if !matches!(self.block.len(), 1 | 2) || self.block.iter().any(|n| !(1..=most).contains(n))
        {
            let problem = "is a number of queries up to 65536, or rows and columns up to 256";
            return Err(Error::config("block", problem));
        }
        if self.memory.len() != self.block.len() || self.memory.iter().any(|n| *n > 65536) {
            let problem = "needs as many numbers as block has, each up to 65536";
            return Err(Error::config("memory", problem));
        }
        limits::features("perceptron", self.perceptron)?;
        limits::times("components", self.components, 1)?;
        limits::dropout(self.dropout)?;
        self.blocks(1).validate(Self::NAME, conditioning)
    }

    fn begin(&self, domain: &Domain) -> Values {
        match self.coordinates {
            Coordinates::Sines => Values::new(),
            Coordinates::Learned => {
                let table = coordinates(&self.seen(domain), self.embed);
                Values::from([("coordinates.weight".to_owned(), table)])
            }
        }
    }

    // ANCHOR: build
    /// Parameters: `values` (with the mixture a `weight` and a `bias`), `start`, `coordinates` where they
    /// are learned, `condition`; `h.I.{ln_1, attn.{q, kv, c_proj}, ln_2, mlp.{c_fc, c_proj}}`; `ln_f`, `head`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let (d, channels) = (self.embed, domain.channels);
        let (mut net, x) = match self.head.likelihood(domain, self.components) {
            None => {
                let order = Order::scan(self.scan(), domain, ChannelSteps::Separate)?;
                let mut net = Builder::of_subpixels(domain, &order, conditioning)?;
                let x = net.embedded_levels(d, &vb.pp("values"))?; // (H·W·C, d)
                (net, x)
            }
            Some(mixture) => {
                let order = Order::scan(self.scan(), domain, ChannelSteps::Joint)?;
                let mut net = Builder::new(domain, &order, conditioning).with_likelihood(mixture);
                let x = net.scaled_levels();
                let x = net.conv(x, ConvConfig::pointwise(d), &vb.pp("values"))?; // (H·W, d)
                (net, x)
            }
        };
        let x = net.previous(x, &vb.pp("start"))?;
        let x = net.condition(x, &vb.pp("condition"))?;
        let mut h = match self.coordinates {
            Coordinates::Sines => {
                let place = net.fixed(coordinates(&self.seen(domain), d))?;
                net.add(x, place)?
            }
            Coordinates::Learned => net.position_table(x, &vb.pp("coordinates"))?,
        };
        let blocks = self.blocks(match self.head {
            Head::Categorical => channels,
            Head::Logistic => 1,
        });
        for i in 0..self.layers {
            h = blocks.block(&mut net, h, false, &vb.pp("h").pp(i))?;
        }
        let outputs = head(&mut net, h, vb)?;
        net.finish(outputs, vb).map(Built::Network)
    }
    // ANCHOR_END: build
}

impl ImageTransformerConfig {
    /// The order in which the blocks come whole.
    fn scan(&self) -> Scan {
        let walk = match self.block[..] {
            [rows, columns] => Walk::Blocks(rows as u32, columns as u32),
            _ => Walk::Raster,
        };
        Scan {
            walk,
            ..Scan::RASTER
        }
    }

    /// The domain whose values are the sites.
    fn seen(&self, domain: &Domain) -> Domain {
        match self.head {
            Head::Categorical => *domain,
            Head::Logistic => Domain {
                channels: 1,
                ..*domain
            },
        }
    }

    /// With so many sites side by side for a pixel.
    fn blocks(&self, sites: usize) -> Blocks {
        let reach = match (&self.block[..], &self.memory[..]) {
            (&[rows, columns], &[above, beside]) => Reach::Nearby {
                block: [rows, columns * sites],
                memory: [above, beside * sites],
            },
            (block, memory) => Reach::Recent {
                queries: block[0],
                memory: memory[0],
            },
        };
        Blocks {
            embed: self.embed,
            perceptron: self.perceptron,
            activation: Activation::Relu,
            heads: self.heads,
            reach,
            layers: self.layers,
            dropout: self.dropout,
        }
    }
}
