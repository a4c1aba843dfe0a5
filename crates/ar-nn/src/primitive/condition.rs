use ar_core::{ChannelGroups, Conditioning, Dependence, Result};
use candle_core::{DType, Tensor};

use super::{Backward, Primitive, StepPrimitive};
use crate::kernel::{add_assign, add_column_sums, each_with, product, product_tn};
use crate::primitive::{StepTensor, StepValue};

/// x + W·h, with h what the image is conditioned on. Inputs: x, and the condition: the class
/// `(1, 1)`, a vector `(1, f)` or a map `(positions, f)`. Parameter: W, `(classes, c)` or `(f, c)`.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    conditioning: Conditioning,
    groups: ChannelGroups,
    positions: usize,
}

impl Condition {
    pub(crate) fn new(conditioning: Conditioning, groups: ChannelGroups, positions: usize) -> Self {
        Self {
            conditioning,
            groups,
            positions,
        }
    }

    fn is_class(&self) -> bool {
        matches!(self.conditioning, Conditioning::Class { .. })
    }

    fn is_map(&self) -> bool {
        matches!(self.conditioning, Conditioning::Map { .. })
    }

    /// W·h of one row of the condition, added to `out (c)`.
    fn add_row(&self, condition: &[f32], weights: &[f32], out: &mut [f32]) {
        let c = out.len();
        if self.is_class() {
            return add_assign(out, &weights[condition[0] as usize * c..][..c]);
        }
        for (h, row) in condition.iter().zip(weights.chunks_exact(c)) {
            each_with(out, row, |o, w| *o += h * w);
        }
    }
}

impl Primitive for Condition {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn dependence(&self, inputs: &[&Dependence]) -> Dependence {
        inputs[0].clone()
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        let (b, rows, f) = inputs[1].dims3()?;
        let h = inputs[1].reshape((b * rows, f))?;
        let added = if self.is_class() {
            weights[0].index_select(&h.flatten_all()?.to_dtype(DType::U32)?, 0)?
        } else {
            h.matmul(&weights[0])?
        };
        let added = added.reshape((b, rows, self.groups.features()))?;
        Ok(inputs[0].broadcast_add(&added)?)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], _: &mut Vec<f32>) {
        let (c, images) = (
            self.groups.features(),
            out.len() / self.groups.features() / self.positions,
        );
        out.copy_from_slice(inputs[0]);
        let (rows, f) = (out.len() / c, inputs[1].len() / images);
        if self.is_map() {
            let f = f / self.positions;
            return product([rows, f, c], inputs[1], weights, out, true);
        }
        let mut vector = vec![0.0; c];
        for (out, condition) in out
            .chunks_exact_mut(self.positions * c)
            .zip(inputs[1].chunks_exact(f))
        {
            vector.fill(0.0);
            self.add_row(condition, weights, &mut vector);
            crate::kernel::each_row_with(out, &vector, |o, v| *o += v);
        }
    }

    fn backward(&self, pass: Backward<'_>) {
        let c = self.groups.features();
        let (rows, condition) = (pass.grad.len() / c, &pass.values[pass.inputs[1]]);
        let images = rows / self.positions;
        if self.is_map() {
            let f = condition.len() / rows;
            product_tn([f, rows, c], condition, &pass.grad, pass.weight_grads, true);
        } else {
            let f = condition.len() / images;
            let mut sums = vec![0.0; c];
            for (grad, h) in pass
                .grad
                .chunks_exact(self.positions * c)
                .zip(condition.chunks_exact(f))
            {
                sums.fill(0.0);
                add_column_sums(&mut sums, grad);
                if self.is_class() {
                    add_assign(&mut pass.weight_grads[h[0] as usize * c..][..c], &sums);
                } else {
                    for (h, row) in h.iter().zip(pass.weight_grads.chunks_exact_mut(c)) {
                        each_with(row, &sums, |w, s| *w += h * s);
                    }
                }
            }
        }
        pass.gradients.give(pass.inputs[0], pass.grad);
    }

    fn composite_step(
        &self,
        position: usize,
        inputs: &[&StepTensor],
        _: &StepTensor,
        weights: &[Tensor],
    ) -> Result<Tensor> {
        Primitive::composite(
            self,
            &[&inputs[0].at(position)?, &inputs[1].at(position)?],
            weights,
        )
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(ConditionStep {
            condition: self.clone(),
            batch,
            weights: weights.to_vec(),
            added: Vec::new(),
        })
    }
}

struct ConditionStep {
    condition: Condition,
    batch: usize,
    weights: Vec<f32>,
    /// W·h of every image, when it is the same at every position.
    added: Vec<f32>,
}

impl StepPrimitive for ConditionStep {
    fn step(&mut self, position: usize, group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let (c, range) = (
            self.condition.groups.features(),
            self.condition.groups.range(group),
        );
        if self.added.is_empty() || self.condition.is_map() {
            self.added.clear();
            self.added.resize(self.batch * c, 0.0);
            for (b, added) in self.added.chunks_exact_mut(c).enumerate() {
                self.condition
                    .add_row(inputs[1].row(b, position), &self.weights, added);
            }
        }
        for (b, added) in self.added.chunks_exact(c).enumerate() {
            let out = &mut out.row_mut(b, position)[range.clone()];
            out.copy_from_slice(&inputs[0].row(b, position)[range.clone()]);
            add_assign(out, &added[range.clone()]);
        }
    }
}
