use std::ops::Range;

use ar_core::Likelihood;
use pulp::{Simd, WithSimd};

use super::{CONDITION, INPUTS, LEVELS, Node, Program};
use crate::kernel::{dispatch, exp, exp_sum, max, sigmoid};
use crate::primitive::{Backward, Gradients, Room, Training};

/// Images on their way through a program: their levels and what they are conditioned on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Images<'a> {
    /// `(images, positions, C)`.
    pub(super) levels: &'a [u32],
    /// `(images, 1 or positions, f)`.
    pub(super) condition: &'a [f32],
    pub(super) training: Training,
    /// Of each image, the positions that its likelihood is of; none: all.
    pub(super) scored: Option<&'a [Range<usize>]>,
}

impl<'a> Images<'a> {
    /// A whole batch, in a pass of training or in none.
    pub(super) fn of(levels: &'a [u32], condition: &'a [f32], pass: Option<[u64; 2]>) -> Self {
        Self {
            levels,
            condition,
            training: Training { pass, first: 0 },
            scored: None,
        }
    }
}

/// What one thread needs to take images forward and back. Kept between calls: fresh pages cost
/// more than the arithmetic on them.
#[derive(Debug, Default)]
pub(super) struct Workspace {
    /// Floats of each value of an image, of the program that it is for.
    sizes: Vec<usize>,
    values: Vec<Vec<f32>>,
    /// Of each value, what its node keeps for the backward pass.
    kept: Vec<Vec<f32>>,
    room: Room,
    gradients: Gradients,
    wanted: Vec<bool>,
    /// Of each value the sites that are needed of one image; none: all.
    needed: Option<Vec<Range<usize>>>,
}

impl Workspace {
    fn sizes_of(program: &Program) -> impl Iterator<Item = usize> + '_ {
        (0..program.values()).map(|v| program.sites(v) * program.width(v))
    }

    /// Whether its buffers are of the program's sizes.
    pub(super) fn suits(&self, program: &Program) -> bool {
        Self::sizes_of(program).eq(self.sizes.iter().copied())
    }

    /// Takes in what no node produces, for a forward pass that a backward pass follows or does not.
    pub(super) fn begin(&mut self, program: &Program, images: Images<'_>, backward: bool) {
        self.room.keeps = backward;
        if self.sizes.is_empty() {
            self.sizes = Self::sizes_of(program).collect();
        }
        // Nothing is learned from the gradient of the inputs or of what only scales them.
        self.wanted.clear();
        self.wanted.resize(INPUTS, false);
        for node in &program.nodes {
            let inputs_want = node.inputs.iter().any(|&i| self.wanted[i]);
            self.wanted.push(inputs_want || !node.parameters.is_empty());
        }
        let count = images.levels.len() / program.domain.dims();
        self.values.resize(program.values(), Vec::new());
        self.kept.resize(program.values(), Vec::new());
        for (value, size) in self.values.iter_mut().zip(&self.sizes) {
            value.resize(count * size, 0.0);
        }
        for (v, level) in self.values[LEVELS].iter_mut().zip(images.levels) {
            *v = *level as f32;
        }
        self.values[CONDITION].copy_from_slice(images.condition);
        self.room.training = images.training;
        self.needed = match images.scored {
            Some([scored]) => Some(program.needed(scored.clone())),
            _ => None,
        };
    }

    pub(super) fn value(&self, value: usize) -> &[f32] {
        &self.values[value]
    }

    /// Computes the value that `node` produces.
    pub(super) fn run(&mut self, node: &Node, value: usize, weights: &[f32]) {
        let (before, rest) = self.values.split_at_mut(value);
        let mut pair: [&[f32]; 2] = [&[]; 2];
        for (input, &v) in pair.iter_mut().zip(&node.inputs) {
            *input = &before[v];
        }
        let inputs = &pair[..node.inputs.len()];
        let out = &mut rest[0];
        self.room.needed = self.needed.as_ref().map(|needed| needed[value].clone());
        if let Some(needed) = &self.room.needed {
            // Not what an earlier image left there, which may be no numbers.
            let c = node.primitive.groups().features();
            out[..needed.start * c].fill(0.0);
            out[needed.end * c..].fill(0.0);
            if needed.is_empty() {
                return;
            }
        }
        std::mem::swap(&mut self.room.kept, &mut self.kept[value]);
        node.primitive.forward(inputs, weights, out, &mut self.room);
        std::mem::swap(&mut self.room.kept, &mut self.kept[value]);
    }
}

