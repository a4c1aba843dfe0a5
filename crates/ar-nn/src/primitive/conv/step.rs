use std::ops::Range;
use std::sync::Arc;

use super::Conv;
use crate::kernel::Panels;
use crate::primitive::gather::{TapRange, gather};
use crate::primitive::{Centre, Step, StepValue};

/// A convolution in the step pass. What complete rows above contribute to a pixel is computed for its
/// whole row at once, when the first is asked for; a pixel then costs only the taps beside it.
#[derive(Clone)]
pub(super) struct ConvStep {
    weights: Arc<Packed>,
    batch: usize,
    /// What the rows above contribute, `(B, W, c_out)`, to the row `row`.
    above: Vec<f32>,
    row: Option<usize>,
    row_room: Vec<f32>,
    rows: Vec<f32>,
    sums: Vec<f32>,
}

struct Packed {
    conv: Conv,
    above: Panels,
    /// One for each channel group.
    beside: Vec<Panels>,
    bias: Vec<f32>,
}

impl Packed {
    /// The taps whose part is computed a row at a time. Values that are complete for a whole line are
    /// computed a line at a time anyway.
    fn above(conv: &Conv) -> TapRange {
        let count = match conv.centre {
            Centre::Masked(_) => conv.taps.rows_above(),
            Centre::Whole => 0,
        };
        TapRange {
            start: 0,
            end: count,
        }
    }

    fn beside(&self) -> TapRange {
        TapRange {
            start: Self::above(&self.conv).count(),
            end: self.conv.taps.count(),
        }
    }
}

impl ConvStep {
    pub(super) fn new(conv: &Conv, batch: usize, weights: &[f32]) -> Self {
        let (c_in, c_out) = (conv.c_in(), conv.c_out());
        let (weight, bias) = weights.split_at(conv.k() * c_out);
        let above_k = Packed::above(conv).count() * c_in;
        let (above, beside) = weight.split_at(above_k * c_out);
        let beside_k = conv.k() - above_k;
        let of_group = |g: usize| {
            let columns = conv.to.range(g);
            let rows = beside.chunks_exact(c_out);
            let own: Vec<f32> = rows
                .flat_map(|row| &row[columns.clone()])
                .copied()
                .collect();
            Panels::new(&own, beside_k, columns.len())
        };
        Self {
            weights: Arc::new(Packed {
                above: Panels::new(above, above_k, c_out),
                beside: (0..conv.to.count()).map(of_group).collect(),
                bias: bias.to_vec(),
                conv: conv.clone(),
            }),
            batch,
            above: Vec::new(),
            row: None,
            row_room: Vec::new(),
            rows: Vec::new(),
            sums: Vec::new(),
        }
    }

    fn rows_above(&mut self, row: usize, x: &StepValue) {
        let conv = &self.weights.conv;
        let (range, w) = (Packed::above(conv), conv.taps.grid().width);
        let (k, c_out) = (range.count() * conv.c_in(), conv.c_out());
        self.row_room.resize(w * k, 0.0);
        self.above.clear();
        self.above.resize(self.batch * w * c_out, 0.0);
        for (b, sums) in self.above.chunks_exact_mut(w * c_out).enumerate() {
            let sites = row * w..(row + 1) * w;
            let rows = &mut self.row_room;
            gather(&conv.taps, range, sites, x.image(b), conv.c_in(), rows);
            conv.before.apply(rows);
            self.weights.above.product(rows, sums);
        }
        self.row = Some(row);
    }

    /// Adds to the sums what the rows above contribute to `columns`.
    fn add_above(&mut self, sites: &[u32], columns: Range<usize>, x: &StepValue) {
        let (w, c_out) = (
            self.weights.conv.taps.grid().width,
            self.weights.conv.c_out(),
        );
        let (m, n) = (sites.len(), columns.len());
        for (i, site) in sites.iter().map(|&s| s as usize).enumerate() {
            let (row, column) = (site / w, site % w);
            if self.row != Some(row) {
                self.rows_above(row, x);
            }
            for (b, sums) in self.sums.chunks_exact_mut(m * n).enumerate() {
                let above = &self.above[(b * w + column) * c_out..][columns.clone()];
                let sums = sums[i * n..][..n].iter_mut();
                sums.zip(above).for_each(|(s, a)| *s += a);
            }
        }
    }

    /// Fills `rows` with what the taps beside the sites read in these images.
    fn gather_beside(&mut self, images: Range<usize>, sites: &[u32], x: &StepValue) {
        let (conv, range) = (&self.weights.conv, self.weights.beside());
        let k = range.count() * conv.c_in();
        self.rows.resize(images.len() * sites.len() * k, 0.0);
        if conv.taps.is_pointwise() {
            for (i, &site) in sites.iter().enumerate() {
                let rows = self.rows.chunks_exact_mut(k).skip(i).step_by(sites.len());
                let own = x.rows(images.clone(), site as usize);
                rows.zip(own)
                    .for_each(|(row, own)| row.copy_from_slice(own));
            }
        } else {
            let all = self.rows.chunks_exact_mut((sites.len() * k).max(1));
            for (b, rows) in images.zip(all) {
                let sites = sites.iter().map(|&s| s as usize);
                gather(&conv.taps, range, sites, x.image(b), conv.c_in(), rows);
            }
        }
        conv.before.apply(&mut self.rows);
    }

    fn run(
        &mut self,
        images: Range<usize>,
        sites: &[u32],
        group: usize,
        inputs: &[&StepValue],
        out: &mut StepValue,
    ) {
        self.gather_beside(images.clone(), sites, inputs[0]);
        let columns = self.weights.conv.to.range(group);
        let (m, n) = (sites.len(), columns.len());
        self.sums.resize(images.len() * m * n, 0.0);
        let bias = &self.weights.bias[columns.clone()];
        self.sums
            .chunks_exact_mut(n)
            .for_each(|sums| sums.copy_from_slice(bias));
        if self.has_above() {
            self.add_above(sites, columns.clone(), inputs[0]);
        }
        self.weights.beside[group].product(&self.rows, &mut self.sums);
        self.weights.conv.after.apply(&mut self.sums);
        for (i, site) in sites.iter().map(|&s| s as usize).enumerate() {
            let sums = self.sums.chunks_exact(n).skip(i).step_by(m);
            let rows = out.rows_mut(images.clone(), site).zip(sums);
            match inputs.get(1) {
                None => rows.for_each(|(out, sums)| out[columns.clone()].copy_from_slice(sums)),
                Some(residual) => {
                    for ((out, sums), residual) in rows.zip(residual.rows(images.clone(), site)) {
                        let added = sums.iter().zip(&residual[columns.clone()]);
                        let out = out[columns.clone()].iter_mut();
                        out.zip(added).for_each(|(o, (s, r))| *o = s + r);
                    }
                }
            }
        }
    }

    fn has_above(&self) -> bool {
        self.weights.beside().start > 0
    }
}

impl Step for ConvStep {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        // A line at once is rows enough for a product, and those of one image stay in the cache.
        if sites.len() < 8 || self.has_above() {
            self.run(0..self.batch, sites, group, inputs, out);
        } else {
            (0..self.batch).for_each(|b| self.run(b..b + 1, sites, group, inputs, out));
        }
    }
}
