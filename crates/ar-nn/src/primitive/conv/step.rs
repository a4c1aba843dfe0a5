use std::ops::Range;
use std::sync::Arc;

use super::Conv;
use crate::kernel::{Panels, fill_rows};
use crate::primitive::gather::gather;
use crate::primitive::{Centre, Step, StepValue};

/// A convolution in the step pass. What taps contribute that read values known long before is computed for many
/// sites at once, when the first is asked for; a site then costs only the taps beside it.
#[derive(Clone)]
pub(super) struct ConvStep {
    weights: Arc<Packed>,
    batch: usize,
    /// What the taps known ahead contribute, of a row with the bias, `(B, sites, c_out)`, to `ahead_of`.
    ahead: Vec<f32>,
    ahead_of: Range<usize>,
    ahead_rows: Vec<f32>,
    rows: Vec<f32>,
    sums: Vec<f32>,
}

struct Packed {
    conv: Conv,
    known: Known,
    ahead: Panels,
    /// One for each channel group.
    beside: Vec<Panels>,
    bias: Vec<f32>,
}

/// How many leading taps read what is known ahead of a site.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// Of these taps, for the whole row of a site.
    Rows(usize),
    /// Of all but the last tap, for so many sites of a sequence.
    Sites(usize),
}

/// Sites of a sequence at once, over all images: rows enough for a product that reads each weight once.
const AHEAD: usize = 16;

impl Known {
    /// Values that are complete for a whole line are computed a line at a time anyway.
    fn of(conv: &Conv, batch: usize) -> Self {
        if conv.centre == Centre::Whole {
            return Self::Nothing;
        }
        if conv.taps.rows_above() > 0 {
            return Self::Rows(conv.taps.rows_above());
        }
        // More images read each weight seldom enough.
        let most = if batch <= 4 { AHEAD / batch.max(1) } else { 0 };
        match conv.taps.lead().min(most) {
            0 | 1 => Self::Nothing,
            at_once => Self::Sites(at_once),
        }
    }

    fn taps(self, all: usize) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Rows(taps) => taps,
            Self::Sites(_) => all - 1,
        }
    }
}

impl Packed {
    fn taps_ahead(&self) -> Range<usize> {
        0..self.known.taps(self.conv.taps.count())
    }

    fn beside(&self) -> Range<usize> {
        self.taps_ahead().end..self.conv.taps.count()
    }

    /// For which sites what is known ahead is computed together with `site`.
    fn together(&self, site: usize) -> Range<usize> {
        let grid = self.conv.taps.grid();
        match self.known {
            Known::Sites(at_once) => site..(site + at_once).min(grid.sites()),
            Known::Rows(_) | Known::Nothing => {
                let start = site - site % grid.width;
                start..start + grid.width
            }
        }
    }
}

impl ConvStep {
    pub(super) fn new(conv: &Conv, batch: usize, weights: &[f32]) -> Self {
        let (c_in, c_out) = (conv.c_in(), conv.c_out());
        let known = Known::of(conv, batch);
        let (weight, bias) = weights.split_at(conv.k() * c_out);
        let ahead_k = known.taps(conv.taps.count()) * c_in;
        let (ahead, beside) = weight.split_at(ahead_k * c_out);
        let beside_k = conv.k() - ahead_k;
        let of_group = |g: usize| Panels::of_columns(beside, beside_k, c_out, conv.to.range(g));
        Self {
            weights: Arc::new(Packed {
                known,
                ahead: Panels::new(ahead, ahead_k, c_out),
                beside: (0..conv.to.count()).map(of_group).collect(),
                bias: bias.to_vec(),
                conv: conv.clone(),
            }),
            batch,
            ahead: Vec::new(),
            ahead_of: 0..0,
            ahead_rows: Vec::new(),
            rows: Vec::new(),
            sums: Vec::new(),
        }
    }

    fn compute_ahead(&mut self, sites: Range<usize>, x: &StepValue) {
        let (conv, range) = (&self.weights.conv, self.weights.taps_ahead());
        let (taps, c, c_out) = (&conv.taps, conv.c_in(), conv.c_out());
        let (k, n) = (range.len() * c, sites.len() * c_out);
        self.ahead_rows.resize(sites.len() * k, 0.0);
        self.ahead.resize(self.batch * n, 0.0);
        for (b, sums) in self.ahead.chunks_exact_mut(n).enumerate() {
            let rows = &mut self.ahead_rows;
            gather(taps, range.clone(), sites.clone(), x.image(b), c, rows);
            conv.before.apply(rows);
            match self.weights.known {
                // What is beside goes on with this sum; the bias comes last.
                Known::Sites(_) => sums.fill(0.0),
                _ => fill_rows(sums, &self.weights.bias),
            }
            self.weights.ahead.product(rows, sums);
        }
        self.ahead_of = sites;
    }

