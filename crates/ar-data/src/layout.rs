//! In which order the axes of an array are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Which axis of a four-dimensional array has the channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// `(N, C, H, W)`, as this crate stores images.
    Nchw,
    /// `(N, H, W, C)`, as pictures are read in most places.
    Nhwc,
}

impl Layout {
    /// Whether an array of unknown layout looks as if its channels came last.
    pub(crate) fn is_doubtful([_, second, _, last]: [usize; 4]) -> bool {
        matches!(last, 1 | 3 | 4) && !(1..=4).contains(&second)
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "nchw" => Ok(Self::Nchw),
            "nhwc" => Ok(Self::Nhwc),
            _ => Err(Error::Option {
                option: "--layout",
                must: "nchw or nhwc",
            }),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nchw => "nchw",
            Self::Nhwc => "nhwc",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_and_print() {
        for layout in [Layout::Nchw, Layout::Nhwc] {
            let text = layout.to_string();
            assert_eq!(text.parse::<Layout>().unwrap(), layout);
            assert_eq!(serde_json::to_string(&layout).unwrap(), format!("{text:?}"));
        }
        let error = "NHWC".parse::<Layout>().unwrap_err().to_string();
        assert_eq!(error, "--layout must be nchw or nhwc");
    }

    #[test]
    fn only_what_can_hardly_be_channels_first_is_doubtful() {
        for shape in [[10, 28, 28, 1], [10, 32, 32, 3], [1, 5, 7, 4]] {
            assert!(Layout::is_doubtful(shape), "{shape:?}");
        }
        for shape in [
            [10, 1, 28, 28],
            [10, 3, 32, 3],
            [10, 4, 4, 4],
            [10, 8, 8, 8],
        ] {
            assert!(!Layout::is_doubtful(shape), "{shape:?}");
        }
    }
}
