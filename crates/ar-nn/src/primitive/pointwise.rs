use std::fmt::Debug;
use std::ops::Range;

use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;
use pulp::{Simd, WithSimd};

use crate::kernel::dispatch;

use super::{Backward, Primitive, Room, Step, StepPrimitive, StepValue, TensorStep, Training};

/// A primitive that looks at one position and one channel group at a time: the same code in both
/// passes.
pub(crate) trait Pointwise: Debug + Clone + Send + Sync + 'static {
    fn groups(&self) -> &ChannelGroups;

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor>;

    /// Features of group `g` at one position, from and into whole rows.
    fn row(&self, g: usize, inputs: &[&[f32]], weights: &[f32], out: &mut [f32]);

    /// Adds to the gradients of the inputs' rows and of the weights, all groups.
    fn row_backward(&self, at: RowBackward<'_, '_>);
}

/// What the reverse of [`Pointwise::row`] reads at one position, and the gradients it adds to.
pub(crate) struct RowBackward<'a, 't> {
    pub(crate) inputs: &'a [&'a [f32]],
    pub(crate) weights: &'a [f32],
    /// Of the result.
    pub(crate) grad: &'a [f32],
    pub(crate) input_grads: &'a mut [&'t mut [f32]],
    pub(crate) weight_grads: &'a mut [f32],
}

/// What `of` makes of each channel group, side by side.
pub(crate) fn by_group(
    groups: &ChannelGroups,
    of: impl FnMut(usize) -> candle_core::Result<Tensor>,
) -> Result<Tensor> {
    let parts = (0..groups.count()).map(of);
    let parts = parts.collect::<candle_core::Result<Vec<_>>>()?;
    Ok(Tensor::cat(&parts, 2)?)
}

impl<P: Pointwise> Primitive for P {
    fn groups(&self) -> &ChannelGroups {
        Pointwise::groups(self)
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], _: &Training) -> Result<Tensor> {
        Pointwise::composite(self, inputs, weights)
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], room: &mut Room) {
        let groups = Pointwise::groups(self);
        let positions = out.len() / groups.features();
        dispatch(Forward {
            primitive: self,
            inputs,
            weights,
            out,
            positions,
            needed: room.needed_of(positions),
        });
    }

    fn backward(&self, pass: Backward<'_>) {
        let positions = pass.grad.len() / Pointwise::groups(self).features();
        let (inputs, gradients) = (pass.inputs, pass.gradients);
        let sources: Vec<&[f32]> = inputs.iter().map(|&i| &pass.values[i][..]).collect();
        let targets = sources.iter().map(|x| gradients.buffer(x.len()));
        let mut targets: Vec<Vec<f32>> = targets.collect();
        for target in &mut targets {
            target.fill(0.0);
        }
        dispatch(Reverse {
            primitive: self,
            inputs: &sources,
            weights: pass.weights,
            grad: &pass.grad,
            targets: &mut targets,
            weight_grads: pass.weight_grads,
            positions,
            needed: pass.room.needed_of(positions),
        });
        for (&value, target) in inputs.iter().zip(targets) {
            gradients.give(value, target);
        }
        gradients.recycle(pass.grad);
    }

    fn composite_step(&self, at: TensorStep<'_>, weights: &[Tensor]) -> Result<Tensor> {
        let rows = at.inputs.iter().map(|x| x.rows(at.sites));
        let rows = rows.collect::<Result<Vec<Tensor>>>()?;
        Pointwise::composite(self, &rows.iter().collect::<Vec<_>>(), weights)
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(RowStep {
            primitive: self.clone(),
            batch,
            weights: weights.to_vec(),
        })
    }
}

struct Forward<'a, P> {
    primitive: &'a P,
    inputs: &'a [&'a [f32]],
    weights: &'a [f32],
    out: &'a mut [f32],
    positions: usize,
    needed: Range<usize>,
}

impl<P: Pointwise> WithSimd for Forward<'_, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let groups = Pointwise::groups(self.primitive);
        let c = groups.features();
        let out = &mut self.out[self.needed.start * c..self.needed.end * c];
        for (p, out) in self.needed.zip(out.chunks_exact_mut(c)) {
            let rows = rows_of(self.inputs, self.positions, p);
            for g in 0..groups.count() {
                self.primitive
                    .row(g, &rows[..self.inputs.len()], self.weights, out);
            }
        }
    }
}

struct Reverse<'a, P> {
    primitive: &'a P,
    inputs: &'a [&'a [f32]],
    weights: &'a [f32],
    grad: &'a [f32],
    targets: &'a mut [Vec<f32>],
    weight_grads: &'a mut [f32],
    positions: usize,
    needed: Range<usize>,
}

impl<P: Pointwise> WithSimd for Reverse<'_, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let (width, n) = (self.grad.len() / self.positions, self.inputs.len());
        let grad = &self.grad[self.needed.start * width..self.needed.end * width];
        for (p, grad) in self.needed.zip(grad.chunks_exact(width)) {
            let rows = rows_of(self.inputs, self.positions, p);
            let mut grads: [&mut [f32]; 2] = [&mut [], &mut []];
            for (own, t) in grads.iter_mut().zip(&mut *self.targets) {
                let c = t.len() / self.positions;
                *own = &mut t[p * c..][..c];
            }
            self.primitive.row_backward(RowBackward {
                inputs: &rows[..n],
                weights: self.weights,
                grad,
                input_grads: &mut grads[..n],
                weight_grads: self.weight_grads,
            });
        }
    }
}

/// The rows of position `p`; a pointwise primitive has at most two inputs.
fn rows_of<'a>(inputs: &[&'a [f32]], positions: usize, p: usize) -> [&'a [f32]; 2] {
    let mut rows: [&[f32]; 2] = [&[]; 2];
    for (row, x) in rows.iter_mut().zip(inputs) {
        let c = x.len() / positions;
        *row = &x[p * c..][..c];
    }
    rows
}

#[derive(Clone)]
struct RowStep<P> {
    primitive: P,
    batch: usize,
    weights: Vec<f32>,
}

impl<P: Pointwise> Step for RowStep<P> {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        dispatch(Rows {
            own: self,
            sites,
            group,
            inputs,
            out,
        });
    }
}

struct Rows<'a, P> {
    own: &'a RowStep<P>,
    sites: &'a [u32],
    group: usize,
    inputs: &'a [&'a StepValue],
    out: &'a mut StepValue,
}

impl<P: Pointwise> WithSimd for Rows<'_, P> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        for b in 0..self.own.batch {
            for site in self.sites.iter().map(|&s| s as usize) {
                let mut rows: [&[f32]; 2] = [&[]; 2];
                for (row, x) in rows.iter_mut().zip(self.inputs) {
                    *row = x.row(b, site);
                }
                let rows = &rows[..self.inputs.len()];
                let out = self.out.row_mut(b, site);
                let primitive = &self.own.primitive;
                primitive.row(self.group, rows, &self.own.weights, out);
            }
        }
    }
}
