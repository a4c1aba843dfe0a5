use ar_core::{ChannelGroups, Dependence, MaskType, Order, Result, Taps};
use candle_core::{DType, Tensor};

use super::{Backward, Primitive, Reach, StepPrimitive};
use crate::kernel::add_assign;
use crate::primitive::{StepTensor, StepValue};

/// The features of the site before in the generation order; at the first site a learned vector, of
/// the class where there is one. Inputs: x, and the class `(1, 1)` if any. Parameter:
/// `(1 or classes, c)`.
#[derive(Debug, Clone)]
pub(crate) struct Previous {
    groups: ChannelGroups,
    /// Of each position: the one before, [`Taps::NONE`] for the first.
    taps: Taps,
    positions: usize,
}

impl Previous {
    /// Of a value with one channel group.
    pub(crate) fn new(order: &Order, groups: ChannelGroups) -> Self {
        Self {
            groups,
            taps: Taps::sequence(order, 2, 1, MaskType::A),
            positions: order.positions(),
        }
    }

    fn before(&self, position: usize) -> Option<usize> {
        let source = self.taps.sources(position)[0];
        (source != Taps::NONE).then_some(source as usize)
    }

    /// The start vectors `(B, 1, c)`; `class` is `(B, 1, 1)`.
    fn start(batch: usize, class: Option<&Tensor>, table: &Tensor) -> Result<Tensor> {
        let c = table.dim(1)?;
        Ok(match class {
            Some(class) => table
                .index_select(&class.flatten_all()?.to_dtype(DType::U32)?, 0)?
                .reshape((batch, 1, c))?,
            None => table.reshape((1, 1, c))?.broadcast_as((batch, 1, c))?,
        })
    }
}

/// Which of the start vectors: that of the image's class, or the only one.
fn row(class: Option<&[f32]>, image: usize) -> usize {
    class.map_or(0, |class| class[image] as usize)
}

impl Primitive for Previous {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn sees_itself(&self, input: usize) -> bool {
        input > 0
    }

    fn reach(&self, input: usize) -> Reach {
        match (input, self.taps.is_shift()) {
            (0, true) => Reach::Back(self.taps.lookback()),
            (0, false) => Reach::Anywhere,
            _ => Reach::Here,
        }
    }

    fn mixes_sites(&self) -> bool {
        true
    }

    fn dependence(&self, inputs: &[&Dependence]) -> Dependence {
        let mut all = Dependence::none(inputs[0].steps(), inputs[0].dims());
        for p in 0..self.positions {
            if let Some(before) = self.before(p) {
                all.union(p, inputs[0], before);
            }
        }
        all
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor> {
        let (b, n, _) = inputs[0].dims3()?;
        let start = Self::start(b, inputs.get(1).copied(), &weights[0])?;
        let index = (0..n).map(|p| self.before(p).unwrap_or(n) as u32);
        let index = Tensor::from_vec(index.collect::<Vec<u32>>(), n, start.device())?;
        Ok(Tensor::cat(&[inputs[0], &start], 1)?.index_select(&index, 1)?)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], _: &mut Vec<f32>) {
        let (c, class) = (self.groups.features(), inputs.get(1).copied());
        for (i, (out, x)) in out
            .chunks_exact_mut(self.positions * c)
            .zip(inputs[0].chunks_exact(self.positions * c))
            .enumerate()
        {
            for (p, out) in out.chunks_exact_mut(c).enumerate() {
                out.copy_from_slice(match self.before(p) {
                    Some(before) => &x[before * c..][..c],
                    None => &weights[row(class, i) * c..][..c],
                });
            }
        }
    }

    fn backward(&self, pass: Backward<'_>) {
        let (c, n) = (self.groups.features(), self.positions);
        let class = pass.inputs.get(1).map(|&v| &pass.values[v][..]);
        let mut target = pass.gradients.buffer(pass.grad.len());
        target.fill(0.0);
        for (i, (grad, target)) in pass
            .grad
            .chunks_exact(n * c)
            .zip(target.chunks_exact_mut(n * c))
            .enumerate()
        {
            for (p, grad) in grad.chunks_exact(c).enumerate() {
                match self.before(p) {
                    Some(before) => target[before * c..][..c].copy_from_slice(grad),
                    None => add_assign(&mut pass.weight_grads[row(class, i) * c..][..c], grad),
                }
            }
        }
        pass.gradients.recycle(pass.grad);
        pass.gradients.give(pass.inputs[0], target);
    }

    fn composite_step(
        &self,
        position: usize,
        inputs: &[&StepTensor],
        _: &StepTensor,
        weights: &[Tensor],
    ) -> Result<Tensor> {
        if let Some(before) = self.before(position) {
            return inputs[0].at(before);
        }
        let batch = inputs[0].at(position)?.dim(0)?;
        let class = inputs.get(1).map(|c| c.at(position)).transpose()?;
        Self::start(batch, class.as_ref(), &weights[0])
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(PreviousStep {
            previous: self.clone(),
            batch,
            weights: weights.to_vec(),
        })
    }
}

struct PreviousStep {
    previous: Previous,
    batch: usize,
    weights: Vec<f32>,
}

impl StepPrimitive for PreviousStep {
    fn step(&mut self, position: usize, _: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let c = self.previous.groups.features();
        let before = self.previous.before(position);
        for b in 0..self.batch {
            let class = inputs.get(1).map(|class| class.row(b, position));
            out.row_mut(b, position).copy_from_slice(match before {
                Some(before) => inputs[0].row(b, before),
                None => &self.weights[row(class, 0) * c..][..c],
            });
        }
    }
}
