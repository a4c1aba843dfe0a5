use std::fmt;
use std::sync::Arc;

use candle_core::{Device, Tensor};

use crate::random::stream;
use crate::{
    ChannelSteps, Conditioning, Distribution, Domain, Gradients, Model, Order, Pass, Result,
};

type InOrder = dyn Fn(&Order) -> Result<Arc<dyn Model>> + Send + Sync;

/// One set of weights for every order (Uria, Murray, Larochelle 2014, arXiv:1310.1757): each step of training
/// draws a new one, all equally likely. What it is as a distribution is for `scored` to say, the same weights
/// in an order or a mixture of several: a likelihood always belongs to an order.
pub struct AnyOrder {
    scored: Box<dyn Distribution>,
    channel_steps: ChannelSteps,
    in_order: Box<InOrder>,
}

impl fmt::Debug for AnyOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyOrder")
            .field("scored", &self.scored)
            .field("channel_steps", &self.channel_steps)
            .finish_non_exhaustive()
    }
}

impl AnyOrder {
    /// `in_order` gives the weights of `scored` in any order of those channel steps.
    pub fn new(
        scored: Box<dyn Distribution>,
        channel_steps: ChannelSteps,
        in_order: impl Fn(&Order) -> Result<Arc<dyn Model>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            scored,
            channel_steps,
            in_order: Box::new(in_order),
        }
    }
}

impl Distribution for AnyOrder {
    fn domain(&self) -> Domain {
        self.scored.domain()
    }

    fn conditioning(&self) -> Conditioning {
        self.scored.conditioning()
    }

    fn device(&self) -> &Device {
        self.scored.device()
    }

    fn members(&self) -> Vec<&dyn Model> {
        self.scored.members()
    }

    fn in_order(&self, order: &Order) -> Option<Result<Arc<dyn Model>>> {
        Some((self.in_order)(order))
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        self.scored.nll(levels, condition)
    }

    /// In training, one random order's for the whole batch.
    fn loss_and_gradient(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        pass: &Pass,
    ) -> Result<(f64, Gradients)> {
        if !pass.training {
            return self.scored.loss_and_gradient(levels, condition, pass);
        }
        let mut rng = stream(pass.seed, "order", &[pass.step]);
        let order = Order::random(&self.domain(), self.channel_steps, &mut rng);
        (self.in_order)(&order)?.loss_and_gradient(levels, condition, pass)
    }

    fn output_bias(&self) -> Option<&Tensor> {
        self.scored.output_bias()
    }
}
