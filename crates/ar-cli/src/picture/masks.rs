//! Diagrams of squares: convolution masks and receptive fields.

use super::canvas::Picture;

const LINE: [u8; 3] = [160, 164, 170];
const ZERO: [u8; 3] = [238, 240, 243];
const ONE: [u8; 3] = [28, 92, 180];
const MARK: [u8; 3] = [244, 132, 24];
/// A diagram's longer side is about this many pixels, within the limits of a square.
const DIAGRAM_SIDE: usize = 480;
const SMALLEST_SQUARE: usize = 6;
const LARGEST_SQUARE: usize = 40;

/// `h` x `w` squares with thin lines between them, `cells` in (H, W) order.
///
/// A value of 0 is light grey, 1 a strong blue, with even steps between; values outside are
/// clamped, and missing or NaN ones count as 0. The square at `mark`, (row, column), is orange
/// whatever its value.
pub fn heat_grid(cells: &[f32], h: usize, w: usize, mark: Option<(usize, usize)>) -> Picture {
    let square = (DIAGRAM_SIDE / h.max(w).max(1)).clamp(SMALLEST_SQUARE, LARGEST_SQUARE);
    let step = square + 1;
    let mut diagram = Picture::filled(1 + w * step, 1 + h * step, LINE);
    for row in 0..h {
        for column in 0..w {
            let value = cells.get(row * w + column).copied().unwrap_or(0.0);
            let colour = if mark == Some((row, column)) {
                MARK
            } else {
                blend(value)
            };
            let filled = Picture::filled(square, square, colour);
            diagram.paste(&filled, 1 + column * step, 1 + row * step);
        }
    }
    diagram
}

fn blend(value: f32) -> [u8; 3] {
    let share = if value.is_nan() {
        0.0
    } else {
        value.clamp(0.0, 1.0)
    };
    std::array::from_fn(|c| {
        let (from, to) = (f32::from(ZERO[c]), f32::from(ONE[c]));
        (from + share * (to - from)).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_are_coloured_by_value_and_separated_by_lines() {
        let diagram = heat_grid(&[0.0, 1.0, 0.5, f32::NAN, 7.0, 1.0], 2, 3, Some((1, 2)));
        let step = LARGEST_SQUARE + 1;
        assert_eq!(
            (diagram.width(), diagram.height()),
            (1 + 3 * step, 1 + 2 * step)
        );
        let at = |row: usize, column: usize| diagram.rgb(1 + column * step, 1 + row * step);
        assert_eq!([at(0, 0), at(0, 1), at(0, 2)], [ZERO, ONE, [133, 166, 212]]);
        assert_eq!([at(1, 0), at(1, 1), at(1, 2)], [ZERO, ONE, MARK]);
        for (x, y) in [(0, 0), (step, 5), (3 * step, 2 * step), (7, step)] {
            assert_eq!(diagram.rgb(x, y), LINE);
        }
        assert_eq!(diagram.rgb(step - 1, step - 1), ZERO);
    }

    #[test]
    fn large_fields_have_small_squares_and_short_input_is_no_panic() {
        let diagram = heat_grid(&[], 64, 32, None);
        assert_eq!(
            (diagram.width(), diagram.height()),
            (1 + 32 * 8, 1 + 64 * 8)
        );
        assert_eq!(diagram.rgb(1, 1), ZERO);
        assert_eq!(heat_grid(&[1.0], 0, 0, Some((0, 0))).width(), 1);
    }
}
