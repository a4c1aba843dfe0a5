//! Multiscale: a coarse image first, then groups of pixels, each group drawn at once given all before.
//!
//! After Reed, van den Oord, Kalchbrenner, Gomez Colmenarejo, Wang, Belov, de Freitas, "Parallel
//! Multiscale Autoregressive Density Estimation", 2017, arXiv:1703.03664. The pattern is an order,
//! `coarse-to-fine`: a grid of at most 4x4 pixels one by one, then ever finer grids in up to three groups
//! each. `order = "subscale:S"` is that of Menick, Kalchbrenner 2019, arXiv:1812.01608: interleaved slices,
//! every pixel drawn alone. The likelihood is exact in both.
//!
//! Kernels reach as far as the pixels lie that are known before, so one set of weights serves all scales
//! (the paper has a network for each). The body is in two parts: convolutions over what is known, each
//! pixel's own value included, and convolutions that predict from it. Two learned vectors, of row and
//! column, tell where a pixel is, and thereby on which grid.
//!
//! Several channels are drawn together, from a mixture of discretized logistics.

use ar_core::{ChannelSteps, Conditioning, Domain, Likelihood, MaskType, Result, Scan, Walk};
use ar_nn::{Activation, Builder, ConvConfig, Network};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::limits;
use crate::orders::in_orders;
use crate::registry::{Built, Configuration};

/// Configuration of a multiscale model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MultiscaleConfig {
    /// Features of every layer.
    pub hidden: usize,
    /// Residual convolutions over what is known.
    pub known: usize,
    /// Residual convolutions that predict.
    pub predicted: usize,
    /// Rows and columns of every kernel, in pixels of the grid that is known; odd.
    pub kernel: usize,
    /// Components of the mixture that describes pixels of several channels.
    pub components: usize,
    /// In which order the pixels come: `coarse-to-fine` or `subscale:S`.
    pub order: Scan,
    /// How many orders of that family, reflections and transposes, share the weights: a mixture.
    pub orders: usize,
}

impl Default for MultiscaleConfig {
    fn default() -> Self {
        Self {
            hidden: 32,
            known: 3,
            predicted: 3,
            kernel: 5,
            components: 5,
            order: Scan {
                walk: Walk::CoarseToFine,
                ..Scan::RASTER
            },
            orders: 1,
        }
    }
}

impl Configuration for MultiscaleConfig {
    const NAME: &'static str = "multiscale";
    const ABOUT: &'static str =
        "a coarse image first, then groups of pixels that are drawn at once";
    const PAPER: &'static str =
        "Reed et al. 2017, Parallel Multiscale Autoregressive Density Estimation, arXiv:1703.03664";

    /// Twelve layers of 128 features, the size of the paper's networks (section 4).
    fn presets() -> Vec<(&'static str, Self)> {
        let paper = Self {
            hidden: 128,
            known: 12,
            predicted: 12,
            components: 10,
            ..Self::default()
        };
        vec![("paper", paper)]
    }

    fn validate(&self, domain: &Domain, _: Conditioning) -> Result<()> {
        limits::hidden(domain, self.hidden)?;
        limits::kernel("kernel", self.kernel, 3)?;
        limits::times("known", self.known, 1)?;
        limits::times("predicted", self.predicted, 1)?;
        limits::times("components", self.components, 1)?;
        self.order.several(self.orders).map(drop)
    }

    // ANCHOR: build
    /// Parameters: `first`, `position`, `known.I.{look, out}`, `between`, `between_position`,
    /// `predicted.I.{condition, look, out}`, `head`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let steps = (domain, ChannelSteps::Joint);
        in_orders(self.order, self.orders, steps, |order| {
            self.network(Builder::new(domain, order, conditioning), domain, vb)
        })
    }
}

impl MultiscaleConfig {
    fn network(&self, mut net: Builder, domain: &Domain, vb: &VarBuilder<'_>) -> Result<Network> {
        if domain.channels > 1 {
            net = net.with_likelihood(Likelihood::logistic_mixture(domain, self.components));
        }
        let (h, elu) = (self.hidden, Activation::Elu);
        let look = |mask| ConvConfig::square(self.kernel, mask, h);
        let x = net.scaled_levels_with_one()?; // (H·W, C + 1)
        let mut known = net.conv(x, look(MaskType::B), &vb.pp("first"))?; // (H·W, h), the pixel included
        known = net.position(known, &vb.pp("position"))?;
        for i in 0..self.known {
            let vb = vb.pp("known").pp(i);
            let y = net.conv(
                known,
                look(MaskType::B).before(elu).after(elu),
                &vb.pp("look"),
            )?;
            known = net.residual_conv(y, ConvConfig::pointwise(h), known, &vb.pp("out"))?;
        }
        let mut next = net.conv(known, look(MaskType::A).before(elu), &vb.pp("between"))?;
        next = net.position(next, &vb.pp("between_position"))?;
        for i in 0..self.predicted {
            let vb = vb.pp("predicted").pp(i);
            let y = net.condition(next, &vb.pp("condition"))?;
            let y = net.conv(y, look(MaskType::B).before(elu).after(elu), &vb.pp("look"))?;
            next = net.residual_conv(y, ConvConfig::pointwise(h), next, &vb.pp("out"))?;
        }
        let head = ConvConfig::pointwise(net.outputs()).before(elu);
        let numbers = net.conv(next, head, &vb.pp("head"))?; // (H·W, C / V · P)
        net.finish(numbers, vb)
    }
    // ANCHOR_END: build
}
