//! PixelCNN++: two streams by shifts, on three scales with long skips, and mixtures of logistics.
//!
//! Salimans, Karpathy, Chen, Kingma, "PixelCNN++: Improving the PixelCNN with Discretized Logistic
//! Mixture Likelihood and Other Modifications", 2017, arXiv:1701.05517, and its reference code.
//!
//! p(x) = Π p(pixel | pixels before) in raster order; the channels of a pixel are drawn together, from
//! one mixture whose means of later channels follow from earlier ones (equation 3). No layer is masked:
//! stream `u` is a row late and sees whole rows above, stream `ul` is late by a pixel and sees what is
//! left in the row too. Each level of the way down has `blocks` gated residual blocks with concatenated
//! ELU, the way back takes their results as skips; two strided convolutions lie between. Weights are
//! normalised and begin with data (section 3 of arXiv:1602.07868). The condition is added before every
//! gate.
//!
//! Deviations: levels enter as 0 to 1 (the paper: -1 to 1); a component is an exact distribution, where
//! the reference code falls back to a density for narrow bins. `head = "categorical"` describes each
//! channel by logits, independently given the pixels before.

use ar_core::{ChannelSteps, Conditioning, Domain, Error, Order, Result, Stride};
use ar_nn::{Activation, Builder, ConvConfig, Value};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::gated_block::{BESIDE, Head, gated_block, late_by_a_pixel};
use crate::limits;
use crate::registry::{Built, Configuration};

/// Configuration of a PixelCNN++.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PixelCnnPpConfig {
    /// Features of each stream (the paper: 160).
    pub hidden: usize,
    /// Residual blocks of each stream on each of the three scales (the paper: 5).
    pub blocks: usize,
    /// Components of the mixture (the paper: 10).
    pub components: usize,
    /// Share of numbers that are zeroed in each block while training (the paper: 0.5).
    pub dropout: f64,
    /// What describes a pixel.
    pub head: Head,
}

impl Default for PixelCnnPpConfig {
    fn default() -> Self {
        Self {
            hidden: 24,
            blocks: 1,
            components: 5,
            dropout: 0.0,
            head: Head::Logistic,
        }
    }
}

impl Configuration for PixelCnnPpConfig {
    const NAME: &'static str = "pixelcnn-pp";
    const ALIASES: &'static [&'static str] = &["pixelcnn++", "pixel-cnn-pp"];
    const ABOUT: &'static str =
        "two streams by shifts on three scales, with mixtures of discretized logistics";
    const PAPER: &'static str = "Salimans et al. 2017, PixelCNN++: Improving the PixelCNN with Discretized Logistic Mixture Likelihood and Other Modifications, arXiv:1701.05517";

    fn presets() -> Vec<(&'static str, Self)> {
        let paper = Self {
            hidden: 160,
            blocks: 5,
            components: 10,
            dropout: 0.5,
            ..Self::default()
        };
        vec![("paper", paper)]
    }

    fn validate(&self, domain: &Domain, conditioning: Conditioning) -> Result<()> {
        if let Conditioning::Map { .. } = conditioning {
            let problem = "pixelcnn-pp has values on coarser grids than a map; take gated-pixelcnn";
            return Err(Error::config("conditioning", problem));
        }
        limits::hidden(domain, self.hidden)?;
        limits::blocks(self.blocks, 1)?;
        limits::times("components", self.components, 1)?;
        limits::dropout(self.dropout)
    }

    // ANCHOR: build
    /// Parameters: `u_first`, `ul_above`, `ul_left`, `down.S.I.{u, ul}` and `up.S.I.{u, ul}` of block I
    /// on scale S, each with `look`, `skip` and `out`; `u_down.S`, `ul_down.S`, `u_up.S`, `ul_up.S`;
    /// `head`.
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
        let x = net.scaled_levels_with_one()?; // (H·W, C + 1)
        let u = net.conv(x, self.window([-2, -1], [-1, 1]), &vb.pp("u_first"))?;
        let first = [&vb.pp("ul_above"), &vb.pp("ul_left")];
        let ul = late_by_a_pixel(&mut net, x, self.hidden, first)?;
        let mut kept = vec![[u, ul]];
        for scale in 0..SCALES {
            for i in 0..self.blocks {
                let [u, ul] = kept[kept.len() - 1];
                let vb = vb.pp("down").pp(scale).pp(i);
                let u = self.block(&mut net, (u, None), ABOVE, &vb.pp("u"))?;
                let ul = self.block(&mut net, (ul, Some(u)), BESIDE, &vb.pp("ul"))?;
                kept.push([u, ul]);
            }
            if scale + 1 < SCALES {
                let [u, ul] = kept[kept.len() - 1];
                let down = |[rows, columns]: [[isize; 2]; 2]| {
                    self.window(rows, columns).strided(Stride::Down)
                };
                let u = net.conv(u, down(ABOVE), &vb.pp("u_down").pp(scale))?; // half as many rows, columns
                let ul = net.conv(ul, down(BESIDE), &vb.pp("ul_down").pp(scale))?;
                kept.push([u, ul]);
            }
        }
        let [mut u, mut ul] = kept.pop().unwrap_or([u, ul]);
        for scale in (0..SCALES).rev() {
            let blocks = self.blocks + usize::from(scale + 1 < SCALES);
            for i in 0..blocks {
                let Some([u_skip, ul_skip]) = kept.pop() else {
                    break;
                };
                let vb = vb.pp("up").pp(scale).pp(i);
                u = self.block(&mut net, (u, Some(u_skip)), ABOVE, &vb.pp("u"))?;
                let both = net.concat(u, ul_skip)?;
                ul = self.block(&mut net, (ul, Some(both)), BESIDE, &vb.pp("ul"))?;
            }
            if let (1.., Some(&[like, _])) = (scale, kept.last()) {
                let up = |columns| self.window([0, 1], columns);
                u = net.conv_onto(like, u, up([-1, 1]), &vb.pp("u_up").pp(scale))?;
                ul = net.conv_onto(like, ul, up([0, 1]), &vb.pp("ul_up").pp(scale))?;
            }
        }
        let head = ConvConfig::pointwise(net.outputs()).before(Activation::Elu);
        let numbers = net.conv(ul, head.weight_normalised(), &vb.pp("head"))?; // (H·W, P)
        net.finish(numbers, vb).map(Built::Network)
    }
}

/// The full image, half and a quarter of its rows and columns.
const SCALES: usize = 3;

/// What stream `u` reads, rows and columns: its own row is late already.
const ABOVE: [[isize; 2]; 2] = [[-1, 0], [-1, 1]];

impl PixelCnnPpConfig {
    fn window(&self, rows: [isize; 2], columns: [isize; 2]) -> ConvConfig {
        ConvConfig::window(rows, columns, self.hidden).weight_normalised()
    }

    fn block(
        &self,
        net: &mut Builder,
        streams: (Value, Option<Value>),
        [rows, columns]: [[isize; 2]; 2],
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        gated_block(net, streams, self.window(rows, columns), self.dropout, vb)
    }
    // ANCHOR_END: build
}
