//! The update on any device, by tensor operations: the arithmetic of the host's pass, op by op.

use candle_core::{Device, Tensor, Var};

use super::Factors;
use crate::Result;
use crate::container::Array;

#[derive(Debug)]
pub(super) struct Memory {
    first: Tensor,
    second: Tensor,
    pub(super) averaged: Option<Tensor>,
}

impl Memory {
    pub(super) fn new(
        first: &Array,
        second: &Array,
        averaged: Option<&Array>,
        device: &Device,
    ) -> Result<Self> {
        Ok(Self {
            first: first.to_tensor(device)?,
            second: second.to_tensor(device)?,
            averaged: averaged.map(|array| array.to_tensor(device)).transpose()?,
        })
    }

    pub(super) fn save(&self, name: &str) -> Result<(Array, Option<Array>, Option<Array>)> {
        let averaged = self
            .averaged
            .as_ref()
            .map(|tensor| Array::from_tensor(name, tensor))
            .transpose()?;
        Ok((
            Array::from_tensor(name, &self.first)?,
            Some(Array::from_tensor(name, &self.second)?),
            averaged,
        ))
    }

    pub(super) fn update(&mut self, var: &Var, gradient: &Tensor, f: Factors) -> Result<()> {
        let times = |tensor: &Tensor, factor: f32| tensor.affine(f64::from(factor), 0.0);
        let weights = var.as_detached_tensor();
        let gradient = times(&gradient.detach(), f.scale)?;
        self.first = (times(&self.first, f.beta1)? + times(&gradient, f.one_minus_beta1)?)?;
        self.second =
            (times(&self.second, f.beta2)? + times(&gradient.sqr()?, f.one_minus_beta2)?)?;
        let root = self
            .second
            .sqrt()?
            .affine(f64::from(f.root), f64::from(f.epsilon))?;
        let weights = (times(&weights, f.keep)? - (times(&self.first, f.rate)? / root)?)?;
        if let Some(averaged) = &self.averaged {
            self.averaged = Some((averaged + times(&(&weights - averaged)?, f.blend)?)?);
        }
        Ok(var.set(&weights)?)
    }
}
