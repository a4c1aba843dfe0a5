//! The built-in digits and letters as data sets.

use std::path::Path;
use std::thread;

use crate::assemble::Found;
use crate::native::Nature;
use crate::pile::Pile;
use crate::{Error, LoadOptions, Result, Shape, digits, hold_out};

const SHAPE: Shape = Shape::new(1, 28, 28);
/// The set everybody gets. Another one would be other images under the same name.
const SEED: u64 = 1;
/// More than this is a mistake that would fill the memory.
const MOST: usize = 10_000_000;
/// Splits are ranges of indices this far apart, so that none reaches the next.
const RANGE: u64 = 1 << 40;

/// One image, and what it shows.
type Draw = fn(u64, u64) -> ([u8; 28 * 28], u8);

/// Draws the three splits of the digits.
pub(crate) fn draw_digits(options: &LoadOptions) -> Result<Found> {
    Ok(draw_splits("digits", digits::draw, options)?.with_numbered_classes(10))
}

/// Of the letters, as many.
pub(crate) fn draw_letters(options: &LoadOptions) -> Result<Found> {
    Ok(Found {
        classes: digits::letters::NAMES.map(str::to_owned).to_vec(),
        ..draw_splits("letters", digits::draw_letter, options)?
    })
}

fn draw_splits(name: &str, one: Draw, options: &LoadOptions) -> Result<Found> {
    let n = options.digits;
    if !(1..=MOST).contains(&n) {
        return Err(Error::Option {
            option: "digits",
            must: "between 1 and 10000000",
        });
    }
    let pile = |n, start| {
        let (pixels, labels) = draw(one, n, start);
        let pile = Pile::of_array(options.framing, Path::new(name), SHAPE, pixels)?;
        Ok(pile.with_labels(Some(labels)))
    };
    let held_out = hold_out::held_out(n, options.validation);
    let train = pile(n, 0)?;
    let validation = pile(held_out, RANGE)?;
    let test = pile(options.test.min(n.div_ceil(2)), 2 * RANGE)?;
    let sizes = [&train, &validation, &test].map(|pile| pile.len().to_string());
    let said = format!("built-in {name}, {} drawn", sizes.join(" + "));
    Ok(Found {
        validation: Some(validation),
        test: Some(test),
        ..Found::only(name.to_owned(), said, Nature::Named, train)
    })
}

/// Draws `n` images from index `start` on, on all cores. The result does not depend on their number.
fn draw(one: Draw, n: usize, start: u64) -> (Vec<u16>, Vec<u32>) {
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
                    let (bytes, class) = one(SEED, start + (part * share + i) as u64);
                    *label = class.into();
                    image
                        .iter_mut()
                        .zip(bytes)
                        .for_each(|(out, byte)| *out = byte.into());
                }
            });
        }
    });
    (pixels, labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dataset, assemble::assemble};

    fn load_digits(options: &LoadOptions) -> Result<Dataset> {
        assemble(draw_digits(options)?, options)
    }

    #[test]
    fn sizes_follow_the_options_and_splits_differ() {
        let options = LoadOptions {
            digits: 40,
            ..LoadOptions::default()
        };
        let set = load_digits(&options).unwrap();
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
        let again = load_digits(&options).unwrap();
        assert_eq!(set.fingerprint, again.fingerprint);
    }

    #[test]
    fn a_longer_set_begins_with_the_shorter() {
        let (short, long) = (draw(digits::draw, 7, 0), draw(digits::draw, 31, 0));
        assert_eq!(long.0[..7 * SHAPE.dims()], short.0);
        assert_eq!(long.1[..7], short.1);
    }

    #[test]
    fn none_or_too_many_are_refused() {
        for digits in [0, MOST + 1] {
            let options = LoadOptions {
                digits,
                ..LoadOptions::default()
            };
            assert!(matches!(load_digits(&options), Err(Error::Option { .. })));
        }
    }
}
