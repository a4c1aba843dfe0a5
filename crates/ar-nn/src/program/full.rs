use ar_core::Likelihood;
use pulp::{Arch, Simd, WithSimd};

use super::Program;
use crate::kernel::{exp, exp_sum, max, sigmoid};
use crate::primitive::{Backward, Gradients};

/// What one thread needs to take an image forward and back. Kept between calls: fresh pages cost
/// more than the arithmetic on them.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    values: Vec<Vec<f32>>,
    scratch: Vec<f32>,
    gradients: Gradients,
    wanted: Vec<bool>,
}

impl Workspace {
    fn prepare(&mut self, program: &Program) {
        if self.values.is_empty() {
            let n = program.domain.positions();
            self.values = (0..program.values())
                .map(|v| vec![0.0; n * program.width(v)])
                .collect();
            // Nothing is learned from the gradient of the levels or of what only scales them.
            self.wanted = vec![false];
            for node in &program.nodes {
                let inputs_want = node.inputs.iter().any(|&i| self.wanted[i]);
                self.wanted.push(inputs_want || !node.weights.is_empty());
            }
        }
    }
}

impl Program {
    /// Computes every value of one image; returns the output `(positions, C · P)`.
    pub(super) fn forward<'w>(
        &self,
        levels: &[u32],
        weights: &[f32],
        work: &'w mut Workspace,
    ) -> &'w [f32] {
        work.prepare(self);
        for (v, level) in work.values[0].iter_mut().zip(levels) {
            *v = *level as f32;
        }
        for (i, node) in self.nodes.iter().enumerate() {
            let (before, rest) = work.values.split_at_mut(i + 1);
            let mut inputs = node.inputs.iter().map(|&v| &before[v][..]);
            let pair: [&[f32]; 2] = std::array::from_fn(|_| inputs.next().unwrap_or_default());
            let inputs = &pair[..node.inputs.len()];
            node.primitive.forward(
                inputs,
                &weights[node.range.clone()],
                &mut rest[0],
                &mut work.scratch,
            );
        }
        &work.values[self.output]
    }

    /// After [`Program::forward`] of the same image: adds the gradient of all parameters to
    /// `weight_grads`, given the gradient of the output.
    fn backward(
        &self,
        output_grad: Vec<f32>,
        weights: &[f32],
        weight_grads: &mut [f32],
        work: &mut Workspace,
    ) {
        let Workspace {
            values,
            scratch,
            gradients,
            wanted,
        } = work;
        gradients.reset(wanted);
        gradients.give(self.output, output_grad);
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let Some(grad) = gradients.take(i + 1) else {
                continue;
            };
            node.primitive.backward(Backward {
                inputs: &node.inputs,
                out: &values[i + 1],
                values,
                weights: &weights[node.range.clone()],
                grad,
                gradients,
                weight_grads: &mut weight_grads[node.range.clone()],
                scratch,
            });
        }
    }

    /// Negative log-likelihood of one image in nats.
    pub(super) fn image_nll(&self, levels: &[u32], weights: &[f32], work: &mut Workspace) -> f64 {
        self.forward(levels, weights, work);
        let parameters = &mut work.values[self.output];
        nll_and_gradient(self.likelihood, parameters, levels, None)
    }

    /// Negative log-likelihood of one image, and `scale` times its gradient added to `weight_grads`.
    pub(super) fn image_gradient(
        &self,
        levels: &[u32],
        weights: &[f32],
        scale: f32,
        weight_grads: &mut [f32],
        work: &mut Workspace,
    ) -> f64 {
        self.forward(levels, weights, work);
        let mut grad = work.gradients.buffer(work.values[self.output].len());
        grad.copy_from_slice(&work.values[self.output]);
        let nll = nll_and_gradient(self.likelihood, &mut grad, levels, Some(scale));
        self.backward(grad, weights, weight_grads, work);
        nll
    }
}

/// Negative log-likelihood in nats of `levels` under `parameters`, P for each. With a scale, the
/// parameters are replaced by their gradient times it; otherwise they are destroyed.
fn nll_and_gradient(
    likelihood: Likelihood,
    parameters: &mut [f32],
    levels: &[u32],
    scale: Option<f32>,
) -> f64 {
    Arch::new().dispatch(Nll {
        likelihood,
        parameters,
        levels,
        scale,
    })
}

struct Nll<'a> {
    likelihood: Likelihood,
    parameters: &'a mut [f32],
    levels: &'a [u32],
    scale: Option<f32>,
}

impl WithSimd for Nll<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let (scale, mut nll) = (self.scale.unwrap_or(0.0), 0.0);
        if self.likelihood == Likelihood::Bernoulli {
            for (logit, &level) in self.parameters.iter_mut().zip(self.levels) {
                let (l, x) = (*logit, level as f32);
                nll += f64::from(l.max(0.0) - x * l) + f64::from(exp(-l.abs())).ln_1p();
                *logit = scale * (sigmoid(l) - x);
            }
            return nll;
        }
        for (logits, &level) in self
            .parameters
            .chunks_exact_mut(self.likelihood.parameters())
            .zip(self.levels)
        {
            let (top, own) = (max(logits), logits[level as usize]);
            let sum = exp_sum(logits, top);
            nll += f64::from(top - own) + f64::from(sum).ln();
            if self.scale.is_some() {
                let by = scale / sum;
                for l in logits.iter_mut() {
                    *l *= by;
                }
                logits[level as usize] -= scale;
            }
        }
        nll
    }
}
