//! Masked transformer: self-attention in any order, told where it is and where it goes next.
//!
//! The idea of an order-agnostic decoder (Uria et al. 2014, arXiv:1310.1757, for the objective; Yang et al.
//! 2019, XLNet, arXiv:1906.08237, for predictions that know their target's place): at rank i the input is
//! the value at rank i - 1 with its own position, and the position of rank i, the target's, is added after
//! the norm of every block. Ordinary causal attention over ranks then gives every conditional in one pass,
//! and a step pass keeps keys and values.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎) in each of `orders` orders of a family, S-curves by default; the model is their
//! mixture, and the order belongs to every figure. With `every_order` each step of training draws an order of
//! all there are, and the model takes any: those of the mixture it is scored in, or one that leaves a hole for
//! last. Every colour value is a site of its own.
//!
//! As in `imagegpt`: root-mean-square norms, tables that begin as sines and cosines.

use ar_core::{ChannelSteps, Conditioning, Domain, Order, Result, Scan, Walk};
use ar_nn::init::{Values, sinusoids};
use ar_nn::{Builder, Network};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::orders::{in_every_order, in_orders, sequence};
use crate::registry::{Built, Configuration};
use crate::transformer::{Blocks, head};

/// Configuration of a masked transformer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaskedTransformerConfig {
    /// Features of the stream, d; the perceptrons have 4·d.
    pub embed: usize,
    /// Attention heads of each block; they divide `embed`.
    pub heads: usize,
    /// Blocks of attention and perceptron.
    pub layers: usize,
    /// In which order the values come; with several, the first of a family.
    pub order: Scan,
    /// How many orders of that family share the weights: reflections and transposes, or random orders.
    pub orders: usize,
    /// Whether it is trained in a new order each step, of all there are; `order` and `orders` then say in
    /// which it is scored and drawn from.
    pub every_order: bool,
}

impl Default for MaskedTransformerConfig {
    fn default() -> Self {
        Self {
            embed: 64,
            heads: 4,
            layers: 2,
            order: Scan {
                walk: Walk::SCurve,
                ..Scan::RASTER
            },
            orders: 8,
            every_order: false,
        }
    }
}

impl Configuration for MaskedTransformerConfig {
    const NAME: &'static str = "masked-transformer";
    const ABOUT: &'static str =
        "a transformer in any order, told its position and the one it predicts";
    const PAPER: &'static str =
        "after Yang et al. 2019, XLNet: Generalized Autoregressive Pretraining, arXiv:1906.08237";

    /// The size of iGPT-S, in 64 random orders.
    fn presets() -> Vec<(&'static str, Self)> {
        let random = Scan {
            walk: Walk::Random { seed: 0, member: 0 },
            ..Scan::RASTER
        };
        let paper = Self {
            embed: 512,
            heads: 8,
            layers: 24,
            order: random,
            orders: 64,
            every_order: false,
        };
        vec![("paper", paper)]
    }

    fn validate(&self, _: &Domain, conditioning: Conditioning) -> Result<()> {
        sequence(self.order, self.orders)?;
        self.blocks().validate(Self::NAME, conditioning)
    }

    fn begin(&self, domain: &Domain) -> Values {
        let table = sinusoids(domain, self.embed);
        let blocks = (0..self.layers).map(|i| format!("h.{i}.target.weight"));
        let names = ["before.weight".to_owned(), "target.weight".to_owned()];
        names
            .into_iter()
            .chain(blocks)
            .map(|name| (name, table.clone()))
            .collect()
    }

    // ANCHOR: build
    /// Parameters: `wte`, `before`, `sos`, `target`, `h.I.{ln_1, target, attn.{q, kv, c_proj}, ln_2,
    /// mlp.{c_fc, c_proj}}`, `ln_f`, `head`.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let steps = (domain, ChannelSteps::Separate);
        let (config, domain) = (self.clone(), *domain);
        let network = move |order: &Order, vb: &VarBuilder<'_>| {
            config.network(Builder::of_subpixels(&domain, order, conditioning)?, vb)
        };
        let scored = in_orders(self.order, self.orders, steps, |order| network(order, vb))?;
        if self.every_order {
            return in_every_order(scored, steps, vb, network);
        }
        Ok(scored)
    }
}

impl MaskedTransformerConfig {
    fn blocks(&self) -> Blocks {
        Blocks::gpt(self.embed, self.heads, self.layers)
    }

    fn network(&self, mut net: Builder, vb: &VarBuilder<'_>) -> Result<Network> {
        let d = self.embed;

        let x = net.embedded_levels(d, &vb.pp("wte"))?; // (H·W·C, d)
        let x = net.position_table(x, &vb.pp("before"))?; // where it is
        let x = net.previous(x, &vb.pp("sos"))?; // at the site that follows in the order
        let mut h = net.position_table(x, &vb.pp("target"))?; // where it goes
        for i in 0..self.layers {
            h = self.blocks().block(&mut net, h, true, &vb.pp("h").pp(i))?;
        }
        let logits = head(&mut net, h, vb)?;
        net.finish(logits, vb)
    }
    // ANCHOR_END: build
}
