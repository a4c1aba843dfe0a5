use ar_core::{ChannelGroups, Conditioning, Result};
use candle_core::{DType, Tensor};

use super::{
    Backward, Primitive, Reads, Room, Step, StepPrimitive, StepValue, TensorStep, Training,
    rows_product,
};
use crate::kernel::{add_assign, add_column_sums, each_with, product, product_nt, product_tn};

/// x + W·h, with h what the image is conditioned on. Inputs: x, and the condition: the class
/// `(1, 1)`, a vector `(1, f)` or a map `(positions, f)`, which other nodes may have made of a coarser one.
/// Parameter: W, `(class rows, c)` or `(f, c)`.
#[derive(Debug, Clone)]
pub(crate) struct Condition {
    pub(crate) conditioning: Conditioning,
    pub(crate) groups: ChannelGroups,
    pub(crate) positions: usize,
}

impl Condition {
    fn is_class(&self) -> bool {
        self.conditioning.classes().is_some()
    }

    fn is_map(&self) -> bool {
        matches!(self.conditioning, Conditioning::Map { .. })
    }

    /// As tensor operations: `x (B, sites, c)`, `h (B, 1 or sites, f)`.
    fn added_to(&self, x: &Tensor, h: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let (b, rows, _) = h.dims3()?;
        let added = if self.is_class() {
            class_vectors(self.conditioning, h, weight)?
        } else {
            rows_product(h, weight)?
        };
        Ok(x.broadcast_add(&added.reshape((b, rows, self.groups.features()))?)?)
    }

    /// W·h of one row of the condition, added to `out (c)`.
    fn add_row(&self, condition: &[f32], weights: &[f32], out: &mut [f32]) {
        let c = out.len();
        if self.is_class() {
            for row in self.conditioning.rows_of(condition[0] as usize) {
                add_assign(out, &weights[row * c..][..c]);
            }
            return;
        }
        for (h, row) in condition.iter().zip(weights.chunks_exact(c)) {
            each_with(out, row, |o, w| *o += h * w);
        }
    }
}

/// What each class adds, `(B, c)`: its rows of the table `(class rows, c)`, summed.
pub(crate) fn class_vectors(
    conditioning: Conditioning,
    classes: &Tensor,
    table: &Tensor,
) -> Result<Tensor> {
    let classes = classes.flatten_all()?.to_dtype(DType::U32)?;
    if let Conditioning::Class { .. } = conditioning {
        return Ok(table.index_select(&classes, 0)?);
    }
    let (all, width) = (classes.to_vec1::<u32>()?, table.dim(1)?);
    let rows = all.iter().flat_map(|&c| conditioning.rows_of(c as usize));
    let rows = Tensor::from_iter(rows.map(|row| row as u32), table.device())?;
    let each = table.index_select(&rows, 0)?;
    Ok(each.reshape((all.len(), (), width))?.sum(1)?)
}

impl Primitive for Condition {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn reads(&self, input: usize) -> Reads<'_> {
        match input {
            1 if !self.is_map() => Reads::Once,
            _ => Reads::Here,
        }
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], _: &Training) -> Result<Tensor> {
        self.added_to(inputs[0], inputs[1], &weights[0])
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], _: &mut Room) {
        let c = self.groups.features();
        let size = self.positions * c;
        let f = inputs[1].len() / (out.len() / size);
        out.copy_from_slice(inputs[0]);
        let mut vector = vec![0.0; c];
        for (out, condition) in out.chunks_exact_mut(size).zip(inputs[1].chunks_exact(f)) {
            if self.is_map() {
                // Image by image: sums may be split by the number of rows.
                let sizes = [self.positions, f / self.positions, c];
                product(sizes, condition, weights, out, true);
                continue;
            }
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
            if pass.gradients.wanted(pass.inputs[1]) {
                let (mut target, fresh) = pass.gradients.open(pass.inputs[1], condition.len());
                let sizes = [rows, c, f];
                product_nt(sizes, &pass.grad, pass.weights, &mut target, !fresh);
                pass.gradients.close(pass.inputs[1], target);
            }
        } else {
            let f = condition.len() / images;
            let mut sums = vec![0.0; c];
            let all = pass.grad.chunks_exact(self.positions * c);
            for (grad, h) in all.zip(condition.chunks_exact(f)) {
                sums.fill(0.0);
                add_column_sums(&mut sums, grad);
                if self.is_class() {
                    for row in self.conditioning.rows_of(h[0] as usize) {
                        add_assign(&mut pass.weight_grads[row * c..][..c], &sums);
                    }
                } else {
                    for (h, row) in h.iter().zip(pass.weight_grads.chunks_exact_mut(c)) {
                        each_with(row, &sums, |w, s| *w += h * s);
                    }
                }
            }
        }
        pass.gradients.give(pass.inputs[0], pass.grad);
    }

    fn composite_step(&self, at: TensorStep<'_>, weights: &[Tensor]) -> Result<Tensor> {
        let own = if self.is_map() { at.sites } else { &[0] };
        let (x, h) = (at.inputs[0].rows(at.sites)?, at.inputs[1].rows(own)?);
        self.added_to(&x, &h, &weights[0])
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

#[derive(Clone)]
struct ConditionStep {
    condition: Condition,
    batch: usize,
    weights: Vec<f32>,
    /// W·h of every image, when it is the same at every position.
    added: Vec<f32>,
}

impl Step for ConditionStep {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let (of, c) = (&self.condition, self.condition.groups.features());
        let range = of.groups.range(group);
        for &site in sites {
            let site = site as usize;
            if self.added.is_empty() || of.is_map() {
                self.added.clear();
                self.added.resize(self.batch * c, 0.0);
                let from = if of.is_map() { site } else { 0 };
                for (b, added) in self.added.chunks_exact_mut(c).enumerate() {
                    of.add_row(inputs[1].row(b, from), &self.weights, added);
                }
            }
            for (b, added) in self.added.chunks_exact(c).enumerate() {
                let out = &mut out.row_mut(b, site)[range.clone()];
                out.copy_from_slice(&inputs[0].row(b, site)[range.clone()]);
                add_assign(out, &added[range.clone()]);
            }
        }
    }
}
