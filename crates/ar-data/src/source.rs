//! What to load.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A data set by name or by place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Source {
    /// MNIST if it is here or can be had quickly, else the built-in digits.
    #[default]
    Auto,
    /// MNIST: 28x28 grey, ten classes.
    Mnist,
    /// CIFAR-10: 32x32 RGB, ten classes.
    Cifar10,
    /// The built-in digits: 28x28 grey, ten classes, no file needed.
    Digits,
    /// Built-in capital letters by the hand that writes the digits: 28x28 grey, ten classes, no file needed.
    Letters,
    /// Built-in sung vowels: 8 kHz, five classes, no file needed.
    Tones,
    /// A file or folder: WAV, IDX, CIFAR binary, PNG, JPEG, `.npy` or `.npz`.
    Path(PathBuf),
}

impl FromStr for Source {
    type Err = Infallible;

    /// "auto", "mnist", "cifar10", "digits", "letters", "tones"; anything else is a path (`./mnist` for a folder of such a name).
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            "mnist" => Self::Mnist,
            "cifar10" => Self::Cifar10,
            "digits" => Self::Digits,
            "letters" => Self::Letters,
            "tones" => Self::Tones,
            path => Self::Path(PathBuf::from(path)),
        })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Mnist => f.write_str("mnist"),
            Self::Cifar10 => f.write_str("cifar10"),
            Self::Digits => f.write_str("digits"),
            Self::Letters => f.write_str("letters"),
            Self::Tones => f.write_str("tones"),
            Self::Path(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        for name in [
            "auto",
            "mnist",
            "cifar10",
            "digits",
            "letters",
            "tones",
            "some/folder",
            "./mnist",
        ] {
            let Ok(source) = name.parse::<Source>();
            assert_eq!(source.to_string(), name);
            assert_eq!(matches!(source, Source::Path(_)), name.contains('/'));
        }
    }
}
