//! A tiny model that is causal, or leaks on purpose.

use ar_core::{Distribution, Domain, Likelihood, Model, Order, Result, Stepper, Turn, nll_of};
use candle_core::{Device, Tensor};

/// The logits of each value are its level index times what the value before it holds, plus, for a
/// leak `(at, sees)`, what `sees` holds at `at`.
#[derive(Debug)]
pub(crate) struct Chain {
    pub(crate) domain: Domain,
    pub(crate) order: Order,
    pub(crate) leak: Option<(usize, usize)>,
    /// Makes the stepper disagree with the full pass.
    pub(crate) drifts: bool,
}

impl Chain {
    fn logits(&self, image: &[u32], step: usize) -> Vec<f32> {
        let previous = if step == 0 {
            1.0
        } else {
            image[self.dim(step - 1)] as f32
        };
        let seen = self
            .leak
            .filter(|(at, _)| *at == step)
            .map_or(0.0, |(_, sees)| image[sees] as f32);
        (0..self.domain.levels)
            .map(|k| k as f32 * (0.3 * previous - 0.4) + 0.1 * seen * k as f32)
            .collect()
    }

    fn dim(&self, step: usize) -> usize {
        self.order.dims_of(step).next().unwrap_or(0)
    }
}

impl Distribution for Chain {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn members(&self) -> Vec<&dyn Model> {
        vec![self]
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        nll_of(self, levels, condition)
    }
}

impl Model for Chain {
    fn order(&self) -> &Order {
        &self.order
    }

    fn likelihood(&self) -> Likelihood {
        Likelihood::Categorical {
            levels: self.domain.levels,
        }
    }

    fn depends_on(&self, step: usize) -> Vec<usize> {
        step.checked_sub(1)
            .map(|before| self.dim(before))
            .into_iter()
            .collect()
    }

    fn conditionals(&self, levels: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
        let batch = self.domain.batch_of(levels)?;
        let (d, dims) = (self.domain, self.domain.dims());
        let images = levels.flatten_all()?.to_vec1::<u32>()?;
        let mut out = vec![0f32; batch * dims * d.levels];
        for (b, image) in images.chunks(dims).enumerate() {
            for step in 0..self.order.steps() {
                let at = (b * dims + self.dim(step)) * d.levels;
                out[at..at + d.levels].copy_from_slice(&self.logits(image, step));
            }
        }
        Ok(Tensor::from_vec(
            out,
            (batch, d.channels, d.height, d.width, d.levels),
            &Device::Cpu,
        )?)
    }

    fn stepper(&self, batch: usize, _: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>> {
        Ok(Box::new(Walk {
            chain: self,
            turn: Turn::first(self.domain, batch),
            images: vec![0; batch * self.domain.dims()],
            out: Vec::new(),
        }))
    }
}

#[derive(Clone)]
struct Walk<'c> {
    chain: &'c Chain,
    turn: Turn,
    images: Vec<u32>,
    out: Vec<f32>,
}

impl Stepper for Walk<'_> {
    fn conditionals(&mut self, step: usize) -> Result<&[f32]> {
        self.turn.is(step)?;
        let images = self.images.chunks(self.chain.domain.dims());
        self.out = images
            .flat_map(|image| self.chain.logits(image, step))
            .collect();
        if self.chain.drifts && step == 3 {
            self.out[0] += 0.01;
        }
        Ok(&self.out)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        self.turn.end(&self.chain.order, step, levels)?;
        let (dims, at) = (self.chain.domain.dims(), self.chain.dim(step));
        for (image, level) in self.images.chunks_mut(dims).zip(levels) {
            image[at] = *level;
        }
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(self.clone()))
    }
}
