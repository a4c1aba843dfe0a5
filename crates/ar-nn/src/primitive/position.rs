use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::{Backward, Primitive, Room, Step, StepPrimitive, StepValue, TensorStep, Training};
use crate::kernel::add_assign;

/// One coordinate of a position: position / stride mod size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Axis {
    size: usize,
    stride: usize,
    /// Vectors of the axes before it.
    start: usize,
}

impl Axis {
    pub(crate) fn rows_and_columns(height: usize, width: usize) -> Vec<Self> {
        let axis = |size, stride, start| Self {
            size,
            stride,
            start,
        };
        vec![axis(height, width, 0), axis(width, 1, height)]
    }

    /// The position itself.
    pub(crate) fn every_position(positions: usize) -> Self {
        Self {
            size: positions,
            stride: 1,
            start: 0,
        }
    }

    fn coordinate(self, position: usize) -> usize {
        position / self.stride % self.size
    }
}

/// x plus a learned vector for where a position is along each of some axes. Parameters: for each axis
/// `(size, c)`.
#[derive(Debug, Clone)]
pub(crate) struct Position {
    pub(crate) groups: ChannelGroups,
    pub(crate) axes: Vec<Axis>,
}

impl Position {
    /// Where the vectors of `position` (counted on through the images) begin among the parameters.
    fn places(&self, position: usize) -> impl Iterator<Item = usize> + '_ {
        let c = self.groups.features();
        let axes = self.axes.iter();
        axes.map(move |a| (a.start + a.coordinate(position)) * c)
    }
}

impl Primitive for Position {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], _: &Training) -> Result<Tensor> {
        let (_, n, c) = inputs[0].dims3()?;
        let mut sum = inputs[0].clone();
        for (axis, table) in self.axes.iter().zip(weights) {
            let shape = (n / axis.size / axis.stride, axis.size, axis.stride, c);
            let all = table.reshape((1, axis.size, 1, c))?.broadcast_as(shape)?;
            sum = sum.broadcast_add(&all.reshape((n, c))?)?;
        }
        Ok(sum)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], _: &mut Room) {
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

    fn composite_step(&self, at: TensorStep<'_>, weights: &[Tensor]) -> Result<Tensor> {
        let mut sum = at.inputs[0].rows(at.sites)?;
        for (axis, table) in self.axes.iter().zip(weights) {
            let places = at.sites.iter().map(|&s| axis.coordinate(s as usize) as u32);
            let places = Tensor::from_iter(places, table.device())?;
            sum = sum.broadcast_add(&table.index_select(&places, 0)?)?;
        }
        Ok(sum)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(PositionStep {
            position: self.clone(),
            batch,
            weights: weights.to_vec(),
        })
    }
}

#[derive(Clone)]
struct PositionStep {
    position: Position,
    batch: usize,
    weights: Vec<f32>,
}

impl Step for PositionStep {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let range = self.position.groups.range(group);
        for site in sites.iter().map(|&s| s as usize) {
            for b in 0..self.batch {
                let own = &inputs[0].row(b, site)[range.clone()];
                out.row_mut(b, site)[range.clone()].copy_from_slice(own);
            }
            for place in self.position.places(site) {
                let own = &self.weights[place..][range.clone()];
                (0..self.batch)
                    .for_each(|b| add_assign(&mut out.row_mut(b, site)[range.clone()], own));
            }
        }
    }
}
