//! Updates by tensor operations, on any device: Adam with the arithmetic of the host's pass, op by op, and Muon.

use candle_core::{Device, Tensor, Var};

use super::{Update, muon};
use crate::Result;
use crate::container::Array;

#[derive(Debug)]
pub(super) struct Memory {
    first: Tensor,
    rule: Rule,
    pub(super) averaged: Option<Tensor>,
}

/// How a mean gradient becomes an update.
#[derive(Debug)]
enum Rule {
    Adam { second: Tensor },
    Muon { rows: usize, columns: usize },
}

impl Memory {
    pub(super) fn adam(
        first: &Array,
        second: &Array,
        averaged: Option<&Array>,
        device: &Device,
    ) -> Result<Self> {
        let second = second.to_tensor(device)?;
        Self::new(first, Rule::Adam { second }, averaged, device)
    }

    pub(super) fn muon(
        first: &Array,
        (rows, columns): (usize, usize),
        averaged: Option<&Array>,
        device: &Device,
    ) -> Result<Self> {
        Self::new(first, Rule::Muon { rows, columns }, averaged, device)
    }

    fn new(first: &Array, rule: Rule, averaged: Option<&Array>, device: &Device) -> Result<Self> {
        Ok(Self {
            first: first.to_tensor(device)?,
            rule,
            averaged: averaged.map(|array| array.to_tensor(device)).transpose()?,
        })
    }

    pub(super) fn save(&self, name: &str) -> Result<(Array, Option<Array>, Option<Array>)> {
        let array = |tensor| Array::from_tensor(name, tensor);
        let second = match &self.rule {
            Rule::Adam { second } => Some(array(second)?),
            Rule::Muon { .. } => None,
        };
        let averaged = self.averaged.as_ref().map(array).transpose()?;
        Ok((array(&self.first)?, second, averaged))
    }

    pub(super) fn update(&mut self, var: &Var, gradient: &Tensor, update: &Update) -> Result<()> {
        let f = update.factors(var.rank());
        let times = |tensor: &Tensor, factor: f32| tensor.affine(f64::from(factor), 0.0);
        let weights = var.as_detached_tensor();
        let gradient = times(&gradient.detach(), f.scale)?;
        let step = match &mut self.rule {
            Rule::Adam { second } => {
                self.first = (times(&self.first, f.beta1)? + times(&gradient, f.one_minus_beta1)?)?;
                *second = (times(second, f.beta2)? + times(&gradient.sqr()?, f.one_minus_beta2)?)?;
                let root = second
                    .sqrt()?
                    .affine(f64::from(f.root), f64::from(f.epsilon))?;
                (times(&self.first, f.rate)? / root)?
            }
            Rule::Muon { rows, columns } => {
                let gradient = (gradient * (1.0 - update.momentum))?;
                self.first = ((&self.first * update.momentum)? + &gradient)?;
                let ahead = ((&self.first * update.momentum)? + gradient)?; // Nesterov
                let step = muon::step(&ahead.reshape((*rows, *columns))?, update.learning_rate)?;
                step.reshape(weights.shape())?
            }
        };
        let weights = (times(&weights, f.keep)? - step)?;
        if let Some(averaged) = &self.averaged {
            self.averaged = Some((averaged + times(&(&weights - averaged)?, f.blend)?)?);
        }
        Ok(var.set(&weights)?)
    }
}
