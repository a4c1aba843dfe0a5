//! Moving rows of features to and from the taps that read them.

use std::ops::Range;

use ar_core::Taps;
use pulp::{Simd, WithSimd};

use crate::Activation;

/// For each of `positions`, copies what these of its taps read from `x (n, c)` into a row of `taps · c`.
/// Position p lies in slot p mod n: a ring, where `x` holds fewer than all of them.
pub(crate) fn gather(
    taps: &Taps,
    range: Range<usize>,
    positions: impl Iterator<Item = usize>,
    x: &[f32],
    c: usize,
    out: &mut [f32],
) {
    let rows = out.chunks_exact_mut((range.len() * c).max(1));
    let slots = x.len() / c;
    let slot = |s: usize| if s < slots { s } else { s % slots };
    for (p, row) in positions.zip(rows) {
        let sources = &taps.sources(p)[range.clone()];
        if c == 1 {
            for (o, &s) in row.iter_mut().zip(sources) {
                *o = match s {
                    Taps::NONE => 0.0,
                    s => x[slot(s as usize)],
                };
            }
            continue;
        }
        each_run(sources, |tap, source, len| {
            let out = &mut row[tap * c..][..len * c];
            match source {
                Some(s) => {
                    let s = slot(s);
                    let whole = len.min(slots - s);
                    let (before, wrapped) = out.split_at_mut(whole * c);
                    before.copy_from_slice(&x[s * c..][..whole * c]);
                    wrapped.copy_from_slice(&x[..(len - whole) * c]);
                }
                None => out.fill(0.0),
            }
        });
    }
}

/// The reverse of [`gather`] for all taps: adds each row's parts, times the activation's derivative
/// at `x`, to where they were read from.
pub(crate) struct ScatterAdd<'a> {
    pub(crate) taps: &'a Taps,
    pub(crate) positions: Range<usize>,
    /// `(positions, taps · c)`.
    pub(crate) rows: &'a [f32],
    pub(crate) activation: Activation,
    /// `(n, c)`, as is `out`.
    pub(crate) x: &'a [f32],
    pub(crate) c: usize,
    pub(crate) out: &'a mut [f32],
}

impl WithSimd for ScatterAdd<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let Self {
            taps,
            positions,
            rows,
            activation,
            x,
            c,
            out,
        } = self;
        for (p, row) in positions.zip(rows.chunks_exact(taps.count() * c)) {
            for (&source, grad) in taps.sources(p).iter().zip(row.chunks_exact(c)) {
                if source == Taps::NONE {
                    continue;
                }
                let at = source as usize * c;
                let (out, x) = (&mut out[at..][..c], &x[at..][..c]);
                match activation {
                    Activation::Identity => {
                        for (o, g) in out.iter_mut().zip(grad) {
                            *o += g;
                        }
                    }
                    _ => {
                        for (o, (g, x)) in out.iter_mut().zip(grad.iter().zip(x)) {
                            *o += activation.times_derivative(*g, *x);
                        }
                    }
                }
            }
        }
    }
}

/// Calls `f(first tap, source or none, how many)` for maximal runs of taps that read consecutive
/// positions, which are contiguous in memory.
#[inline(always)]
fn each_run(sources: &[u32], mut f: impl FnMut(usize, Option<usize>, usize)) {
    let mut tap = 0;
    while tap < sources.len() {
        let first = sources[tap];
        let mut len = 1;
        while tap + len < sources.len() {
            let next = sources[tap + len];
            let continues = if first == Taps::NONE {
                next == Taps::NONE
            } else {
                next == first + len as u32
            };
            if !continues {
                break;
            }
            len += 1;
        }
        f(tap, (first != Taps::NONE).then_some(first as usize), len);
        tap += len;
    }
}
