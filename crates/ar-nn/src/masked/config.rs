use serde::{Deserialize, Serialize};

use super::Degrees;

/// How a level becomes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InputCoding {
    /// One number from 0 to 1.
    #[default]
    Scaled,
    /// K numbers, all zero but one.
    OneHot,
}

impl InputCoding {
    /// Numbers a value becomes.
    pub fn width(self, levels: usize) -> usize {
        match self {
            Self::Scaled => 1,
            Self::OneHot => levels,
        }
    }
}

/// What a [`MaskedNetwork`](super::MaskedNetwork) is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedConfig {
    /// Hidden layers, one degree a unit.
    pub degrees: Degrees,
    /// How the levels enter.
    pub input: InputCoding,
    /// Whether the outputs also see the inputs themselves; without hidden layers they must.
    pub direct: bool,
}
