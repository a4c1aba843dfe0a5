//! How many levels the pixels of a set can have.

use crate::{DataRange, Error, LoadOptions, Result};

/// What a source says of its levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Nature {
    /// A set everybody knows: 256.
    Named,
    /// Recordings, of 16 bits here whatever they were.
    Sound,
    /// A picture alone, of 8 bits: 256.
    Picture,
    /// Nothing but its values.
    Values,
    /// Values in a range that 256 levels were spread over, or as many as there should be.
    Range(DataRange),
}

/// Levels of 8 bits.
pub(crate) const BYTES: usize = 256;

/// The number of native levels of what `name` names, with where it comes from, for people. What is
/// told goes before what is known.
pub(crate) fn settle(
    name: &str,
    nature: Nature,
    highest: u16,
    options: &LoadOptions,
) -> Result<(usize, String)> {
    if let Some(native) = options.native_levels {
        if !(2..=1 << 16).contains(&native) {
            return Err(Error::Option {
                option: "--native-levels",
                must: "between 2 and 65536",
            });
        }
        if usize::from(highest) >= native {
            return Err(Error::NativeLevels {
                set: name.to_owned(),
                value: highest,
                native,
            });
        }
        return Ok((native, "as told".to_owned()));
    }
    Ok(match nature {
        Nature::Named => (BYTES, "the set's own".to_owned()),
        Nature::Picture => (BYTES, "8 bits".to_owned()),
        Nature::Sound => (1 << 16, "16 bits".to_owned()),
        Nature::Range(range) => (BYTES, format!("8 bits for the data range {range}")),
        Nature::Values => match highest {
            0..64 => {
                let native = usize::from(highest) + 1;
                (native.max(2), format!("the largest value is {highest}"))
            }
            64..=255 => (BYTES, "8 bits".to_owned()),
            _ => {
                let native = (usize::from(highest) + 1).next_power_of_two();
                (native, format!("the largest value is {highest}"))
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(nature: Nature, highest: u16, told: Option<usize>) -> Result<(usize, String)> {
        let options = LoadOptions {
            native_levels: told,
            ..LoadOptions::default()
        };
        settle("x.npy", nature, highest, &options)
    }

    #[test]
    fn the_largest_value_decides_where_nothing_else_does() {
        let guess = |highest| settled(Nature::Values, highest, None).unwrap().0;
        let found = [0, 1, 2, 4, 63, 64, 255, 256, 511, 512, 65535].map(guess);
        assert_eq!(found, [2, 2, 3, 5, 64, 256, 256, 512, 512, 1024, 65536]);
        let said = |nature, highest| settled(nature, highest, None).unwrap().1;
        assert_eq!(said(Nature::Values, 4), "the largest value is 4");
        assert_eq!(said(Nature::Values, 200), "8 bits");
        assert_eq!(said(Nature::Picture, 1), "8 bits");
        assert_eq!(said(Nature::Named, 1), "the set's own");
        let range = DataRange::new(0.0, 1.0).unwrap();
        assert_eq!(
            said(Nature::Range(range), 1),
            "8 bits for the data range 0..1"
        );
    }

    #[test]
    fn what_is_told_goes_before_and_must_have_room() {
        for nature in [Nature::Named, Nature::Picture, Nature::Values] {
            let told = settled(nature, 4, Some(8)).unwrap();
            assert_eq!(told, (8, "as told".to_owned()));
            let refused = settled(nature, 8, Some(8)).unwrap_err().to_string();
            assert!(
                refused.contains("x.npy has the value 8") && refused.contains("--native-levels 8"),
                "{refused}"
            );
        }
        for told in [0, 1, 65_537] {
            let refused = settled(Nature::Values, 0, Some(told))
                .unwrap_err()
                .to_string();
            assert_eq!(refused, "--native-levels must be between 2 and 65536");
        }
    }
}
