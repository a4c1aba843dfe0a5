use ar_core::Result;
use candle_core::Tensor;
use candle_nn::ops;
use serde::{Deserialize, Serialize};

use crate::kernel::{add_assign, each, each_row_with, each_with, each_with_both, exp, sigmoid};

/// An elementwise function before or after a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// x.
    #[default]
    Identity,
    /// max(x, 0), with derivative 0 at 0.
    Relu,
    /// x for x > 0, e^x - 1 otherwise.
    Elu,
    /// x · sigmoid(1.702 x), the approximation of Hendrycks & Gimpel 2016, arXiv:1606.08415. Before a
    /// convolution only: its gradient does not follow from its result.
    Gelu,
}

/// 1 / (1 + exp(-x)) as an operation whose gradient is one too: put together from exponentials it is
/// no number where they overflow, below -88 in f32.
pub(crate) fn sigmoid_of(x: &Tensor) -> candle_core::Result<Tensor> {
    ops::sigmoid(x)
}

/// Of [`Activation::Gelu`].
const GELU: f32 = 1.702;

impl Activation {
    /// As a differentiable tensor operation.
    pub(crate) fn composite(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Identity => x.clone(),
            Self::Relu => x.relu()?,
            Self::Elu => x.elu(1.0)?,
            Self::Gelu => (x * sigmoid_of(&(x * f64::from(GELU))?)?)?,
        })
    }

    /// `after(x + bias)` in place, for every row of `x`.
    pub(crate) fn apply_biased(self, x: &mut [f32], bias: &[f32]) {
        match self {
            Self::Identity => each_row_with(x, bias, |v, b| *v += b),
            Self::Relu => each_row_with(x, bias, |v, b| *v = relu(*v + b)),
            Self::Elu => each_row_with(x, bias, |v, b| *v = elu(*v + b)),
            Self::Gelu => each_row_with(x, bias, |v, b| *v = gelu(*v + b)),
        }
    }

    /// In place.
    pub(crate) fn apply(self, x: &mut [f32]) {
        match self {
            Self::Identity => {}
            Self::Relu => each(x, |v| *v = relu(*v)),
            Self::Elu => each(x, |v| *v = elu(*v)),
            Self::Gelu => each(x, |v| *v = gelu(*v)),
        }
    }

    /// `out = f(x)`.
    pub(crate) fn apply_into(self, out: &mut [f32], x: &[f32]) {
        match self {
            Self::Identity => out.copy_from_slice(x),
            Self::Relu => each_with(out, x, |o, x| *o = relu(x)),
            Self::Elu => each_with(out, x, |o, x| *o = elu(x)),
            Self::Gelu => each_with(out, x, |o, x| *o = gelu(x)),
        }
    }

    /// `grad *= f'`, given the function's results. No network has a gelu there.
    pub(crate) fn backward_from_output(self, grad: &mut [f32], y: &[f32]) {
        match self {
            Self::Identity | Self::Gelu => {}
            Self::Relu => each_with(grad, y, |g, y| *g = if y > 0.0 { *g } else { 0.0 }),
            Self::Elu => each_with(grad, y, |g, y| *g *= if y > 0.0 { 1.0 } else { y + 1.0 }),
        }
    }

    /// `out += grad · f'(x)`.
    pub(crate) fn add_backward(self, out: &mut [f32], grad: &[f32], x: &[f32]) {
        // A loop for each, so that none asks in every turn.
        match self {
            Self::Identity => add_assign(out, grad),
            Self::Relu => each_with_both(out, grad, x, |o, g, x| {
                *o += Self::Relu.times_derivative(g, x);
            }),
            Self::Elu => each_with_both(out, grad, x, |o, g, x| {
                *o += Self::Elu.times_derivative(g, x);
            }),
            Self::Gelu => each_with_both(out, grad, x, |o, g, x| {
                *o += Self::Gelu.times_derivative(g, x);
            }),
        }
    }

    /// `grad · f'(x)`.
    #[inline(always)]
    pub(crate) fn times_derivative(self, grad: f32, x: f32) -> f32 {
        match self {
            Self::Identity => grad,
            Self::Relu => {
                if x > 0.0 {
                    grad
                } else {
                    0.0
                }
            }
            Self::Elu => grad * if x > 0.0 { 1.0 } else { exp(x) },
            Self::Gelu => {
                let s = sigmoid(GELU * x);
                grad * s * (1.0 + GELU * x * (1.0 - s))
            }
        }
    }
}

#[inline(always)]
fn relu(x: f32) -> f32 {
    if x > 0.0 { x } else { 0.0 }
}

#[inline(always)]
fn gelu(x: f32) -> f32 {
    x * sigmoid(GELU * x)
}

#[inline(always)]
pub(crate) fn elu(x: f32) -> f32 {
    if x > 0.0 { x } else { exp(x) - 1.0 }
}
