//! What PixelCNN++ and its descendants share: the gated residual block, and what describes a pixel.

use ar_core::{Domain, Likelihood, Result};
use ar_nn::{Builder, ConvConfig, Value};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

/// What describes a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Head {
    /// A mixture of discretized logistics over all channels.
    #[default]
    Logistic,
    /// Logits of the levels, channel by channel.
    Categorical,
}

impl Head {
    /// `net` with it in place of the domain's usual one.
    pub(crate) fn on(self, net: Builder, domain: &Domain, components: usize) -> Builder {
        match self.likelihood(domain, components) {
            Some(likelihood) => net.with_likelihood(likelihood),
            None => net,
        }
    }

    /// Where it is another than the domain's usual one.
    pub(crate) fn likelihood(self, domain: &Domain, components: usize) -> Option<Likelihood> {
        let mixture = Likelihood::logistic_mixture(domain, components);
        (self == Self::Logistic).then_some(mixture)
    }
}

/// Rows and columns that a stream late by a pixel reads: what is left and above, itself included.
pub(crate) const BESIDE: [[isize; 2]; 2] = [[-1, 0], [-1, 0]];

/// Stream `ul`, late by a pixel: the row above, a column to each side, and what is left beside it.
pub(crate) fn late_by_a_pixel(
    net: &mut Builder,
    x: Value,
    hidden: usize,
    [above, left]: [&VarBuilder<'_>; 2],
) -> Result<Value> {
    let window = |rows, columns| ConvConfig::window(rows, columns, hidden).weight_normalised();
    let rows = net.conv(x, window([-1, -1], [-1, 1]), above)?;
    net.residual_conv(x, window([-1, 0], [-1, -1]), rows, left)
}

// ANCHOR: block
/// x + gate(conv(celu(look(celu(x)) + nin(celu(skip))))), the gated residual block of PixelCNN++, as wide
/// as x. What `look` reads is what the second convolution reads too. The condition is added before the
/// gate.
pub(crate) fn gated_block(
    net: &mut Builder,
    (x, skip): (Value, Option<Value>),
    look: ConvConfig,
    dropout: f64,
    vb: &VarBuilder<'_>,
) -> Result<Value> {
    let features = net.features(x);
    let look = ConvConfig { features, ..look };
    let y = net.concat_elu(x); // (sites, 2c)
    let y = match skip {
        None => net.conv(y, look, &vb.pp("look"))?,
        Some(skip) => {
            let skip = net.concat_elu(skip);
            let nin = ConvConfig::pointwise(features).weight_normalised();
            let skip = net.conv(skip, nin, &vb.pp("skip"))?;
            net.residual_conv(y, look, skip, &vb.pp("look"))?
        }
    };
    let y = net.concat_elu(y);
    let y = net.dropout(y, dropout)?;
    let y = net.conv(y, look.for_gate().scaled(0.1), &vb.pp("out"))?; // (sites, 2c)
    let y = net.condition(y, &vb.pp("condition"))?;
    let y = net.linear_gate(y)?;
    net.add(x, y)
}
// ANCHOR_END: block
