//! Splits for sets that come without them.

use crate::{Images, Result, random};

/// Images held out of `n` when at most `limit` are wanted: a tenth, but one where there are two to choose from.
pub(crate) fn held_out(n: usize, limit: usize) -> usize {
    if n < 2 { 0 } else { limit.min((n / 10).max(1)) }
}

/// Takes `count` images out, the same ones for the same number of images and purpose; both parts keep the
/// order of the files.
pub(crate) fn hold_out(images: Images, count: usize, purpose: &str) -> Result<(Images, Images)> {
    if count == 0 {
        let none = images.empty_like();
        return Ok((images, none));
    }
    let mut rng = random::stream(&format!("hold out {purpose}"), &[images.len() as u64]);
    let order = random::permutation(&mut rng, images.len());
    let mut taken = vec![false; images.len()];
    for &i in order.iter().take(count) {
        taken[i as usize] = true;
    }
    let (held, rest): (Vec<usize>, Vec<usize>) = (0..images.len()).partition(|&i| taken[i]);
    Ok((images.select(&rest)?, images.select(&held)?))
}

/// The three splits of a set that has at least one: what is missing is held out of the training images.
pub(crate) fn complete(
    train: Images,
    validation: Option<Images>,
    test: Option<Images>,
    options: &crate::LoadOptions,
) -> Result<([Images; 3], String)> {
    let mut said = Vec::new();
    let mut or_held_out = |train: Images, given: Option<Images>, limit, purpose: &str| {
        if let Some(given) = given {
            return Ok((train, given));
        }
        let count = held_out(train.len(), limit);
        if count > 0 {
            said.push(format!(
                "{count} of the training images held out for {purpose}"
            ));
        }
        hold_out(train, count, purpose)
    };
    let (train, test) = or_held_out(train, test, options.test, "test")?;
    let (train, validation) = or_held_out(train, validation, options.validation, "validation")?;
    Ok(([train, validation, test], said.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LoadOptions, Shape};

    fn images(n: u16) -> Images {
        let labels = Some((0..u32::from(n)).collect());
        Images::new(Shape::new(1, 1, 1), 1000, (0..n).collect(), labels).unwrap()
    }

    #[test]
    fn a_tenth_is_held_out_and_nothing_is_lost() {
        for (n, expected) in [
            (1, [1, 0, 0]),
            (2, [1, 0, 1]),
            (3, [1, 1, 1]),
            (200, [162, 18, 20]),
        ] {
            let options = LoadOptions::default();
            let (splits, _) = complete(images(n), None, None, &options).unwrap();
            assert_eq!([0, 1, 2].map(|i: usize| splits[i].len()), expected);
            let mut all: Vec<u16> = splits.iter().flat_map(|s| s.pixels().to_vec()).collect();
            all.sort_unstable();
            assert_eq!(all, (0..n).collect::<Vec<_>>());
            for split in &splits {
                assert!(split.pixels().is_sorted());
                let first = split.pixels().first().map(|&pixel| u32::from(pixel));
                assert_eq!(split.labels().unwrap().first().copied(), first);
            }
            let (again, _) = complete(images(n), None, None, &options).unwrap();
            assert_eq!(again, splits);
        }
    }

    #[test]
    fn the_option_is_an_upper_bound() {
        let options = LoadOptions {
            validation: 7,
            ..LoadOptions::default()
        };
        let (splits, said) = complete(images(300), None, Some(images(5)), &options).unwrap();
        assert_eq!([0, 1, 2].map(|i: usize| splits[i].len()), [293, 7, 5]);
        assert_eq!(said, "7 of the training images held out for validation");
        let options = LoadOptions {
            validation: 0,
            ..LoadOptions::default()
        };
        let (splits, _) = complete(images(300), None, Some(images(5)), &options).unwrap();
        assert_eq!(splits[0].len(), 300);
    }
}
