use ar_core::{ChannelGroups, Dependence, Result};
use candle_core::Tensor;

use super::{Backward, Primitive, StepPrimitive};
use crate::kernel::add_assign;
use crate::primitive::{StepTensor, StepValue};

/// x plus a learned vector for the row and one for the column of each position. Parameters: rows
/// `(H, c)`, columns `(W, c)`.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    groups: ChannelGroups,
    height: usize,
    width: usize,
}

impl Position {
    pub(crate) fn new(groups: ChannelGroups, height: usize, width: usize) -> Self {
        Self {
            groups,
            height,
            width,
        }
    }

    /// Where the vectors of `position` (counted on through the images) begin among the parameters.
    fn places(&self, position: usize) -> [usize; 2] {
        let c = self.groups.features();
        let (row, column) = (position / self.width % self.height, position % self.width);
        [row * c, (self.height + column) * c]
    }
}

impl Primitive for Position {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn dependence(&self, inputs: &[&Dependence]) -> Dependence {
        inputs[0].clone()
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        let c = self.groups.features();
        let rows = weights[0].reshape((self.height, 1, c))?;
        let columns = weights[1].reshape((1, self.width, c))?;
        let all = rows.broadcast_add(&columns)?.reshape(((), c))?;
        Ok(inputs[0].broadcast_add(&all)?)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], _: &mut Vec<f32>) {
        let c = self.groups.features();
        out.copy_from_slice(inputs[0]);
        for (p, out) in out.chunks_exact_mut(c).enumerate() {
            for place in self.places(p) {
                add_assign(out, &weights[place..][..c]);
            }
        }
    }

    fn backward(&self, pass: Backward<'_>) {
        let c = self.groups.features();
        for (p, grad) in pass.grad.chunks_exact(c).enumerate() {
            for place in self.places(p) {
                add_assign(&mut pass.weight_grads[place..][..c], grad);
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
        let row = weights[0].get(position / self.width)?;
        let vector = (row + weights[1].get(position % self.width)?)?;
        Ok(inputs[0].at(position)?.broadcast_add(&vector)?)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(PositionStep {
            position: self.clone(),
            batch,
            weights: weights.to_vec(),
        })
    }
}

struct PositionStep {
    position: Position,
    batch: usize,
    weights: Vec<f32>,
}

impl StepPrimitive for PositionStep {
    fn step(&mut self, position: usize, group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let range = self.position.groups.range(group);
        for b in 0..self.batch {
            let out = &mut out.row_mut(b, position)[range.clone()];
            out.copy_from_slice(&inputs[0].row(b, position)[range.clone()]);
            for place in self.position.places(position) {
                add_assign(out, &self.weights[place..][range.clone()]);
            }
        }
    }
}
