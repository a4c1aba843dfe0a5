use std::ops::Range;
use std::sync::Arc;

use ar_core::{
    Conditioning, Distribution, Domain, Gradients, Likelihood, Model, Order, Pass, Result, Stepper,
    nll_of, nll_of_parts,
};
use candle_core::{DType, Device, Tensor, TensorId};
use candle_nn::VarBuilder;

use super::full::Images;
use super::operations::Fused;
use super::step::ProgramStepper;
use super::step_tensor::TensorStepper;
use super::{CONDITION, Program};
use crate::host;
use crate::primitive::Training;

/// How a network computes. All routes give the same numbers; a test holds them together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Image by image inside the cache, with a backward pass of its own: CPU, f32.
    Fused,
    /// Differentiable tensor operations: any device, any float type.
    Composite,
}

/// A finished network: an [`ar_core::Model`] with every pass.
#[derive(Debug)]
pub struct Network {
    domain: Domain,
    order: Order,
    pub(super) fused: Arc<Fused>,
    route: Route,
    dtype: DType,
    device: Device,
}

impl Network {
    /// `domain` and `order` are the image's own, also where the program sees sub-pixels.
    pub(super) fn new(domain: Domain, order: Order, program: Program, vb: &VarBuilder<'_>) -> Self {
        let (dtype, device) = (vb.dtype(), vb.device().clone());
        let route = match dtype {
            DType::F32 if device.is_cpu() => Route::Fused,
            _ => Route::Composite,
        };
        Self {
            domain,
            order,
            fused: Fused::new(Arc::new(program)),
            route,
            dtype,
            device,
        }
    }

    /// The same network by another route. [`Route::Fused`] is for f32 on a CPU only.
    pub fn with_route(self, route: Route) -> Self {
        Self { route, ..self }
    }

    pub(super) fn program(&self) -> &Program {
        &self.fused.program
    }

    /// `(B, C, H, W)` to `(B, positions, C)`.
    fn channels_last(&self, levels: &Tensor) -> Result<Tensor> {
        self.domain.batch_of(levels)?;
        Ok(levels.flatten_from(2)?.transpose(1, 2)?.contiguous()?)
    }

    /// `(B, positions, C / V · P)` to `(B, C / V, H, W, P)`.
    fn by_value(&self, output: &Tensor) -> Result<Tensor> {
        let (domain, likelihood) = (self.domain, self.likelihood());
        let (p, values) = (
            likelihood.parameters(),
            domain.channels / likelihood.values(),
        );
        let output = output.reshape(((), domain.height, domain.width, values, p))?;
        Ok(output.permute((0, 3, 1, 2, 4))?.contiguous()?)
    }

    /// The condition as the program sees it: `(B, 1 or its sites, f)`.
    fn condition_rows(&self, condition: Option<&Tensor>, batch: usize) -> Result<Option<Tensor>> {
        let kind = self.program().conditioning;
        kind.check(condition, batch, &self.domain)?;
        let rows = |t: &Tensor| -> Result<Tensor> {
            let features = match kind {
                Conditioning::Map { features, .. } => features,
                // Integers stay what they are.
                _ if kind.classes().is_some() => return Ok(t.reshape((batch, 1, ()))?),
                _ => return Ok(t.reshape((batch, 1, ()))?.to_dtype(self.dtype)?),
            };
            let rows = t.flatten_from(2)?.transpose(1, 2)?.to_dtype(self.dtype)?;
            // A sub-pixel has the features of its pixel.
            let (n, all) = (rows.dim(1)?, self.program().sites(CONDITION));
            let shape = (batch, n, all / n, features);
            let spread = rows.unsqueeze(2)?.broadcast_as(shape)?;
            Ok(spread.reshape((batch, all, features))?)
        };
        condition.map(rows).transpose()
    }

