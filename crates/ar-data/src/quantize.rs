//! Fewer levels than the data has.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Native values `0..native` to levels `0..levels` by `floor(v · levels / native)`, and back.
///
/// With `levels == native` both ways are the identity. Otherwise a level decodes to the middle of the values
/// it stands for, so encoding what was decoded gives the same level.
///
/// ```
/// let quantizer = ar_data::Quantizer::new(256, 4)?;
/// assert_eq!(quantizer.level(63), 0);
/// assert_eq!(quantizer.level(64), 1);
/// assert_eq!(quantizer.value(1), 95); // of 64..=127
/// # Ok::<(), ar_data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Quantizer {
    native: usize,
    levels: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    native: usize,
    levels: usize,
}

impl TryFrom<Fields> for Quantizer {
    type Error = Error;

    fn try_from(fields: Fields) -> Result<Self> {
        Self::new(fields.native, fields.levels)
    }
}

impl Quantizer {
    /// From `native` values to `levels`.
    ///
    /// # Errors
    /// When `levels` is below 2 or above `native`, or `native` is above 65536.
    pub fn new(native: usize, levels: usize) -> Result<Self> {
        if native > 1 << 16 {
            return Err(Error::Option {
                option: "native levels",
                must: "at most 65536",
            });
        }
        if levels < 2 || levels > native {
            return Err(Error::Levels { native, levels });
        }
        Ok(Self { native, levels })
    }

    /// Values of the data.
    pub const fn native(&self) -> usize {
        self.native
    }

    /// Levels they become.
    pub const fn levels(&self) -> usize {
        self.levels
    }

    /// The level of a native value; values past the end count as the last.
    pub fn level(&self, value: u16) -> u32 {
        let value = usize::from(value).min(self.native - 1);
        (value * self.levels / self.native) as u32
    }

    /// The native value in the middle of a level; levels past the end count as the last.
    pub fn value(&self, level: u32) -> u16 {
        let level = (level as usize).min(self.levels - 1);
        let first = (level * self.native).div_ceil(self.levels);
        let last = ((level + 1) * self.native).div_ceil(self.levels) - 1;
        usize::midpoint(first, last) as u16
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_level_survives_the_round_trip(native in 2usize..600, seed in 0usize..1000) {
            let levels = 2 + seed % (native - 1);
            let quantizer = Quantizer::new(native, levels)?;
            for level in 0..levels as u32 {
                prop_assert_eq!(quantizer.level(quantizer.value(level)), level);
            }
        }

        #[test]
        fn a_value_moves_by_at_most_half_a_level(native in 2usize..600, seed in 0usize..1000) {
            let levels = 2 + seed % (native - 1);
            let quantizer = Quantizer::new(native, levels)?;
            let mut before = 0;
            for value in 0..native as u16 {
                let level = quantizer.level(value);
                prop_assert!(level == before || level == before + 1);
                before = level;
                let moved = quantizer.value(level).abs_diff(value);
                prop_assert!(usize::from(moved) <= native.div_ceil(levels).div_ceil(2));
            }
            prop_assert_eq!(before as usize, levels - 1);
        }

        #[test]
        fn native_levels_are_exact(native in 2usize..=65536, value: u16) {
            let quantizer = Quantizer::new(native, native)?;
            let value = value % (native - 1) as u16;
            prop_assert_eq!(quantizer.level(value), u32::from(value));
            prop_assert_eq!(quantizer.value(u32::from(value)), value);
        }
    }

    #[test]
    fn too_many_or_too_few_levels_are_refused() {
        assert!(matches!(
            Quantizer::new(256, 257),
            Err(Error::Levels {
                native: 256,
                levels: 257
            })
        ));
        assert!(matches!(Quantizer::new(256, 1), Err(Error::Levels { .. })));
        assert!(matches!(Quantizer::new(2, 0), Err(Error::Levels { .. })));
    }
}
