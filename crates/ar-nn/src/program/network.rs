use std::sync::Arc;

use ar_core::{
    Conditioning, Dependence, Distribution, Domain, Likelihood, Model, Order, Result, Stepper,
    nll_of,
};
use candle_core::{DType, Device, Tensor};

use super::Program;
use super::operations::Fused;
use super::step::ProgramStepper;
use super::step_tensor::TensorStepper;

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
    fused: Arc<Fused>,
    route: Route,
    dtype: DType,
    device: Device,
}

impl Network {
    /// `domain` and `order` are the image's own, also where the program sees sub-pixels.
    pub(super) fn new(
        domain: Domain,
        order: Order,
        program: Program,
        dtype: DType,
        device: &Device,
    ) -> Self {
        let route = if device.is_cpu() && dtype == DType::F32 {
            Route::Fused
        } else {
            Route::Composite
        };
        Self {
            domain,
            order,
            fused: Fused::new(Arc::new(program)),
            route,
            dtype,
            device: device.clone(),
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

    /// `(B, positions, C · P)` to `(B, C, H, W, P)`.
    fn by_value(&self, output: &Tensor) -> Result<Tensor> {
        let Domain {
            channels,
            height,
            width,
            ..
        } = self.domain;
        let p = self.program().likelihood.conditional_size();
        Ok(output
            .reshape(((), height, width, channels, p))?
            .permute((0, 3, 1, 2, 4))?
            .contiguous()?)
    }

    /// The condition as the program sees it: `(B, 1 or positions, f)`.
    fn condition_rows(&self, condition: Option<&Tensor>, batch: usize) -> Result<Option<Tensor>> {
        let kind = self.program().conditioning;
        kind.check(condition, batch, &self.domain)?;
        let rows = |t: &Tensor| -> Result<Tensor> {
            let Conditioning::Map { features } = kind else {
                return Ok(t.reshape((batch, 1, ()))?.to_dtype(self.dtype)?);
            };
            let rows = t.flatten_from(2)?.transpose(1, 2)?.to_dtype(self.dtype)?;
            // A sub-pixel has the features of its pixel.
            let (n, all) = (self.domain.positions(), self.program().domain.positions());
            let spread = rows.reshape((batch, n, 1, features))?.broadcast_as((
                batch,
                n,
                all / n,
                features,
            ))?;
            Ok(spread.reshape((batch, all, features))?)
        };
        condition.map(rows).transpose()
    }

    /// Whether this pass runs fused: never when somebody wants the gradient of the condition.
    fn is_fused(&self, condition: Option<&Tensor>) -> bool {
        self.route == Route::Fused && !condition.is_some_and(Tensor::track_op)
    }
}

fn flat(condition: Option<&Tensor>) -> Result<Vec<f32>> {
    Ok(match condition {
        Some(rows) => rows.flatten_all()?.to_vec1()?,
        None => Vec::new(),
    })
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
        let x = self.channels_last(levels)?;
        let condition = self.condition_rows(condition, x.dim(0)?)?;
        Ok(self.fused.nll(&x, flat(condition.as_ref())?)?)
    }
}

impl Model for Network {
    fn order(&self) -> &Order {
        &self.order
    }

    fn likelihood(&self) -> Likelihood {
        self.program().likelihood
    }

    fn dependence(&self) -> Dependence {
        let (inner, outer) = (self.program().dependence(), self.domain);
        if outer == self.program().domain {
            return inner;
        }
        let mut all = Dependence::none(inner.steps(), outer.dims());
        for step in 0..inner.steps() {
            for d in inner.of(step) {
                all.insert(step, outer.dim(d % outer.channels, d / outer.channels));
            }
        }
        all
    }

    fn conditionals(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        let x = self.channels_last(levels)?;
        let rows = self.condition_rows(condition, x.dim(0)?)?;
        let output = if self.is_fused(condition) {
            self.fused.conditionals(&x, flat(rows.as_ref())?)?
        } else {
            let n = self.program().domain.positions();
            let x = x.reshape(((), n, self.program().domain.channels))?;
            self.program().composite(&x, rows.as_ref(), self.dtype)?
        };
        self.by_value(&output)
    }

    fn stepper(&self, batch: usize, condition: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>> {
        let condition = self.condition_rows(condition, batch)?;
        Ok(match self.route {
            Route::Fused => Box::new(ProgramStepper::new(
                self.program(),
                batch,
                flat(condition.as_ref())?,
            )?),
            Route::Composite => Box::new(TensorStepper::new(
                self.program(),
                batch,
                condition.as_ref(),
                self.dtype,
                &self.device,
            )?),
        })
    }
}
