//! Products with a weight `(k, n)` whose live entries are a staircase: of column p the first `live[p]` rows,
//! more of them from column to column. What is not live is neither stored nor multiplied.
//!
//! Images stand side by side in the vectors, in blocks of [`SIDE`]. Every element is one sum in a fixed order:
//! its bits depend neither on the other images nor on the number of threads.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::instructions::dispatch;
use rayon::prelude::*;

/// Columns of a panel.
const WIDTH: usize = 8;

/// Images of a block.
pub(crate) const SIDE: usize = 16;

/// Panels packed by one thread in a row: it reads the rows of the weight in pieces of so many columns.
const PANELS: usize = 32;

/// A packed weight.
#[derive(Debug)]
pub(crate) struct Staircase {
    /// Of each column, ascending.
    live: Vec<usize>,
    /// `(rows, WIDTH)` each, as many rows as its last column has live, rounded up to whole [`ROWS`]; zeros
    /// above the stairs.
    panels: Vec<Vec<f32>>,
}

impl Staircase {
    /// `row(i)` is row i with its columns wherever they are; `columns[p]` is where column p is in it, or they
    /// stand in order.
    pub(crate) fn pack<'w>(
        live: Vec<usize>,
        columns: Option<&[u32]>,
        row: impl Fn(usize) -> &'w [f32] + Sync,
    ) -> Self {
        let some = |(part, live): (usize, &[usize])| {
            let room = |live: &[usize]| live[live.len() - 1].next_multiple_of(ROWS) * WIDTH;
            let empty = |live: &[usize]| Vec::with_capacity(room(live));
            let mut panels: Vec<Vec<f32>> = live.chunks(WIDTH).map(empty).collect();
            let mut reaching = 0; // The first panel whose last column reaches down to the row.
            for i in 0..live[live.len() - 1] {
                let row = row(i);
                while live[live.len().min((reaching + 1) * WIDTH) - 1] <= i {
                    reaching += 1;
                }
                for (j, panel) in panels.iter_mut().enumerate().skip(reaching) {
                    let live = &live[j * WIDTH..live.len().min((j + 1) * WIDTH)];
                    let first = (part * PANELS + j) * WIDTH;
                    let mut own = [0.0; WIDTH];
                    match (columns, row[first..].first_chunk()) {
                        (None, Some(eight)) => own = *eight,
                        (None, None) => own[..live.len()].copy_from_slice(&row[first..]),
                        (Some(columns), _) => {
                            for (own, &c) in own.iter_mut().zip(&columns[first..]) {
                                *own = row[c as usize];
                            }
                        }
                    }
                    if live[0] <= i {
                        for (own, &live) in own.iter_mut().zip(live) {
                            *own = if i < live { *own } else { 0.0 };
                        }
                    }
                    panel.extend_from_slice(&own);
                }
            }
            for (panel, live) in panels.iter_mut().zip(live.chunks(WIDTH)) {
                panel.resize(room(live), 0.0);
            }
            panels
        };
        let parts = live.par_chunks(WIDTH * PANELS).enumerate();
        let panels = parts.flat_map_iter(some).collect();
        Self { live, panels }
    }

    /// `y = wᵀ·x`: `x` is `(blocks, k, SIDE)`, `y` is `(blocks, n, SIDE)`.
    pub(crate) fn product(&self, x: &[f32], k: usize, y: &mut [f32]) {
        let n = self.live.len();
        for (x, y) in blocks(x, k).zip(y.chunks_exact_mut((n * SIDE).max(1))) {
            let panels = y.par_chunks_mut(WIDTH * SIDE).zip(&self.panels);
            panels.with_min_len(4).for_each(|(y, panel)| {
                dispatch(Columns { panel, x, y });
            });
        }
    }

    /// `x = w·y` of the same shapes.
    pub(crate) fn product_back(&self, y: &[f32], k: usize, x: &mut [f32]) {
        let n = self.live.len();
        for (y, x) in blocks(y, n).zip(x.chunks_exact_mut((k * SIDE).max(1))) {
            let rows = x.par_chunks_mut(ROWS * SIDE).enumerate();
            rows.with_min_len(4).for_each(|(r, x)| {
                dispatch(Rows {
                    staircase: self,
                    first: r * ROWS,
                    y,
                    x,
                });
            });
        }
    }
}

/// Rows computed together.
const ROWS: usize = 4;

fn blocks(x: &[f32], rows: usize) -> std::slice::ChunksExact<'_, f32> {
    x.chunks_exact((rows * SIDE).max(1))
}

/// `sums[r] += w(r) · x`.
#[inline(always)]
fn add<S: Simd, const V: usize, const R: usize>(
    simd: S,
    sums: &mut [[S::f32s; V]; R],
    w: impl Fn(usize) -> f32,
    x: &[S::f32s],
) {
    for (r, sums) in sums.iter_mut().enumerate() {
        let w = simd.splat_f32s(w(r));
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum = simd.mul_add_e_f32s(w, *x, *sum);
        }
    }
}

