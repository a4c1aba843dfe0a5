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
            let own: Vec<f32> = rows.flat_map(|row| &row[columns.clone()]).copied().collect();
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
}

impl Step for ConvStep {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let weights = self.weights.clone();
        let (conv, x) = (&weights.conv, inputs[0]);
        let (range, columns, c_out) = (weights.beside(), conv.to.range(group), conv.c_out());
        let (w, has_above) = (conv.taps.grid().width, range.start > 0);
        let (k, n) = (range.count() * conv.c_in(), columns.len());
        self.rows.resize(self.batch * sites.len() * k, 0.0);
        for (b, rows) in self.rows.chunks_exact_mut((sites.len() * k).max(1)).enumerate() {
            if conv.taps.is_pointwise() {
                for (row, &site) in rows.chunks_exact_mut(k).zip(sites) {
                    row.copy_from_slice(x.row(b, site as usize));
                }
            } else {
                let sites = sites.iter().map(|&s| s as usize);
                gather(&conv.taps, range, sites, x.image(b), conv.c_in(), rows);
            }
        }
        conv.before.apply(&mut self.rows);
        let rows = std::mem::take(&mut self.rows);
        self.sums.clear();
        for (b, &site) in (0..self.batch).flat_map(|b| sites.iter().map(move |s| (b, s))) {
            self.sums.extend_from_slice(&weights.bias[columns.clone()]);
            if has_above {
                let (row, column) = (site as usize / w, site as usize % w);
                if self.row != Some(row) {
                    self.rows_above(row, x);
                }
                let above = &self.above[(b * w + column) * c_out..][columns.clone()];
                let start = self.sums.len() - n;
                let sums = self.sums[start..].iter_mut();
                sums.zip(above).for_each(|(s, a)| *s += a);
            }
        }
        weights.beside[group].product(&rows, &mut self.sums);
        self.rows = rows;
        conv.after.apply(&mut self.sums);
        let all = (0..self.batch).flat_map(|b| sites.iter().map(move |s| (b, *s as usize)));
        for ((b, site), sums) in all.zip(self.sums.chunks_exact(n)) {
            let out = &mut out.row_mut(b, site)[columns.clone()];
            out.copy_from_slice(sums);
            if let Some(residual) = inputs.get(1) {
                let residual = &residual.row(b, site)[columns.clone()];
                out.iter_mut().zip(residual).for_each(|(o, r)| *o += r);
            }
        }
    }
}
