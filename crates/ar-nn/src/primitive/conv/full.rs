use std::ops::Range;

use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::step::ConvStep;
use super::{Conv, weight_norm};
use crate::Activation;
use crate::kernel::{add_column_sums, dispatch, product, product_nt, product_tn};
use crate::primitive::gather::{ScatterAdd, gather};
use crate::primitive::{
    Backward, Primitive, Reads, Room, StepPrimitive, TensorStep, Training, rows_product,
};

/// Floats of a gathered block: with the weights it should stay in a core's second-level cache.
const BLOCK: usize = 192 * 1024;

impl Conv {
    /// Positions in pieces.
    fn blocks(&self, positions: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (end, block) = (positions.end, (BLOCK / self.k()).max(16));
        let firsts = positions.step_by(block);
        firsts.map(move |first| first..end.min(first + block))
    }

    /// The rows of the product for `positions`: the input itself, or gathered into `scratch`.
    fn rows<'a>(
        &self,
        positions: Range<usize>,
        x: &'a [f32],
        scratch: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let c = self.c_in();
        let own = positions.start * c..positions.end * c;
        if self.reads_in_place() {
            return &x[own];
        }
        let n = positions.len() * self.k();
        scratch.resize(scratch.len().max(n), 0.0);
        let rows = &mut scratch[..n];
        if self.taps.is_pointwise() {
            self.before.apply_into(rows, &x[own]);
        } else {
            gather(&self.taps, 0..self.taps.count(), positions, x, c, rows);
            self.before.apply(rows);
        }
        rows
    }
}

impl Primitive for Conv {
    fn groups(&self) -> &ChannelGroups {
        &self.to
    }