    /// Levels and condition as the fused route takes them.
    fn flat(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<(Vec<u32>, Vec<f32>)> {
        let x = self.channels_last(levels)?;
        let rows = self.condition_rows(condition, x.dim(0)?)?;
        let rows = rows.as_ref().map_or(Ok(Vec::new()), host)?;
        Ok((x.flatten_all()?.to_vec1()?, rows))
    }

    /// What describes every conditional, by tensor operations.
    fn composite(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        pass: Option<[u64; 2]>,
    ) -> Result<Tensor> {
        let (x, program) = (self.channels_last(levels)?, self.program());
        let rows = self.condition_rows(condition, x.dim(0)?)?;
        let inner = program.domain;
        let x = x.reshape(((), inner.positions(), inner.channels))?;
        let at = Training { pass, first: 0 };
        self.by_value(&program.composite(&x, rows.as_ref(), self.dtype, &at)?)
    }

    /// New values for parameters that begin with what suits a few images, node by node, each after those
    /// before it: gains and biases of weight-normalised convolutions (Salimans, Kingma 2016,
    /// arXiv:1602.07868, section 3). On a CPU, whatever the route; nothing where no node has any.
    ///
    /// # Errors
    /// As [`Distribution::nll`].
    pub fn calibrated(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
    ) -> Result<Vec<(TensorId, Tensor)>> {
        let (levels, rows) = self.flat(levels, condition)?;
        self.program().calibrate(Images::of(&levels, &rows, None))
    }

    /// Whether this pass runs fused: never when somebody wants the gradient of the condition.
    fn is_fused(&self, condition: Option<&Tensor>) -> bool {
        self.route == Route::Fused && !condition.is_some_and(Tensor::track_op)
    }
}

impl Distribution for Network {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn conditioning(&self) -> Conditioning {
        self.program().conditioning
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn members(&self) -> Vec<&dyn Model> {
        vec![self]
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        if !self.is_fused(condition) {
            return nll_of(self, levels, condition);
        }
        let (levels, rows) = self.flat(levels, condition)?;
        Ok(self.fused.nll(levels, rows)?)
    }

    fn loss_and_gradient(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        pass: &Pass,
    ) -> Result<(f64, Gradients)> {
        let noise = pass.training.then_some([pass.seed, pass.step]);
        let batch = self.domain.batch_of(levels)?;
        let scored = pass.parts(&self.domain, batch)?;
        if !self.is_fused(condition) {
            let conditionals = self.composite(levels, condition, noise)?;
            let nll = nll_of_parts(self, levels, &conditionals, scored)?;
            return Gradients::of_loss(&nll.mean(0)?);
        }
        let (levels, rows) = self.flat(levels, condition)?;
        // Several sites of the program stand for a pixel where its colours are sites of their own.
        let times = self.program().domain.positions() / self.domain.positions();
        let sites = |r: &Range<usize>| r.start * times..r.end * times;
        let scored = scored.map(|all| all.iter().map(sites).collect::<Vec<_>>());
        let images = Images {
            scored: scored.as_deref(),
            ..Images::of(&levels, &rows, noise)
        };
        let (loss, gradients) = self.fused.loss_and_gradient(images)?;
        Ok((loss, Gradients::computed(gradients)))
    }

    fn output_bias(&self) -> Option<&Tensor> {
        let node = self.program().producer(self.program().output)?;
        let is_bias = |bias: &&Tensor| bias.dims() == [self.program().width(self.program().output)];
        let levels = !matches!(self.likelihood(), Likelihood::LogisticMixture(_));
        node.parameters.last().filter(is_bias).filter(|_| levels)
    }
}

impl Model for Network {
    fn order(&self) -> &Order {
        &self.order
    }

    fn likelihood(&self) -> Likelihood {
        self.program().likelihood
    }

    fn depends_on(&self, step: usize) -> Vec<usize> {
        let (inner, outer) = (self.program().domain, self.domain);
        let value = |[c, p]: [usize; 2]| {
            let flat = p * inner.channels + c;
            outer.dim(flat % outer.channels, flat / outer.channels)
        };
        let all = self.program().depends_on(step).into_iter();
        all.map(value).collect()
    }

    fn conditionals(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        if !self.is_fused(condition) {
            return self.composite(levels, condition, None);
        }
        let (levels, rows) = self.flat(levels, condition)?;
        let images = Images::of(&levels, &rows, None);
        self.by_value(&self.fused.conditionals(images)?)
    }

    fn stepper(&self, batch: usize, condition: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>> {
        let condition = self.condition_rows(condition, batch)?;
        let condition = condition.as_ref();
        Ok(match self.route {
            Route::Fused => {
                let rows = condition.map_or(Ok(Vec::new()), host)?;
                Box::new(ProgramStepper::new(&self.fused, batch, rows)?)
            }
            Route::Composite => {
                let (program, dtype, device) = (self.program(), self.dtype, &self.device);
                Box::new(TensorStepper::new(
                    program, batch, condition, dtype, device,
                )?)
            }
        })
    }
}
