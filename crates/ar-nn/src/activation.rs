use ar_core::Result;
use candle_core::Tensor;
use pulp::Arch;
use serde::{Deserialize, Serialize};

use crate::kernel::exp;

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
}

impl Activation {
    /// As a differentiable tensor operation.
    pub(crate) fn composite(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Identity => x.clone(),
            Self::Relu => x.relu()?,
            Self::Elu => x.elu(1.0)?,
        })
    }

    /// In place.
    pub(crate) fn apply(self, x: &mut [f32]) {
        Arch::new().dispatch(|| match self {
            Self::Identity => {}
            Self::Relu => {
                for v in x {
                    *v = if *v > 0.0 { *v } else { 0.0 };
                }
            }
            Self::Elu => {
                for v in x {
                    *v = if *v > 0.0 { *v } else { exp(*v) - 1.0 };
                }
            }
        });
    }

    /// `grad *= f'`, given the function's results.
    pub(crate) fn backward_from_output(self, grad: &mut [f32], y: &[f32]) {
        Arch::new().dispatch(|| match self {
            Self::Identity => {}
            Self::Relu => {
                for (g, y) in grad.iter_mut().zip(y) {
                    *g = if *y > 0.0 { *g } else { 0.0 };
                }
            }
            Self::Elu => {
                for (g, y) in grad.iter_mut().zip(y) {
                    *g *= if *y > 0.0 { 1.0 } else { *y + 1.0 };
                }
            }
        });
    }

    /// `out += grad · f'(x)`; call it inside a dispatch.
    #[inline(always)]
    pub(crate) fn add_backward(self, out: &mut [f32], grad: &[f32], x: &[f32]) {
        let all = out.iter_mut().zip(grad.iter().zip(x));
        match self {
            Self::Identity => {
                for (o, (g, _)) in all {
                    *o += g;
                }
            }
            Self::Relu => {
                for (o, (g, x)) in all {
                    *o += if *x > 0.0 { *g } else { 0.0 };
                }
            }
            Self::Elu => {
                for (o, (g, x)) in all {
                    *o += g * if *x > 0.0 { 1.0 } else { exp(*x) };
                }
            }
        }
    }
}
