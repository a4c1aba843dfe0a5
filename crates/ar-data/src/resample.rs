//! One picture in another size.

use resize::Pixel::Gray16;
use resize::px::Gray;

use crate::frames::{cut, middle};
use crate::{Error, Result, Shape};

/// Scales a picture until it covers `[height, width]`, and cuts that out of its middle.
///
/// The part that remains is taken first, to the nearest pixel: the edges cost nothing then, and a
/// very long picture takes no more memory than another. Catmull-Rom's cubic, widened where the
/// picture becomes smaller, is made of sums and products alone, so that the result is the same
/// everywhere. No value leaves the range of those in the picture: a mask of 0 and 1 stays one.
pub(crate) fn resample(
    shape: Shape,
    values: &[u16],
    [height, width]: [usize; 2],
) -> Result<Vec<u16>> {
    let part = proportioned([shape.height, shape.width], [height, width]);
    let size = [shape.height, shape.width];
    let mut source = Vec::with_capacity(shape.channels * part[0] * part[1]);
    cut(values, size, middle(size, part), part, &mut source);
    let lowest = source.iter().copied().min().unwrap_or(0);
    let highest = source.iter().copied().max().unwrap_or(0);

    let filter = resize::Type::Catrom;
    let mut resizer =
        resize::new(part[1], part[0], width, height, Gray16, filter).map_err(failed)?;
    let mut out = Vec::with_capacity(shape.channels * height * width);
    for plane in source.chunks_exact(part[0] * part[1]) {
        let plane: Vec<Gray<u16>> = plane.iter().copied().map(Gray::new).collect();
        let mut scaled = vec![Gray::new(0); height * width];
        resizer.resize(&plane, &mut scaled).map_err(failed)?;
        out.extend(
            scaled
                .iter()
                .map(|pixel| pixel.value().clamp(lowest, highest)),
        );
    }
    Ok(out)
}

/// The largest part of a picture that has the proportions of the window.
fn proportioned([height, width]: [usize; 2], window: [usize; 2]) -> [usize; 2] {
    let nearest = |product: usize, divisor: usize| ((product + divisor / 2) / divisor).max(1);
    if height * window[1] >= width * window[0] {
        [nearest(width * window[0], window[1]).min(height), width]
    } else {
        [height, nearest(height * window[1], window[0]).min(width)]
    }
}

/// Sizes are checked before, so memory is all that can be wanting.
fn failed(_: resize::Error) -> Error {
    Error::Option {
        option: "--resize",
        must: "of a size that fits in memory",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_picture_stays_within_its_own_values(h in 1usize..40, w in 1usize..40, to_h in 1usize..24, to_w in 1usize..24, seed: u16) {
            let shape = Shape::new(2, h, w);
            let value = |i: usize| 300 + ((i * 7919 + usize::from(seed)) % 4001) as u16;
            let values: Vec<u16> = (0..shape.dims()).map(value).collect();
            let out = resample(shape, &values, [to_h, to_w])?;
            prop_assert_eq!(out.len(), 2 * to_h * to_w);
            let (low, high) = (values.iter().min().unwrap(), values.iter().max().unwrap());
            prop_assert!(out.iter().all(|value| (low..=high).contains(&value)));
        }

        #[test]
        fn an_even_picture_stays_even(h in 1usize..40, w in 1usize..40, to in 1usize..24, value: u16) {
            let shape = Shape::new(1, h, w);
            let out = resample(shape, &vec![value; shape.dims()], [to, to])?;
            prop_assert_eq!(out, vec![value; to * to]);
        }
    }

    #[test]
    fn the_middle_of_a_wide_or_high_picture_is_kept() {
        let rows: Vec<u16> = (0..8).flat_map(|x| [x; 4]).collect(); // 8x4, a row of each value
        assert_eq!(
            resample(Shape::new(1, 8, 4), &rows, [4, 4]).unwrap(),
            rows[8..24]
        );
        let columns: Vec<u16> = (0..4).flat_map(|_| 0..8).collect(); // 4x8
        let middle = resample(Shape::new(1, 4, 8), &columns, [4, 4]).unwrap();
        assert_eq!(middle, [2, 3, 4, 5].repeat(4));
    }

    #[test]
    fn smaller_is_an_average_and_not_a_choice_of_pixels() {
        // A checkerboard of single pixels: a filter that is not widened would find black or white.
        let board: Vec<u16> = (0..64 * 64).map(|i| (i / 64 + i) % 2 * 60_000).collect();
        let grey = resample(Shape::new(1, 64, 64), &board, [8, 8]).unwrap();
        assert!(
            grey.iter().all(|value| value.abs_diff(30_000) < 1_500),
            "{grey:?}"
        );
        // A straight slope stays one, away from the edges.
        let slope: Vec<u16> = (0..40 * 40).map(|i| i % 40 * 1000).collect();
        let half = resample(Shape::new(1, 40, 40), &slope, [20, 20]).unwrap();
        for (x, value) in half[..20].iter().enumerate().skip(2).take(16) {
            assert!(value.abs_diff(500 + 2000 * x as u16) <= 1, "{x}: {value}");
        }
    }

    #[test]
    fn results_are_pinned() {
        // A change here changes the images that earlier runs were made on.
        let values: Vec<u16> = (0..35).map(|i| i * i * 31 % 251).collect();
        assert_eq!(
            resample(Shape::new(1, 5, 7), &values, [3, 3]).unwrap(),
            PINNED
        );
    }

    const PINNED: [u16; 9] = [90, 102, 165, 168, 99, 116, 146, 89, 106];

    #[test]
    fn a_very_long_picture_takes_little() {
        let line: Vec<u16> = (0..1_000_000).map(|x| x as u16).collect();
        let out = resample(Shape::new(1, 1, 1_000_000), &line, [300, 300]).unwrap();
        assert_eq!(out, vec![line[499_999]; 90_000]);
    }
}
