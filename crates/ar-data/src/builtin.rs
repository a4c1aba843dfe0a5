//! The built-in digits as a data set.

use std::thread;

use crate::{Dataset, Error, Images, LoadOptions, Result, Shape, digits, hold_out};

const SHAPE: Shape = Shape::new(1, 28, 28);
/// The set everybody gets. Another one would be other images under the same name.
const SEED: u64 = 1;
/// More than this is a mistake that would fill the memory.
const MOST: usize = 10_000_000;
/// Splits are ranges of indices this far apart, so that none reaches the next.
const RANGE: u64 = 1 << 40;

/// Draws the three splits.
pub(crate) fn load_digits(options: &LoadOptions, why: &str) -> Result<Dataset> {
    let n = options.digits;
    if !(1..=MOST).contains(&n) {
        return Err(Error::Option {
            option: "digits",
            must: "between 1 and 10000000",
        });
    }
    let splits = [
        draw(n, 0)?,
        draw(hold_out::held_out(n, options.validation), RANGE)?,
        draw(options.test.min(n.div_ceil(2)), 2 * RANGE)?,
    ];
    let [train, validation, test] = [0, 1, 2].map(|i: usize| splits[i].len());
    let source = format!("built-in digits, {train} + {validation} + {test} drawn{why}");
    Dataset::new(
        "digits",
        source,
        splits,
        (0..10).map(|class| class.to_string()).collect(),
    )
}

/// Draws `n` images from index `start` on, on all cores. The result does not depend on their number.
fn draw(n: usize, start: u64) -> Result<Images> {
    let mut pixels = vec![0u16; n * SHAPE.dims()];
    let mut labels = vec![0u32; n];
    let threads = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let share = n.div_ceil(threads).max(1);
    thread::scope(|scope| {
        let parts = pixels
            .chunks_mut(share * SHAPE.dims())
            .zip(labels.chunks_mut(share));
        for (part, (pixels, labels)) in parts.enumerate() {
            scope.spawn(move || {
                let images = pixels.chunks_exact_mut(SHAPE.dims());
                for (i, (image, label)) in images.zip(labels).enumerate() {
                    let (bytes, class) = digits::draw(SEED, start + (part * share + i) as u64);
                    *label = class.into();
                    image
                        .iter_mut()
                        .zip(bytes)
                        .for_each(|(out, byte)| *out = byte.into());
                }
            });
        }
    });
    Images::new(SHAPE, 256, pixels, Some(labels))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_the_options_and_splits_differ() {
        let options = LoadOptions {
            digits: 40,
            ..LoadOptions::default()
        };
        let set = load_digits(&options, "").unwrap();
        assert_eq!(
            (set.train.len(), set.validation.len(), set.test.len()),
            (40, 4, 20)
        );
        assert_eq!(set.classes.len(), 10);
        let images = [&set.train, &set.validation, &set.test];
        let mut all: Vec<&[u16]> = images
            .iter()
            .flat_map(|split| split.pixels().chunks(784))
            .collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 64);
        let again = load_digits(&options, "").unwrap();
        assert_eq!(set.fingerprint, again.fingerprint);
    }

    #[test]
    fn a_longer_set_begins_with_the_shorter() {
        let (short, long) = (draw(7, 0).unwrap(), draw(31, 0).unwrap());
        assert_eq!(long.limit(7), short);
    }

    #[test]
    fn none_or_too_many_are_refused() {
        for digits in [0, MOST + 1] {
            let options = LoadOptions {
                digits,
                ..LoadOptions::default()
            };
            assert!(matches!(
                load_digits(&options, ""),
                Err(Error::Option { .. })
            ));
        }
    }
}
