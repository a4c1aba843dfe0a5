//! MADE: an autoencoder whose masks make its outputs the conditionals of an autoregressive model.
//!
//! Germain, Gregor, Murray, Larochelle, "MADE: Masked Autoencoder for Distribution Estimation",
//! 2015, arXiv:1502.03509.
//!
//! p(x) = Π p(xᵢ | x₍<ᵢ₎), raster order or a random one (section 4.3), the channels of a pixel one
//! after the other. Hidden unit k has a degree m(k) from 1 to D - 1 and sees the first m(k) values of
//! the order: between hidden layers the mask lets through m(k) ≤ m(k'), before the output, strictly,
//! m(k) < d with d counted from 1 (sections 4.1 and 4.2). Direct connections from inputs to outputs
//! (section 4.1) are an option. Degrees are drawn uniformly between the lowest of the layer before
//! and D - 1 (section 4.2).
//!
//! With several `masks` (section 4.4) every set has its own degrees and, in random order, its own
//! order; all share one set of weights, take turns in training, and are one distribution: the equal
//! mixture of their *probabilities* of the whole image.
//!
//! The condition is added to every hidden layer and to the outputs, so that it reaches the first
//! value too, which sees nothing else.
//!
//! Deviations: more than two levels make the outputs categorical and, as an option, the inputs
//! one-hot; weights start normal and not orthogonal; the paper's second set of weights, which tells
//! the network its mask (section 4.4) is left out. In a step pass the
//! units run in order of degrees, each once.

use std::sync::Arc;

use ar_core::random::stream;
use ar_core::{
    ChannelSteps, Conditioning, Domain, Error, Mixture, Model, Order, Result, Scan, Walk,
};
use ar_nn::{Degrees, InputCoding, MaskedConfig, MaskedNetwork};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};

use crate::registry::{Built, Configuration};

/// Configuration of a MADE.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MadeConfig {
    /// Units of each hidden layer; with none, and `direct`, this is a logistic autoregression.
    pub hidden: Vec<usize>,
    /// In which order the pixels come, one channel after the other; of `random` each mask set has one of
    /// its own, drawn from `mask_seed` and the seed in the name.
    pub order: Scan,
    /// How many orders of that family, reflections and transposes, the mask sets take in turn.
    pub orders: usize,
    /// How the hidden units get their degrees.
    pub degrees: DegreeRule,
    /// Number of mask sets that share the weights; more than one are an ensemble.
    pub masks: usize,
    /// Whether the outputs see the inputs directly too.
    pub direct: bool,
    /// How a level enters.
    pub input: InputCoding,
    /// What random degrees and orders are drawn from; part of the model, unlike the training's seed.
    pub mask_seed: u64,
}

/// How the hidden units get their degrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DegreeRule {
    /// Drawn anew for each mask set, as in the paper.
    #[default]
    Random,
    /// 1, 2, 3, .. and again from 1, in every layer.
    Cyclic,
}

impl Default for MadeConfig {
    fn default() -> Self {
        Self {
            hidden: vec![500],
            order: Scan::RASTER,
            orders: 1,
            degrees: DegreeRule::Random,
            masks: 1,
            direct: true,
            input: InputCoding::Scaled,
            mask_seed: 0,
        }
    }
}

/// A random order of each mask set's own.
const RANDOM: Scan = Scan {
    walk: Walk::Random { seed: 0, member: 0 },
    ..Scan::RASTER
};

impl MadeConfig {
    /// Mask sets: as many as asked for, and one at least for each order.
    fn sets(&self) -> usize {
        self.masks.max(self.orders)
    }

    // ANCHOR: network
    /// The network of mask set `k`, around the weights that all sets share.
    ///
    /// # Errors
    /// As [`Configuration::build`].
    pub fn network(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        k: usize,
        vb: &VarBuilder<'_>,
    ) -> Result<MaskedNetwork> {
        let draw = |what| stream(self.mask_seed, what, &[k as u64]);
        let scan = match self.order.walk {
            Walk::Random { seed, member } => Scan {
                walk: Walk::Random {
                    seed: seed.wrapping_add(self.mask_seed),
                    member: member.wrapping_add(k as u32),
                },
                ..self.order
            },
            _ => self.order.several(self.orders)?[k % self.orders],
        };
        let order = Order::scan(scan, domain, ChannelSteps::Separate)?;
        let degrees = match self.degrees {
            DegreeRule::Cyclic => Degrees::cyclic(order.steps(), &self.hidden),
            DegreeRule::Random => {
                let mut rng = draw("made degrees");
                let drawn = Degrees::random(order.steps(), &self.hidden, &mut rng);
                // Units that have one degree each may as well stand where a step looks for them.
                if self.sets() == 1 {
                    drawn.sorted()
                } else {
                    drawn
                }
            }
        };
        let config = MaskedConfig {
            degrees,
            input: self.input,
            direct: self.direct,
        };
        MaskedNetwork::new(domain, &order, conditioning, &config, vb)
    }
    // ANCHOR_END: network
}

impl Configuration for MadeConfig {
    const NAME: &'static str = "made";
    const ABOUT: &'static str = "a masked multi-layer perceptron over all pixels, or any vector";
    const PAPER: &'static str = "Germain et al. 2015, MADE: Masked Autoencoder for Distribution Estimation, arXiv:1502.03509";

    /// `paper`: the best on binary MNIST (section 6.2), two layers of 8,000 units and 32 masks.
    /// `vectors`: for data of some hundred values, 500 units as in section 6.1 and a small ensemble.
    fn presets() -> Vec<(&'static str, Self)> {
        let paper = Self {
            hidden: vec![8000, 8000],
            masks: 32,
            ..Self::default()
        };
        let vectors = Self {
            hidden: vec![500],
            order: RANDOM,
            masks: 8,
            ..Self::default()
        };
        vec![("paper", paper), ("vectors", vectors)]
    }

    fn validate(&self, _: &Domain, _: Conditioning) -> Result<()> {
        let units = self.hidden.iter().all(|n| (1..=65536).contains(n));
        if !units || self.hidden.len() > 64 {
            return Err(Error::config(
                "hidden",
                "must be at most 64 layers of 1 to 65536 units",
            ));
        }
        if self.hidden.is_empty() && !self.direct {
            return Err(Error::config(
                "direct",
                "must be true when there are no hidden layers",
            ));
        }
        if !(1..=1024).contains(&self.masks) {
            return Err(Error::config(
                "masks",
                format!("must be from 1 to 1024, not {}", self.masks),
            ));
        }
        self.order.several(self.orders)?;
        let differ = matches!(self.order.walk, Walk::Random { .. })
            || self.masks <= self.orders
            || (self.degrees == DegreeRule::Random && !self.hidden.is_empty());
        if self.masks > 1 && !differ {
            return Err(Error::config(
                "masks",
                "are all the same unless the order or the degrees are random",
            ));
        }
        Ok(())
    }

    // ANCHOR: build
    /// Parameters: `layers.I`, `output` and `direct`, with a `condition` in each layer and the output.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built> {
        self.validate(domain, conditioning)?;
        let network = |k| self.network(domain, conditioning, k, vb);
        if self.sets() == 1 {
            return Ok(Built::Other(Box::new(network(0)?)));
        }
        let member = |k| Ok(Arc::new(network(k)?) as Arc<dyn Model>);
        let members = (0..self.sets()).map(member).collect::<Result<_>>()?;
        Ok(Built::Other(Box::new(Mixture::new(members)?)))
    }
    // ANCHOR_END: build
}