    fn reads(&self, input: usize) -> Reads<'_> {
        let is_here = self.taps.is_pointwise() && self.from.count() == 1;
        match input {
            0 if !is_here => Reads::Taps(&self.taps, self.centre),
            _ => Reads::Here,
        }
    }

    fn prepared(&self, _: usize) -> usize {
        (self.k() + 1) * self.c_out()
    }

    fn prepare(&self, parameters: &[f32], weights: &mut [f32]) {
        let size = self.k() * self.c_out();
        weights[..size].copy_from_slice(&parameters[..size]);
        self.mask_weights(&mut weights[..size]);
        let mut rest = &parameters[size..];
        if self.weight_norm {
            let (gain, bias) = rest.split_at(self.c_out());
            weight_norm::normalise(&mut weights[..size], gain);
            rest = bias;
        }
        weights[size..].copy_from_slice(rest);
    }

    fn prepare_backward(&self, parameters: &[f32], weights: &[f32], out: &mut [f32]) {
        let size = self.k() * self.c_out();
        let (grad, bias) = weights.split_at(size);
        let start = out.len() - bias.len();
        out[start..].copy_from_slice(bias);
        out[..size].copy_from_slice(grad);
        self.mask_weights(&mut out[..size]);
        if self.weight_norm {
            let mut direction = parameters[..size].to_vec();
            self.mask_weights(&mut direction);
            let (direction_grad, rest) = out.split_at_mut(size);
            let gain = &parameters[size..][..self.c_out()];
            weight_norm::backward(&direction, gain, direction_grad, &mut rest[..self.c_out()]);
        }
    }

    fn prepare_tensors(&self, parameters: &[Tensor]) -> Result<Vec<Tensor>> {
        let mut weight = parameters[0].reshape((self.k(), self.c_out()))?;
        if let Some(live) = &self.live {
            weight = (weight * live)?;
        }
        if self.weight_norm {
            // As `weight_norm` has it: a direction that is zero stays so.
            let length = weight.sqr()?.sum_keepdim(0)?.sqrt()?.maximum(1e-12)?;
            weight = weight.broadcast_mul(&parameters[1].unsqueeze(0)?.div(&length)?)?;
        }
        Ok(vec![weight, parameters[parameters.len() - 1].clone()])
    }

    fn begins_with_data(&self) -> bool {
        self.weight_norm
    }

    fn calibrate(&self, inputs: &[&[f32]], parameters: &mut [f32]) {
        let (size, n) = (self.k() * self.c_out(), self.c_out());
        parameters[size..][..n].fill(1.0);
        parameters[size + n..].fill(0.0);
        let mut weights = vec![0.0; self.prepared(0)];
        self.prepare(parameters, &mut weights);
        let images = inputs[0].len() / (self.sites * self.c_in());
        let mut out = vec![0.0; images * self.sites_out() * n];
        let mut alone = self.clone();
        alone.after = Activation::Identity;
        alone.forward(&inputs[..1], &weights, &mut out, &mut Room::default());
        let (gain, bias) = parameters[size..].split_at_mut(n);
        weight_norm::centre(&out, self.scale, gain, bias);
    }

    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], _: &Training) -> Result<Tensor> {
        let x = self.before.composite(inputs[0])?;
        let (b, n) = (x.dim(0)?, self.sites_out());
        let rows = match (self.taps.is_pointwise(), self.taps.is_shift()) {
            (true, _) => x,
            (false, true) => self.shifted(&x)?,
            (false, false) => self.indexed(&x)?,
        };
        let y = rows_product(&rows.reshape((b, n, self.k()))?, &weights[0])?;
        self.finish(&y, inputs.get(1).copied(), &weights[1])
    }

    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], room: &mut Room) {
        let (k, c, c_out, n) = (self.k(), self.c_in(), self.c_out(), self.sites_out());
        let (weight, bias) = weights.split_at(k * c_out);
        let (size, needed) = (self.sites * c, room.needed_of(n));
        for (i, out) in out.chunks_exact_mut(n * c_out).enumerate() {
            let x = &inputs[0][i * size..][..size];
            let residual = inputs.get(1).map(|r| &r[i * n * c_out..][..n * c_out]);
            for positions in self.blocks(needed.clone()) {
                let at = positions.start * c_out..positions.end * c_out;
                let out = &mut out[at.clone()];
                let rows = self.rows(positions.clone(), x, &mut room.floats);
                if let Some(residual) = residual {
                    out.copy_from_slice(&residual[at]);
                }
                let sizes = [positions.len(), k, c_out];
                product(sizes, rows, weight, out, residual.is_some());
                self.after.apply_biased(out, bias);
            }
        }
    }

    fn backward(&self, pass: Backward<'_>) {
        let (inputs, gradients, mut grad) = (pass.inputs, pass.gradients, pass.grad);
        let (k, c, c_out, n) = (self.k(), self.c_in(), self.c_out(), self.sites_out());
        let (images, needed) = (grad.len() / (n * c_out), pass.room.needed_of(n));
        let scratch = &mut pass.room.floats;
        let weight = &pass.weights[..k * c_out];
        let (weight_grad, bias_grad) = pass.weight_grads.split_at_mut(k * c_out);
        self.after.backward_from_output(&mut grad, pass.out);
        add_column_sums(bias_grad, &grad);
        let x = &pass.values[inputs[0]];
        // Added to what other readers of x left there, or begun by the first.
        let wanted = gradients.wanted(inputs[0]);
        let mut x_grad = wanted.then(|| gradients.open(inputs[0], x.len()));
        if let Some((target, true)) = &mut x_grad
            && (!self.reads_in_place() || needed != (0..n))
        {
            target.fill(0.0);
        }
        let all = (0..images).flat_map(|i| self.blocks(needed.clone()).map(move |p| (i, p)));
        for (i, positions) in all {
            let m = positions.len();
            let image = i * self.sites * c..(i + 1) * self.sites * c;
            let x = &x[image.clone()];
            let grad = &grad[(i * n + positions.start) * c_out..][..m * c_out];
            let rows = self.rows(positions.clone(), x, scratch);
            product_tn([k, m, c_out], rows, grad, weight_grad, true);
            let Some((target, fresh)) = &mut x_grad else {
                continue;
            };
            let target = &mut target[image];
            let own = positions.start * c..positions.end * c;
            if self.reads_in_place() {
                product_nt([m, c_out, c], grad, weight, &mut target[own], !*fresh);
                continue;
            }
            // The gathered rows are not needed any more: their gradient takes their place.
            let rows = &mut scratch[..m * k];
            product_nt([m, c_out, k], grad, weight, rows, false);
            let activation = self.before;
            if self.taps.is_pointwise() {
                activation.add_backward(&mut target[own.clone()], rows, &x[own]);
                continue;
            }
            dispatch(ScatterAdd {
                taps: &self.taps,
                positions,
                rows,
                activation,
                x,
                c,
                out: target,
            });
        }
        if let Some((target, _)) = x_grad {
            gradients.close(inputs[0], target);
        }
        match inputs.get(1) {
            Some(&residual) => gradients.give(residual, grad),
            None => gradients.recycle(grad),
        }
    }

    fn composite_step(&self, at: TensorStep<'_>, weights: &[Tensor]) -> Result<Tensor> {
        let rows = if self.taps.is_pointwise() {
            at.inputs[0].rows(at.sites)?
        } else {
            let sources = at.sites.iter().flat_map(|&s| self.taps.sources(s as usize));
            at.inputs[0].gather(&sources.copied().collect::<Vec<u32>>())?
        };
        let (b, n) = (rows.dim(0)?, at.sites.len());
        let rows = self.before.composite(&rows)?.reshape((b, n, self.k()))?;
        let y = rows_product(&rows, &weights[0])?;
        let residual = at.inputs.get(1).map(|r| r.rows(at.sites)).transpose()?;
        self.finish(&y, residual.as_ref(), &weights[1])
    }

    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(ConvStep::new(self, batch, weights))
    }
}