    /// Sums begin with what is known ahead of `sites` in `columns`.
    // Inlined, it would cost those that know nothing ahead registers.
    #[inline(never)]
    fn begin_ahead(&mut self, sites: &[u32], columns: Range<usize>, x: &StepValue) {
        let c_out = self.weights.conv.c_out();
        let (m, n) = (sites.len(), columns.len());
        for (i, site) in sites.iter().map(|&s| s as usize).enumerate() {
            if !self.ahead_of.contains(&site) {
                self.compute_ahead(self.weights.together(site), x);
            }
            let (at, together) = (site - self.ahead_of.start, self.ahead_of.len());
            for (b, sums) in self.sums.chunks_exact_mut(m * n).enumerate() {
                let ahead = &self.ahead[(b * together + at) * c_out..][columns.clone()];
                sums[i * n..][..n].copy_from_slice(ahead);
            }
        }
    }

    /// Fills `rows` with what the taps beside the sites read in these images.
    fn gather_beside(&mut self, images: Range<usize>, sites: &[u32], x: &StepValue) {
        let (conv, range) = (&self.weights.conv, self.weights.beside());
        let (c, k) = (conv.c_in(), range.len() * conv.c_in());
        self.rows.resize(images.len() * sites.len() * k, 0.0);
        if conv.taps.is_pointwise() {
            for (i, &site) in sites.iter().enumerate() {
                for (b, own) in x.rows(images.clone(), site as usize).enumerate() {
                    self.rows[(b * sites.len() + i) * k..][..k].copy_from_slice(own);
                }
            }
        } else {
            for (i, b) in images.enumerate() {
                let rows = &mut self.rows[i * sites.len() * k..][..sites.len() * k];
                let sites = sites.iter().map(|&s| s as usize);
                gather(&conv.taps, range.clone(), sites, x.image(b), c, rows);
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
        let columns = self.weights.conv.to.range(group);
        let (m, n) = (sites.len(), columns.len());
        self.sums.resize(images.len() * m * n, 0.0);
        let known = self.weights.known;
        if known != Known::Nothing {
            self.begin_ahead(sites, columns.clone(), inputs[0]);
        }
        let rows = match *sites {
            // What one image has at one site lies there as it is needed.
            [site] if images.len() == 1 && self.weights.conv.reads_in_place() => {
                inputs[0].row(images.start, site as usize)
            }
            _ => {
                self.gather_beside(images.clone(), sites, inputs[0]);
                &self.rows
            }
        };
        let weights = &*self.weights;
        let (beside, after) = (&weights.beside[group], weights.conv.after);
        let (bias, sums) = (&weights.bias[columns.clone()], &mut self.sums[..]);
        if let Known::Sites(_) = known {
            beside.go_on(rows, sums);
            after.apply_biased(sums, bias);
        } else {
            if known == Known::Nothing {
                fill_rows(sums, bias);
            }
            beside.product(rows, sums);
            after.apply(sums);
        }
        for (i, site) in sites.iter().map(|&s| s as usize).enumerate() {
            let rows = out.rows_mut(images.clone(), site).enumerate();
            let sums = |b: usize| &self.sums[(b * m + i) * n..][..n];
            match inputs.get(1) {
                None => rows.for_each(|(b, out)| out[columns.clone()].copy_from_slice(sums(b))),
                Some(residual) => {
                    for ((b, out), residual) in rows.zip(residual.rows(images.clone(), site)) {
                        let added = sums(b).iter().zip(&residual[columns.clone()]);
                        let out = out[columns.clone()].iter_mut();
                        out.zip(added).for_each(|(o, (s, r))| *o = s + r);
                    }
                }
            }
        }
    }
}

impl Step for ConvStep {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        // A line at once is rows enough for a product, and those of one image stay in the cache.
        if sites.len() < 8 || self.weights.known != Known::Nothing {
            self.run(0..self.batch, sites, group, inputs, out);
        } else {
            (0..self.batch).for_each(|b| self.run(b..b + 1, sites, group, inputs, out));
        }
    }
}
