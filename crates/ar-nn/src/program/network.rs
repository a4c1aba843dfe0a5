use std::sync::Arc;

use ar_core::{Dependence, Domain, Likelihood, Model, Order, Result, Stepper};
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
    fused: Arc<Fused>,
    route: Route,
    dtype: DType,
    device: Device,
}

impl Network {
    pub(super) fn new(program: Program, dtype: DType, device: &Device) -> Self {
        let route = if device.is_cpu() && dtype == DType::F32 {
            Route::Fused
        } else {
            Route::Composite
        };
        Self {
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

    fn program(&self) -> &Program {
        &self.fused.program
    }

    /// `(B, C, H, W)` to `(B, positions, C)`.
    fn channels_last(&self, levels: &Tensor) -> Result<Tensor> {
        self.program().domain.batch_of(levels)?;
        Ok(levels.flatten_from(2)?.transpose(1, 2)?.contiguous()?)
    }

    /// `(B, positions, C · P)` to `(B, C, H, W, P)`.
    fn by_value(&self, output: &Tensor) -> Result<Tensor> {
        let Domain {
            channels,
            height,
            width,
            ..
        } = self.program().domain;
        let p = self.program().likelihood.parameters();
        Ok(output
            .reshape(((), height, width, channels, p))?
            .permute((0, 3, 1, 2, 4))?
            .contiguous()?)
    }
}

impl Model for Network {
    fn domain(&self) -> Domain {
        self.program().domain
    }

    fn order(&self) -> &Order {
        &self.program().order
    }

    fn likelihood(&self) -> Likelihood {
        self.program().likelihood
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn dependence(&self) -> Dependence {
        self.program().dependence()
    }

    fn parameters(&self, levels: &Tensor) -> Result<Tensor> {
        let x = self.channels_last(levels)?;
        let output = match self.route {
            Route::Fused => self.fused.parameters(&x)?,
            Route::Composite => self.program().composite(&x, self.dtype)?,
        };
        self.by_value(&output)
    }

    fn nll(&self, levels: &Tensor) -> Result<Tensor> {
        match self.route {
            Route::Fused => Ok(self.fused.nll(&self.channels_last(levels)?)?),
            Route::Composite => {
                let parameters = self.parameters(levels)?;
                Ok(self
                    .likelihood()
                    .nll(&parameters, levels)?
                    .flatten_from(1)?
                    .sum(1)?)
            }
        }
    }

    fn stepper(&self, batch: usize) -> Result<Box<dyn Stepper + '_>> {
        Ok(match self.route {
            Route::Fused => Box::new(ProgramStepper::new(self.program(), batch)?),
            Route::Composite => Box::new(TensorStepper::new(
                self.program(),
                batch,
                self.dtype,
                &self.device,
            )?),
        })
    }
}
