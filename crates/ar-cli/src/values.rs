//! Option values: each parser says what it takes when it refuses.

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::num::IntErrorKind;
use std::str::FromStr;

use ar_core::Scan;
use serde::{Deserialize, Serialize};

/// Height and width in pixels, written `HxW`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Size(pub(crate) [usize; 2]);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const MOST: usize = 1 << 15;
        /// Of one row, as recordings are.
        const LONGEST: usize = 1 << 24;
        let sizes: Option<Vec<usize>> = text.split('x').map(|size| size.parse().ok()).collect();
        match sizes.as_deref() {
            Some(&[1, w]) if (1..=LONGEST).contains(&w) => Ok(Self([1, w])),
            Some(&[h, w]) if (1..=MOST).contains(&h) && (1..=MOST).contains(&w) => Ok(Self([h, w])),
            Some(&[h, w]) if h > 0 && w > 0 => Err(format!(
                "must be at most {MOST} pixels a side, or one row of {LONGEST}"
            )),
            _ => Err("must be height and width in pixels, such as 64x64".to_owned()),
        }
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.0[0], self.0[1])
    }
}

/// The size of a window of pictures, or how many samples of recordings.
pub(crate) fn window(text: &str) -> Result<Size, String> {
    match text.parse::<usize>() {
        Ok(samples @ 1..=16_777_216) => Ok(Size([1, samples])),
        _ => text
            .parse()
            .map_err(|must| format!("{must}, or samples such as 4000")),
    }
}

/// The name of an order, or a file that lists one.
pub(crate) fn scan(text: &str) -> Result<Scan, String> {
    let from_file = "LIST is numbers of pixels; file:PATH takes it from a file";
    order(text)?
        .parse()
        .map_err(|error: ar_core::Error| format!("{error}; {from_file}"))
}

/// The name of an order; that of `file:PATH` lists the pixels that the file lists.
pub(crate) fn order(text: &str) -> Result<Cow<'_, str>, String> {
    let Some(rest) = text.strip_prefix("file:") else {
        return Ok(text.into());
    };
    let mut path = rest;
    let turns = ["+transpose", "+flip", "+mirror"];
    while let Some(shorter) = turns.iter().find_map(|turn| path.strip_suffix(turn)) {
        path = shorter;
    }
    let listed = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let between = |c: char| c == ',' || c.is_whitespace();
    let numbers: Vec<&str> = listed.split(between).filter(|n| !n.is_empty()).collect();
    let listed = format!("pixels:{}", numbers.join(","));
    let checked = listed.parse::<Scan>();
    checked.map_err(|error| format!("{path}: {error}"))?;
    Ok(format!("{listed}{}", &rest[path.len()..]).into())
}

/// A whole number of at least 1.
pub(crate) fn count(text: &str) -> Result<usize, String> {
    at_least(1, text)
}

/// Sheet pixels for a pixel, from 1 to 64.
pub(crate) fn scale(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=64).contains(&n) => Ok(n),
        _ => Err("must be a whole number from 1 to 64".to_owned()),
    }
}

/// A whole number of at least 2.
pub(crate) fn levels(text: &str) -> Result<usize, String> {
    at_least(2, text)
}

/// As `i64`, which is what TOML can hold.
fn at_least(least: i64, text: &str) -> Result<usize, String> {
    match text.parse::<i64>() {
        Ok(n) if n >= least => Ok(n as usize),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => {
            Err(format!("must be at most {}", i64::MAX))
        }
        _ => Err(format!("must be a whole number of at least {least}")),
    }
}

/// A finite number above 0.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if x.is_finite() && x > 0.0 => Ok(x),
        _ => Err("must be a positive number".to_owned()),
    }
}

/// A number in (0, 1].
pub(crate) fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(p) if p > 0.0 && p <= 1.0 => Ok(p),
        _ => Err("must lie in (0, 1]".to_owned()),
    }
}

/// A seed, no larger than TOML can hold.
pub(crate) fn seed(text: &str) -> Result<u64, String> {
    match text.parse::<i64>() {
        Ok(n) if n >= 0 => Ok(n as u64),
        _ => Err(format!("must be a whole number from 0 to {}", i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_as_they_are_read() {
        let size: Size = "48x64".parse().unwrap();
        assert_eq!((size.0, size.to_string().as_str()), ([48, 64], "48x64"));
        for wrong in ["48", "0x4", "4x", "axb", "1x2x3", "99999x1", "-1x2"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_no_option_takes_is_refused() {
        for wrong in ["0", "-1", "1.5", "", "x", "99999999999999999999999"] {
            assert!(count(wrong).is_err() && levels(wrong).is_err(), "{wrong}");
        }
        assert!(levels("1").is_err() && levels("2") == Ok(2) && count("1") == Ok(1));
        for wrong in ["0", "-1", "nan", "NaN", "inf", "", "x"] {
            assert!(positive(wrong).is_err() && share(wrong).is_err(), "{wrong}");
        }
        assert!(share("1.01").is_err() && share("1") == Ok(1.0) && positive("0.5") == Ok(0.5));
        assert!(seed("-1").is_err() && seed("18446744073709551615").is_err() && seed("7") == Ok(7));
    }
}
