use std::sync::Arc;

use candle_core::{D, Device, Tensor};

use crate::{Conditioning, Distribution, Domain, Error, Gradients, Model, Order, Pass, Result};

/// An equal mixture of models over the same domain: p(x) = 1/K Σ pₖ(x), such as one network in
/// several orders. Probabilities of whole images are averaged; averaging logits would let every
/// value see every other and is not a likelihood.
#[derive(Debug)]
pub struct Mixture {
    members: Vec<Arc<dyn Model>>,
}

impl Mixture {
    /// # Errors
    /// [`Error::Config`] without members, or when they differ in domain or conditioning.
    pub fn new(members: Vec<Arc<dyn Model>>) -> Result<Self> {
        let Some(first) = members.first() else {
            return Err(Error::config("members", "a mixture needs at least one"));
        };
        let same = |m: &dyn Model| {
            m.domain() == first.domain() && m.conditioning() == first.conditioning()
        };
        if !members.iter().all(|m| same(&**m)) {
            return Err(Error::config(
                "members",
                "must share domain and conditioning",
            ));
        }
        Ok(Self { members })
    }
}

impl Distribution for Mixture {
    fn domain(&self) -> Domain {
        self.members[0].domain()
    }

    fn conditioning(&self) -> Conditioning {
        self.members[0].conditioning()
    }

    fn device(&self) -> &Device {
        self.members[0].device()
    }

    fn members(&self) -> Vec<&dyn Model> {
        self.members.iter().map(|m| &**m).collect()
    }

    /// Where it is that of a member.
    fn in_order(&self, order: &Order) -> Option<Result<Arc<dyn Model>>> {
        let found = self.members.iter().find(|m| m.order().same_steps(order));
        found.cloned().map(Ok)
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        let each = self.members.iter().map(|m| m.nll(levels, condition));
        let all = Tensor::stack(&each.collect::<Result<Vec<_>>>()?, 1)?; // (B, K)
        let least = all.min_keepdim(D::Minus1)?.detach();
        let sum = all.broadcast_sub(&least)?.neg()?.exp()?.mean(D::Minus1)?;
        Ok((least.squeeze(D::Minus1)? - sum.log()?)?)
    }

    /// One member's, each in turn: what every member learns is shared.
    fn loss_and_gradient(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        pass: &Pass,
    ) -> Result<(f64, Gradients)> {
        let turn = (pass.step % self.members.len() as u64) as usize;
        self.members[turn].loss_and_gradient(levels, condition, pass)
    }

    fn output_bias(&self) -> Option<&Tensor> {
        self.members[0].output_bias()
    }
}
