//! Which part of a curve is drawn, and how its axes are labelled.

use std::ops::Range;

/// A step and a value.
pub(super) type Point = (f64, f64);

/// A curve with more points is drawn as this many averages over neighbouring points.
const MOST_POINTS: usize = 500;
/// Larger values are no likelihoods but accidents, and no axis can show them.
const LARGEST_VALUE: f64 = 1e12;

/// The points that can be drawn: without those that are NaN, infinite or beyond 1e12, sorted by
/// step, and averaged in groups if there are more than 500.
pub(super) fn drawable(points: &[Point]) -> Vec<Point> {
    let fits = |value: f64| value.abs() <= LARGEST_VALUE;
    let mut kept: Vec<_> = points
        .iter()
        .copied()
        .filter(|p| fits(p.0) && fits(p.1))
        .collect();
    kept.sort_by(|a, b| a.0.total_cmp(&b.0));
    let group = kept.len().div_ceil(MOST_POINTS).max(1);
    let average = |group: &[Point]| {
        let n = group.len() as f64;
        (
            group.iter().map(|p| p.0).sum::<f64>() / n,
            group.iter().map(|p| p.1).sum::<f64>() / n,
        )
    };
    kept.chunks(group).map(average).collect()
}

/// What the two axes span.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axes {
    pub(super) x: Range<f64>,
    pub(super) y: Range<f64>,
}

impl Axes {
    /// Axes for all `curves` together, never of zero length; `None` if there is no point.
    ///
    /// The first values of a training run are several times the later ones and would flatten the
    /// rest of the curve. Let `reach` be the distance from the smallest value to the 95th
    /// percentile: if the largest value is more than twice as far, the y axis ends at 1.5 times
    /// the reach and the curve enters from above; otherwise everything is shown. With fewer than 20
    /// points the percentile is the largest value, so all are shown.
    pub(super) fn around(curves: &[Vec<Point>]) -> Option<Self> {
        let sorted = |pick: fn(&Point) -> f64| {
            let mut values: Vec<f64> = curves.iter().flatten().map(pick).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let (xs, ys) = (sorted(|p| p.0), sorted(|p| p.1));
        let (mut start, end) = (*xs.first()?, *xs.last()?);
        if start > 0.0 && start < 0.1 * end {
            start = 0.0;
        }
        let single = start.abs().max(1.0);
        let x = if start < end {
            start..end
        } else {
            start - single..end + single
        };

        let (low, high) = (*ys.first()?, *ys.last()?);
        let reach = ys[(ys.len() * 95).div_ceil(100) - 1] - low;
        let trimmed = high > low + 2.0 * reach;
        let top = if trimmed { low + 1.5 * reach } else { high };
        // A flat curve lies in the middle.
        let flat = top - low <= 1e-6 * low.abs();
        let margin = (0.05 * if flat { low.abs() } else { top - low }).max(1e-6);
        let above = if trimmed && reach > 0.0 { 0.0 } else { margin };
        Some(Self {
            x,
            y: low - margin..top + above,
        })
    }
}

/// The pieces of a curve at or below `ceiling`, cut where it crosses.
pub(super) fn below(points: &[Point], ceiling: f64) -> Vec<Vec<Point>> {
    let mut pieces = Vec::new();
    let mut piece: Vec<Point> = Vec::new();
    let mut previous: Option<Point> = None;
    for &point in points {
        if let Some(before) = previous
            && (before.1 > ceiling) != (point.1 > ceiling)
        {
            let share = (ceiling - before.1) / (point.1 - before.1);
            piece.push((before.0 + share * (point.0 - before.0), ceiling));
        }
        if point.1 <= ceiling {
            piece.push(point);
        } else if !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
        }
        previous = Some(point);
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// A short label for `value` on an axis that reaches to `largest`: `0.125`, `80`, `12.5k`, `3M`.
///
/// The unit follows `largest`, so that all labels of an axis have the same.
pub(super) fn label(value: f64, largest: f64) -> String {
    let (scaled, unit) = match largest.abs() {
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let fixed = format!("{scaled:.4}");
    let short = fixed.trim_end_matches('0').trim_end_matches('.');
    match short {
        "0" | "-0" if value.abs() < 1e-9 => "0".to_owned(),
        "0" | "-0" => format!("{value:.0e}"),
        _ => format!("{short}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_drawn_is_left_out_and_the_rest_sorted() {
        let points = [
            (2.0, 5.0),
            (1.0, f64::NAN),
            (f64::INFINITY, 1.0),
            (3.0, 1e300),
            (0.0, 4.0),
        ];
        assert_eq!(drawable(&points), [(0.0, 4.0), (2.0, 5.0)]);
    }

    #[test]
    fn long_curves_are_averaged() {
        let points: Vec<_> = (0..1001)
            .map(|i| (f64::from(i), f64::from(i % 3)))
            .collect();
        let drawn = drawable(&points);
        assert_eq!(drawn.len(), 334);
        assert_eq!(drawn[0], (1.0, 1.0));
        assert_eq!(drawn[333], (999.5, 0.5));
    }

    #[test]
    fn huge_first_values_do_not_set_the_scale() {
        let mut curve: Vec<_> = (0..100)
            .map(|i| (f64::from(i), 80.0 + f64::from(i % 5)))
            .collect();
        let everything = Axes::around(&[curve.clone()]).unwrap();
        assert_eq!(everything.x, 0.0..99.0);
        assert!((everything.y.start - 79.8).abs() < 1e-9 && (everything.y.end - 84.2).abs() < 1e-9);
        curve[0].1 = 543.0;
        assert_eq!(Axes::around(&[curve]).unwrap().y.end, 86.0);
    }

    #[test]
    fn axes_have_a_length() {
        assert_eq!(Axes::around(&[vec![], vec![]]), None);
        let one = Axes::around(&[vec![(7.0, 3.0)]]).unwrap();
        assert_eq!(one.x, 0.0..14.0);
        assert!(one.y.start < 3.0 && one.y.end > 3.0);
        let mut flat = vec![(0.0, 5.0); 100];
        flat[0].1 = 900.0;
        let flat = Axes::around(&[flat]).unwrap();
        assert!(flat.y.start < 5.0 && flat.y.end > 5.0 && flat.y.end < 6.0);
    }

    #[test]
    fn curves_are_cut_at_the_ceiling() {
        let points = [
            (0.0, 30.0),
            (1.0, 10.0),
            (2.0, 10.0),
            (3.0, 30.0),
            (4.0, 40.0),
            (6.0, 0.0),
        ];
        let pieces = below(&points, 20.0);
        let first = vec![(0.5, 20.0), (1.0, 10.0), (2.0, 10.0), (2.5, 20.0)];
        assert_eq!(pieces, [first, vec![(5.0, 20.0), (6.0, 0.0)]]);
        assert_eq!(below(&points, 50.0), [points.to_vec()]);
        assert!(below(&points, -1.0).is_empty());
    }

    #[test]
    fn labels_are_short() {
        let found = [0.0, -0.0, 80.0, 0.125, 9999.0, 2e-5, 0.1 + 0.2].map(|v| label(v, 9999.0));
        assert_eq!(found, ["0", "0", "80", "0.125", "9999", "2e-5", "0.3"]);
        assert_eq!(
            [0.0, 5000.0, 12500.0].map(|v| label(v, 20_000.0)),
            ["0", "5k", "12.5k"]
        );
        assert_eq!(label(-3e6, -4e6), "-3M");
    }
}