impl Program {
    /// Computes every value of one image, or of a few; returns the output `(images, positions, C / V · P)`.
    pub(super) fn forward<'w>(
        &self,
        images: Images<'_>,
        weights: &[f32],
        work: &'w mut Workspace,
    ) -> &'w [f32] {
        work.begin(self, images, false);
        self.run(weights, work);
        &work.values[self.output]
    }

    /// Computes every value of what `work` has begun with.
    fn run(&self, weights: &[f32], work: &mut Workspace) {
        for (i, node) in self.nodes.iter().enumerate() {
            work.run(node, i + INPUTS, &weights[node.prepared.clone()]);
        }
    }

    /// After [`Program::run`] of the same images: adds the gradient of all weights to
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
            kept,
            room,
            gradients,
            wanted,
            needed,
            ..
        } = work;
        gradients.reset(wanted);
        gradients.give(self.output, output_grad);
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let Some(grad) = gradients.take(i + INPUTS) else {
                continue;
            };
            room.needed = needed.as_ref().map(|needed| needed[i + INPUTS].clone());
            if room.needed.as_ref().is_some_and(Range::is_empty) {
                gradients.recycle(grad);
                continue;
            }
            std::mem::swap(&mut room.kept, &mut kept[i + INPUTS]);
            node.primitive.backward(Backward {
                inputs: &node.inputs,
                out: &values[i + INPUTS],
                values,
                weights: &weights[node.prepared.clone()],
                grad,
                gradients,
                weight_grads: &mut weight_grads[node.prepared.clone()],
                room,
            });
            std::mem::swap(&mut room.kept, &mut kept[i + INPUTS]);
        }
    }

    /// Writes the negative log-likelihood of each image in nats.
    pub(super) fn nll_of(
        &self,
        images: Images<'_>,
        weights: &[f32],
        nll: &mut [f64],
        work: &mut Workspace,
    ) {
        self.forward(images, weights, work);
        self.nll_of_output(images, nll, &mut work.values[self.output], None);
    }

    /// Writes the negative log-likelihood of each image, and adds `scales[i]` times its gradient to
    /// `weight_grads`.
    pub(super) fn gradient_of(
        &self,
        images: Images<'_>,
        weights: &[f32],
        scales: &[f32],
        nll: &mut [f64],
        weight_grads: &mut [f32],
        work: &mut Workspace,
    ) {
        work.begin(self, images, true);
        self.run(weights, work);
        let mut grad = work.gradients.buffer(work.values[self.output].len());
        grad.copy_from_slice(&work.values[self.output]);
        self.nll_of_output(images, nll, &mut grad, Some(scales));
        self.backward(grad, weights, weight_grads, work);
    }

    /// Likelihoods of the images under `conditionals`, which become their gradients or are destroyed.
    fn nll_of_output(
        &self,
        images: Images<'_>,
        nll: &mut [f64],
        conditionals: &mut [f32],
        scales: Option<&[f32]>,
    ) {
        let (dims, sites) = (self.domain.dims(), self.domain.positions());
        let described = dims / self.likelihood.values() * self.likelihood.parameters();
        let all = images.levels.chunks_exact(dims);
        let all = all.zip(conditionals.chunks_exact_mut(described));
        for (i, (nll, (levels, conditionals))) in nll.iter_mut().zip(all).enumerate() {
            let scored = images.scored.map_or(0..sites, |scored| scored[i].clone());
            let of = |n: usize| scored.start * (n / sites)..scored.end * (n / sites);
            let (own, scale) = (of(described), scales.map(|s| s[i]));
            conditionals[..own.start].fill(0.0);
            conditionals[own.end..].fill(0.0);
            let (conditionals, levels) = (&mut conditionals[own], &levels[of(dims)]);
            *nll = match self.likelihood {
                Likelihood::LogisticMixture(mixture) => mixture.nll(conditionals, levels, scale),
                likelihood => dispatch(Nll {
                    likelihood,
                    conditionals,
                    levels,
                    scale,
                }),
            };
        }
    }
}

/// Negative log-likelihood in nats of `levels` under `conditionals`, P for each, of a Bernoulli or a
/// categorical distribution. With a scale, the conditionals are replaced by their gradient times it;
/// otherwise they are destroyed.
struct Nll<'a> {
    likelihood: Likelihood,
    conditionals: &'a mut [f32],
    levels: &'a [u32],
    scale: Option<f32>,
}

impl WithSimd for Nll<'_> {
    type Output = f64;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> f64 {
        let (scale, mut nll) = (self.scale.unwrap_or(0.0), 0.0);
        if self.likelihood == Likelihood::Bernoulli {
            for (logit, &level) in self.conditionals.iter_mut().zip(self.levels) {
                let (l, x) = (*logit, level as f32);
                nll += f64::from(l.max(0.0) - x * l) + f64::from(exp(-l.abs())).ln_1p();
                *logit = scale * (sigmoid(l) - x);
            }
            return nll;
        }
        let n = self.likelihood.parameters();
        let all = self.conditionals.chunks_exact_mut(n);
        for (logits, &level) in all.zip(self.levels) {
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
