//! Moving rows of features to and from the taps that read them.

use ar_core::Taps;
use pulp::Arch;

use crate::Activation;

/// Which of the taps: all, or only those of the rows above, or only the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TapRange {
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl TapRange {
    pub(crate) fn all(taps: &Taps) -> Self {
        Self {
            start: 0,
            end: taps.count(),
        }
    }

    /// Taps whose rows are complete before the row's first pixel.
    pub(crate) fn above(taps: &Taps) -> Self {
        Self {
            start: 0,
            end: taps.rows_above(),
        }
    }

    pub(crate) fn beside(taps: &Taps) -> Self {
        Self {
            start: taps.rows_above(),
            end: taps.count(),
        }
    }

    pub(crate) fn count(self) -> usize {
        self.end - self.start
    }
}

/// For each of `positions`, copies what its taps read from `x (n, c)` into a row of `taps · c`.
pub(crate) fn gather(
    taps: &Taps,
    range: TapRange,
    positions: std::ops::Range<usize>,
    x: &[f32],
    c: usize,
    out: &mut [f32],
) {
    let rows = out.chunks_exact_mut((range.count() * c).max(1));
    for (p, row) in positions.zip(rows) {
        let sources = &taps.sources(p)[range.start..range.end];
        if c == 1 {
            for (o, &s) in row.iter_mut().zip(sources) {
                *o = x.get(s as usize).copied().unwrap_or(0.0);
            }
            continue;
        }
        each_run(sources, |tap, source, len| {
            let out = &mut row[tap * c..][..len * c];
            match source {
                Some(s) => out.copy_from_slice(&x[s * c..][..len * c]),
                None => out.fill(0.0),
            }
        });
    }
}

/// The reverse of [`gather`] for all taps: adds each row's parts, times the activation's derivative
/// at `x`, to where they were read from.
pub(crate) fn scatter_add(
    taps: &Taps,
    positions: std::ops::Range<usize>,
    rows: &[f32],
    activation: Activation,
    x: &[f32],
    c: usize,
    out: &mut [f32],
) {
    Arch::new().dispatch(|| {
        for (p, row) in positions.zip(rows.chunks_exact(taps.count() * c)) {
            each_run(taps.sources(p), |tap, source, len| {
                if let Some(s) = source {
                    let (at, n) = (s * c, len * c);
                    activation.add_backward(
                        &mut out[at..][..n],
                        &row[tap * c..][..n],
                        &x[at..][..n],
                    );
                }
            });
        }
    });
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
