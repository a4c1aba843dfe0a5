//! A smooth line through control points.

/// A place on the paper: x to the right, y down.
pub(super) type Point = [f32; 2];

/// Straight pieces per span between two control points; at 28 pixels four already look round.
const PIECES: usize = 5;

/// The uniform Catmull-Rom spline through `points`, as a polyline in `line` (cleared first).
///
/// A point given twice in a row is a corner: the curve arrives and leaves without looking past it.
pub(super) fn trace(points: &[Point], line: &mut Vec<Point>) {
    line.clear();
    line.extend(points.first());
    for i in 1..points.len() {
        let (from, to) = (points[i - 1], points[i]);
        if from == to {
            continue;
        }
        let before = points[i.saturating_sub(2)];
        let after = points[(i + 1).min(points.len() - 1)];
        for piece in 1..=PIECES {
            let t = piece as f32 / PIECES as f32;
            line.push(
                [0, 1].map(|axis| hermite(before[axis], from[axis], to[axis], after[axis], t)),
            );
        }
    }
}

/// The cubic from `from` (t = 0) to `to` (t = 1) whose slopes are half the way between their
/// neighbours.
fn hermite(before: f32, from: f32, to: f32, after: f32, t: f32) -> f32 {
    let (leaving, arriving) = (0.5 * (to - before), 0.5 * (after - from));
    let bend = 3.0 * (to - from) - 2.0 * leaving - arriving;
    let twist = leaving + arriving - 2.0 * (to - from);
    from + t * (leaving + t * (bend + t * twist))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_through_every_control_point() {
        let points = [[0.0, 0.0], [1.0, 2.0], [3.0, 1.0], [4.0, 4.0]];
        let mut line = Vec::new();
        trace(&points, &mut line);
        assert_eq!(line.len(), 1 + 3 * PIECES);
        for (i, point) in points.iter().enumerate() {
            let [x, y] = line[i * PIECES];
            assert!((x - point[0]).abs() < 1e-5 && (y - point[1]).abs() < 1e-5);
        }
    }

    #[test]
    fn a_doubled_point_is_a_sharp_corner() {
        let mut line = Vec::new();
        trace(&[[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]], &mut line);
        assert!(
            line.iter()
                .all(|&[x, y]| y == 0.0 || (x - 1.0).abs() < 1e-6),
            "{line:?}"
        );
    }

    #[test]
    fn a_lone_point_is_a_dot_and_none_is_nothing() {
        let mut line = vec![[9.0, 9.0]];
        trace(&[[1.0, 2.0]], &mut line);
        assert_eq!(line, [[1.0, 2.0]]);
        trace(&[], &mut line);
        assert!(line.is_empty());
    }
}