struct Columns<'a> {
    /// `(rows, WIDTH)`.
    panel: &'a [f32],
    /// `(k, SIDE)`.
    x: &'a [f32],
    /// `(columns, SIDE)`.
    y: &'a mut [f32],
}

impl WithSimd for Columns<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.tiles::<S, 1, 8>(simd),
            8 => self.tiles::<S, 2, 4>(simd),
            4 => self.tiles::<S, 4, 2>(simd),
            _ => self.tiles::<S, SIDE, 1>(simd),
        }
    }
}

impl Columns<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const V: usize, const R: usize>(self, simd: S) {
        for (t, y) in self.y.chunks_mut(R * SIDE).enumerate() {
            let mut sums = [[simd.splat_f32s(0.0); V]; R];
            for (w, x) in self
                .panel
                .chunks_exact(WIDTH)
                .zip(self.x.chunks_exact(SIDE))
            {
                let (x, _) = S::as_simd_f32s(x);
                add(simd, &mut sums, |r| w[t * R + r], x);
            }
            for (y, sums) in y.chunks_exact_mut(SIDE).zip(&sums) {
                y.copy_from_slice(bytemuck::cast_slice(sums));
            }
        }
    }
}

struct Rows<'a> {
    staircase: &'a Staircase,
    first: usize,
    /// `(n, SIDE)`.
    y: &'a [f32],
    /// `(rows, SIDE)`, at most [`ROWS`].
    x: &'a mut [f32],
}

impl WithSimd for Rows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.tile::<S, 1>(simd),
            8 => self.tile::<S, 2>(simd),
            4 => self.tile::<S, 4>(simd),
            _ => self.tile::<S, SIDE>(simd),
        }
    }
}

impl Rows<'_> {
    #[inline(always)]
    fn tile<S: Simd, const V: usize>(self, simd: S) {
        let Staircase { live, panels } = self.staircase;
        let mut sums = [[simd.splat_f32s(0.0); V]; ROWS];
        if live.last().is_none_or(|&most| most <= self.first) {
            self.x.fill(0.0);
            return;
        }
        // Panels whose last column reaches down to the first row.
        let reaching = live.partition_point(|&live| live <= self.first) / WIDTH;
        let panels = panels.iter().zip(self.y.chunks(WIDTH * SIDE));
        for (panel, y) in panels.skip(reaching) {
            let own = &panel[self.first * WIDTH..][..ROWS * WIDTH];
            for (l, y) in y.chunks_exact(SIDE).enumerate() {
                let (y, _) = S::as_simd_f32s(y);
                add(simd, &mut sums, |r| own[r * WIDTH + l], y);
            }
        }
        for (x, sums) in self.x.chunks_exact_mut(SIDE).zip(&sums) {
            x.copy_from_slice(bytemuck::cast_slice(sums));
        }
    }
}

/// Rows of the gradient of a weight, `out[r][p] = Σ_b x[r][b] · y[b][p]` for the columns of `blocks` of [`SIDE`].
///
/// `x` is `(rows, batch)`, at most [`GRADIENT_ROWS`]; `y` is `(n / SIDE, batch, SIDE)`; `out` is
/// `(rows, n rounded up to SIDE)`.
pub(crate) fn outer(x: &[f32], batch: usize, y: &[f32], blocks: Range<usize>, out: &mut [f32]) {
    if batch > 0 {
        dispatch(Outer {
            x,
            batch,
            y,
            blocks,
            out,
        });
    }
}

/// Rows that [`outer`] takes at once.
pub(crate) const GRADIENT_ROWS: usize = 4;

struct Outer<'a> {
    x: &'a [f32],
    batch: usize,
    y: &'a [f32],
    blocks: Range<usize>,
    out: &'a mut [f32],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.tiles::<S, 1>(simd),
            8 => self.tiles::<S, 2>(simd),
            4 => self.tiles::<S, 4>(simd),
            _ => self.tiles::<S, SIDE>(simd),
        }
    }
}

impl Outer<'_> {
    #[inline(always)]
    fn tiles<S: Simd, const V: usize>(self, simd: S) {
        let (batch, rows) = (self.batch, self.x.len() / self.batch);
        let width = self.out.len() / rows.max(1);
        // Rows that are missing read the last one and are thrown away.
        let x: [&[f32]; GRADIENT_ROWS] =
            std::array::from_fn(|r| &self.x[r.min(rows - 1) * batch..][..batch]);
        for block in self.blocks {
            let y = &self.y[block * batch * SIDE..][..batch * SIDE];
            let mut sums = [[simd.splat_f32s(0.0); V]; GRADIENT_ROWS];
            for (b, y) in y.chunks_exact(SIDE).enumerate() {
                let (y, _) = S::as_simd_f32s(y);
                add(simd, &mut sums, |r| x[r][b], y);
            }
            for (r, sums) in sums.iter().take(rows).enumerate() {
                let out = &mut self.out[r * width + block * SIDE..][..SIDE];
                out.copy_from_slice(bytemuck::cast_slice(sums));
            }
        }
    }
}
