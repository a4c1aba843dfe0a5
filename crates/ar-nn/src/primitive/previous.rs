use ar_core::{ChannelGroups, Conditioning, Order, Result, Taps};
use candle_core::Tensor;

use super::{
    Backward, Centre, Primitive, Reads, Room, Step, StepPrimitive, StepValue, TensorStep, Training,
    class_vectors,
};
use crate::kernel::add_assign;

/// The features of the site before in the generation order; at the first site a learned vector, of
/// the class where there is one. Inputs: x, and the class `(1, 1)` if any. Parameter:
/// `(1 or class rows, c)`.
#[derive(Debug, Clone)]
pub(crate) struct Previous {
    groups: ChannelGroups,
    conditioning: Conditioning,
    /// Of each position: the one before, [`Taps::NONE`] for the first.
    taps: Taps,
    positions: usize,
}

impl Previous {
    /// Of a value with one channel group.
    ///
    /// # Errors
    /// When the order is no sequence.
    pub(crate) fn new(
        order: &Order,
        groups: ChannelGroups,
        conditioning: Conditioning,
    ) -> Result<Self> {
        Ok(Self {
            groups,
            conditioning,
            taps: Taps::before(order)?,
            positions: order.positions(),
        })
    }

    fn before(&self, position: usize) -> Option<usize> {
        let source = self.taps.sources(position)[0];
        (source != Taps::NONE).then_some(source as usize)
    }

    /// The start vectors `(B, 1, c)`; `class` is `(B, 1, 1)`.
    fn start(&self, batch: usize, class: Option<&Tensor>, table: &Tensor) -> Result<Tensor> {
        let c = table.dim(1)?;
        let vectors = match class {
            Some(class) => class_vectors(self.conditioning, class, table)?,
            None => table.broadcast_as((batch, c))?,
        };
        Ok(vectors.reshape((batch, 1, c))?)
    }

    /// Which of the start vectors are summed: those of the image's class, or the only one.
    fn rows(&self, class: Option<&[f32]>, image: usize) -> impl Iterator<Item = usize> + use<> {
        self.conditioning
            .rows_of(class.map_or(0, |class| class[image] as usize))
    }

    fn start_into(&self, class: Option<&[f32]>, image: usize, table: &[f32], out: &mut [f32]) {
        let c = out.len();
        out.fill(0.0);
        for row in self.rows(class, image) {
            add_assign(out, &table[row * c..][..c]);
        }
    }
}

impl Primitive for Previous {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn reads(&self, input: usize) -> Reads<'_> {
        match input {
            0 => Reads::Taps(&self.taps, Centre::Whole),
            _ => Reads::Once,
        }
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], _: &Training) -> Result<Tensor> {
        let (b, n, _) = inputs[0].dims3()?;
        let start = self.start(b, inputs.get(1).copied(), &weights[0])?;
        let index = (0..n).map(|p| self.before(p).unwrap_or(n) as u32);
        let index = Tensor::from_iter(index, start.device())?;
        Ok(Tensor::cat(&[inputs[0], &start], 1)?.index_select(&index, 1)?)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], _: &mut Room) {
        let (c, class) = (self.groups.features(), inputs.get(1).copied());
        let size = self.positions * c;
        let all = out.chunks_exact_mut(size).zip(inputs[0].chunks_exact(size));
        for (i, (out, x)) in all.enumerate() {
            for (p, out) in out.chunks_exact_mut(c).enumerate() {
                match self.before(p) {
                    Some(before) => out.copy_from_slice(&x[before * c..][..c]),
                    None => self.start_into(class, i, weights, out),
                }
            }
        }
    }

    fn backward(&self, pass: Backward<'_>) {
        let c = self.groups.features();
        let size = self.positions * c;
        let class = pass.inputs.get(1).map(|&v| &pass.values[v][..]);
        let mut target = pass.gradients.buffer(pass.grad.len());
        target.fill(0.0);
        let all = pass.grad.chunks_exact(size).enumerate();
        for ((i, grad), target) in all.zip(target.chunks_exact_mut(size)) {
            for (p, grad) in grad.chunks_exact(c).enumerate() {
                match self.before(p) {
                    Some(before) => target[before * c..][..c].copy_from_slice(grad),
                    None => {
                        for row in self.rows(class, i) {
                            add_assign(&mut pass.weight_grads[row * c..][..c], grad);
                        }
                    }
                }
            }
        }
        pass.gradients.recycle(pass.grad);
        pass.gradients.give(pass.inputs[0], target);
    }

    fn composite_step(&self, at: TensorStep<'_>, weights: &[Tensor]) -> Result<Tensor> {
        let class = at.inputs.get(1).map(|c| c.rows(&[0])).transpose()?;
        let one = |&site: &u32| match self.before(site as usize) {
            Some(before) => at.inputs[0].rows(&[before as u32]),
            None => self.start(at.inputs[0].batch()?, class.as_ref(), &weights[0]),
        };
        let rows = at.sites.iter().map(one).collect::<Result<Vec<_>>>()?;
        Ok(Tensor::cat(&rows, 1)?)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(PreviousStep {
            previous: self.clone(),
            batch,
            weights: weights.to_vec(),
        })
    }
}

#[derive(Clone)]
struct PreviousStep {
    previous: Previous,
    batch: usize,
    weights: Vec<f32>,
}

impl Step for PreviousStep {
    fn step(&mut self, sites: &[u32], _: usize, inputs: &[&StepValue], out: &mut StepValue) {
        for (b, &site) in (0..self.batch).flat_map(|b| sites.iter().map(move |s| (b, s))) {
            let class = inputs.get(1).map(|class| class.row(b, 0));
            let out = out.row_mut(b, site as usize);
            match self.previous.before(site as usize) {
                Some(before) => out.copy_from_slice(inputs[0].row(b, before)),
                None => self.previous.start_into(class, 0, &self.weights, out),
            }
        }
    }
}
