//! The range of values that stand for levels.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// How far outside, in parts of the range, rounding may have put a value.
const SLACK: f64 = 1e-6;

/// Values `low..=high` that native levels are spread over: `low` is level 0 and `high` the last.
///
/// ```
/// let range: ar_data::DataRange = "-1..1".parse()?;
/// assert_eq!((range.low(), range.high()), (-1.0, 1.0));
/// # Ok::<(), ar_data::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct DataRange {
    low: f64,
    high: f64,
}

impl DataRange {
    /// From `low` to `high`.
    ///
    /// # Errors
    /// When `low` is not below `high`, or one is not finite.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        // The width is infinite where an end is, and may be where both are finite.
        if low < high && (high - low).is_finite() {
            return Ok(Self { low, high });
        }
        Err(Error::Option {
            option: "--data-range",
            must: "LOW..HIGH, two numbers, the lower one first, as in 0..1",
        })
    }

    /// The value of level 0.
    pub const fn low(&self) -> f64 {
        self.low
    }

    /// The value of the last level.
    pub const fn high(&self) -> f64 {
        self.high
    }

    /// The nearest of `native` levels, or none for a value outside the range.
    pub(crate) fn level(&self, value: f64, native: usize) -> Option<u16> {
        let part = (value - self.low) / (self.high - self.low);
        if !(-SLACK..=1.0 + SLACK).contains(&part) {
            return None;
        }
        let top = native.saturating_sub(1) as f64;
        Some((part.clamp(0.0, 1.0) * top).round() as u16)
    }
}

impl FromStr for DataRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (low, high) = text.split_once("..").unwrap_or((text, ""));
        let number = |text: &str| text.trim().parse().unwrap_or(f64::NAN);
        Self::new(number(low), number(high))
    }
}

impl fmt::Display for DataRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.low, self.high)
    }
}

impl From<DataRange> for String {
    fn from(range: DataRange) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for DataRange {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn levels_spread_over_a_range_come_back(low in -1e3f64..1e3, width in 1e-3f64..1e3, native in 2usize..=65536) {
            let range = DataRange::new(low, low + width)?;
            let top = (native - 1) as f64;
            for level in [0, 1, native / 3, native - 1] {
                let value = low + width * level as f64 / top;
                prop_assert_eq!(range.level(value, native), Some(level as u16));
            }
            prop_assert_eq!(range.level(low - width * 1e-5, native), None);
            prop_assert_eq!(range.level(low + width * 1.00001, native), None);
        }

        #[test]
        fn text_comes_back(low in -1e9f64..1e9, width in 1e-3f64..1e9) {
            let range = DataRange::new(low, low + width)?;
            let json = serde_json::to_string(&range).unwrap();
            prop_assert_eq!(serde_json::from_str::<DataRange>(&json).unwrap(), range);
        }
    }

    #[test]
    fn ends_take_what_rounding_left_outside() {
        let range = DataRange::new(0.0, 1.0).unwrap();
        let ends = [-1e-7, 0.0, 0.5, 1.0, 1.0 + 1e-7].map(|value| range.level(value, 256));
        assert_eq!(ends, [0, 0, 128, 255, 255].map(Some));
        assert_eq!(
            [f64::NAN, f64::INFINITY].map(|v| range.level(v, 256)),
            [None; 2]
        );
    }

    #[test]
    fn texts_parse_and_bad_ones_are_refused() {
        for (text, low, high) in [
            ("0..1", 0.0, 1.0),
            ("-1..1", -1.0, 1.0),
            ("0.5 .. 2e3", 0.5, 2e3),
        ] {
            assert_eq!(
                text.parse::<DataRange>().unwrap(),
                DataRange::new(low, high).unwrap()
            );
        }
        for text in [
            "",
            "1",
            "1..",
            "..1",
            "1..1",
            "2..1",
            "a..b",
            "0..inf",
            "NaN..1",
            "-1e308..1e308",
        ] {
            let error = text.parse::<DataRange>().unwrap_err().to_string();
            assert!(
                error.contains("--data-range must be LOW..HIGH"),
                "{text}: {error}"
            );
        }
    }
}
