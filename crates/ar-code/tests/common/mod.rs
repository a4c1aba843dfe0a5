use ar_core::{
    ChannelSteps, Distribution, Domain, Likelihood, Model, Order, Stepper, Turn, nll_of,
};
use candle_core::{Device, Tensor};

/// A value is likely to be near the one before it.
#[derive(Debug)]
pub(crate) struct Chain {
    domain: Domain,
    order: Order,
}

impl Chain {
    /// Channels, rows, columns, levels.
    pub(crate) fn new([channels, height, width, levels]: [usize; 4]) -> Self {
        let domain = Domain {
            channels,
            height,
            width,
            levels,
        };
        let order = Order::raster(&domain, ChannelSteps::Separate);
        Self { domain, order }
    }

    fn logits(&self, before: u32) -> Vec<f32> {
        let far = |level: usize| (level as f32 - before as f32).abs();
        (0..self.domain.levels)
            .map(|level| -1.7 * far(level))
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

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> ar_core::Result<Tensor> {
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

    fn conditionals(&self, levels: &Tensor, _: Option<&Tensor>) -> ar_core::Result<Tensor> {
        let (domain, all) = (self.domain, levels.flatten_from(1)?.to_vec2::<u32>()?);
        let mut logits = Vec::new();
        for image in &all {
            let mut own = vec![Vec::new(); domain.dims()];
            for step in 0..self.order.steps() {
                let before = if step == 0 {
                    0
                } else {
                    image[self.dim(step - 1)]
                };
                own[self.dim(step)] = self.logits(before);
            }
            logits.extend(own.into_iter().flatten());
        }
        let Domain {
            channels,
            height,
            width,
            levels,
        } = domain;
        Ok(Tensor::from_vec(
            logits,
            (all.len(), channels, height, width, levels),
            &Device::Cpu,
        )?)
    }

    fn stepper(&self, batch: usize, _: Option<&Tensor>) -> ar_core::Result<Box<dyn Stepper + '_>> {
        Ok(Box::new(Steps {
            model: self,
            turn: Turn::first(self.domain, batch),
            before: vec![0; batch],
            out: Vec::new(),
        }))
    }
}

#[derive(Clone)]
struct Steps<'m> {
    model: &'m Chain,
    turn: Turn,
    before: Vec<u32>,
    out: Vec<f32>,
}

impl Stepper for Steps<'_> {
    fn conditionals(&mut self, step: usize) -> ar_core::Result<&[f32]> {
        self.turn.is(step)?;
        self.out = self
            .before
            .iter()
            .flat_map(|&b| self.model.logits(b))
            .collect();
        Ok(&self.out)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> ar_core::Result<()> {
        self.turn.end(&self.model.order, step, levels)?;
        self.before = levels.to_vec();
        Ok(())
    }

    fn fork<'a>(&self) -> ar_core::Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(self.clone()))
    }
}
