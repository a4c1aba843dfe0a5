use super::Conv;
use crate::kernel::Panels;
use crate::primitive::StepPrimitive;
use crate::primitive::StepValue;
use crate::primitive::gather::{TapRange, gather};

/// A convolution in the step pass. What the rows above contribute is computed for a whole row at
/// once, when its first pixel is asked for; a pixel then costs only the taps beside it.
pub(super) struct ConvStep {
    conv: Conv,
    batch: usize,
    above: RowsAbove,
    /// One packed weight for each channel group.
    beside: Vec<Panels>,
    bias: Vec<f32>,
    rows: Vec<f32>,
    sums: Vec<f32>,
}

struct RowsAbove {
    weight: Panels,
    /// `(B, W, c_out)`, of the row `row`.
    sums: Vec<f32>,
    row: Option<usize>,
}

impl ConvStep {
    pub(super) fn new(conv: &Conv, batch: usize, weights: &[f32]) -> Self {
        let (c_in, c_out) = (conv.c_in(), conv.c_out());
        let (weight, bias) = weights.split_at(conv.k() * c_out);
        let above_k = TapRange::above(&conv.taps).count() * c_in;
        let (above, beside) = weight.split_at(above_k * c_out);
        let beside_k = conv.k() - above_k;
        let of_group = |g: usize| {
            let columns = conv.to.range(g);
            let own: Vec<f32> = beside
                .chunks_exact(c_out)
                .flat_map(|row| &row[columns.clone()])
                .copied()
                .collect();
            Panels::new(&own, beside_k, columns.len())
        };
        Self {
            batch,
            above: RowsAbove {
                weight: Panels::new(above, above_k, c_out),
                sums: Vec::new(),
                row: None,
            },
            beside: (0..conv.to.count()).map(of_group).collect(),
            bias: bias.to_vec(),
            rows: Vec::new(),
            sums: Vec::new(),
            conv: conv.clone(),
        }
    }

    fn rows_above(&mut self, row: usize, x: &StepValue) {
        let (conv, range, w) = (
            &self.conv,
            TapRange::above(&self.conv.taps),
            self.conv.taps.width(),
        );
        let (k, c_out) = (range.count() * conv.c_in(), conv.c_out());
        self.rows.resize(w * k, 0.0);
        self.above.sums.clear();
        self.above.sums.resize(self.batch * w * c_out, 0.0);
        for b in 0..self.batch {
            gather(
                &conv.taps,
                range,
                row * w..(row + 1) * w,
                x.image(b),
                conv.c_in(),
                &mut self.rows,
            );
            conv.before.apply(&mut self.rows);
            self.above.weight.product(
                &self.rows,
                &mut self.above.sums[b * w * c_out..][..w * c_out],
            );
        }
        self.above.row = Some(row);
    }
}

impl StepPrimitive for ConvStep {
    fn step(&mut self, position: usize, group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let (w, x) = (self.conv.taps.width(), inputs[0]);
        let (row, column) = (position / w, position % w);
        let has_above = self.conv.taps.rows_above() > 0;
        if has_above && self.above.row != Some(row) {
            self.rows_above(row, x);
        }
        let conv = &self.conv;
        let (range, columns, c_out) = (
            TapRange::beside(&conv.taps),
            conv.to.range(group),
            conv.c_out(),
        );
        let k = range.count() * conv.c_in();
        self.rows.resize(self.batch * k, 0.0);
        self.sums.clear();
        for (b, rows) in self.rows.chunks_exact_mut(k.max(1)).enumerate() {
            if conv.taps.is_pointwise() {
                rows.copy_from_slice(x.row(b, position));
            } else {
                gather(
                    &conv.taps,
                    range,
                    position..position + 1,
                    x.image(b),
                    conv.c_in(),
                    rows,
                );
            }
        }
        for b in 0..self.batch {
            self.sums.extend_from_slice(&self.bias[columns.clone()]);
            if has_above {
                let above = &self.above.sums[(b * w + column) * c_out..][columns.clone()];
                let start = self.sums.len() - columns.len();
                self.sums[start..]
                    .iter_mut()
                    .zip(above)
                    .for_each(|(s, a)| *s += a);
            }
        }
        conv.before.apply(&mut self.rows);
        self.beside[group].product(&self.rows, &mut self.sums);
        conv.after.apply(&mut self.sums);
        for (b, sums) in self.sums.chunks_exact(columns.len()).enumerate() {
            let out = &mut out.row_mut(b, position)[columns.clone()];
            out.copy_from_slice(sums);
            if let Some(residual) = inputs.get(1) {
                out.iter_mut()
                    .zip(&residual.row(b, position)[columns.clone()])
                    .for_each(|(o, r)| *o += r);
            }
        }
    }
}
