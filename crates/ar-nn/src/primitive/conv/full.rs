use std::ops::Range;

use super::Conv;
use crate::kernel::{add_column_sums, product, product_nt, product_tn};
use crate::primitive::gather::{ScatterAdd, TapRange, gather};
use crate::primitive::{Backward, Room};

/// Floats of a gathered block: with the weights it should stay in a core's second-level cache.
const BLOCK: usize = 192 * 1024;

impl Conv {
    fn block_positions(&self) -> usize {
        (BLOCK / self.k()).max(16)
    }

    /// Positions in pieces.
    fn blocks(&self, positions: Range<usize>) -> impl Iterator<Item = Range<usize>> + use<> {
        let (end, block) = (positions.end, self.block_positions());
        positions
            .step_by(block)
            .map(move |first| first..end.min(first + block))
    }

    /// The rows of the product for `positions`: the input itself, or gathered into `scratch`.
    fn rows<'a>(
        &self,
        positions: std::ops::Range<usize>,
        x: &'a [f32],
        scratch: &'a mut Vec<f32>,
    ) -> &'a [f32] {
        let c = self.c_in();
        if self.reads_in_place() {
            return &x[positions.start * c..positions.end * c];
        }
        let n = positions.len() * self.k();
        if scratch.len() < n {
            scratch.resize(n, 0.0);
        }
        if self.taps.is_pointwise() {
            self.before.apply_into(
                &mut scratch[..n],
                &x[positions.start * c..positions.end * c],
            );
            return &scratch[..n];
        }
        gather(
            &self.taps,
            TapRange::all(&self.taps),
            positions,
            x,
            c,
            &mut scratch[..n],
        );
        self.before.apply(&mut scratch[..n]);
        &scratch[..n]
    }

    pub(super) fn full_forward(
        &self,
        inputs: &[&[f32]],
        weights: &[f32],
        out: &mut [f32],
        room: &mut Room,
    ) {
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

    pub(super) fn full_backward(&self, pass: Backward<'_>) {
        let Backward {
            inputs,
            out,
            values,
            weights,
            mut grad,
            gradients,
            weight_grads,
            room,
        } = pass;
        let (k, c, c_out, n) = (self.k(), self.c_in(), self.c_out(), self.sites_out());
        let (images, needed) = (grad.len() / (n * c_out), room.needed_of(n));
        let scratch = &mut room.floats;
        let weight = &weights[..k * c_out];
        let (weight_grad, bias_grad) = weight_grads.split_at_mut(k * c_out);
        self.after.backward_from_output(&mut grad, out);
        add_column_sums(bias_grad, &grad);
        let x = &values[inputs[0]];
        // Added to what other readers of x left there, or begun by the first.
        let mut x_grad = gradients
            .wanted(inputs[0])
            .then(|| gradients.open(inputs[0], x.len()));
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
            if self.taps.is_pointwise() {
                self.before
                    .add_backward(&mut target[own.clone()], rows, &x[own]);
            } else {
                let activation = self.before;
                ScatterAdd {
                    taps: &self.taps,
                    positions,
                    rows,
                    activation,
                    x,
                    c,
                    out: target,
                }
                .run();
            }
        }
        if let Some((target, _)) = x_grad {
            gradients.close(inputs[0], target);
        }
        match inputs.get(1) {
            Some(&residual) => gradients.give(residual, grad),
            None => gradients.recycle(grad),
        }
    }
}
