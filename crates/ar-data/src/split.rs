//! The parts of a data set.

/// Which part of a data set images belong to. Random encodings differ between splits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Split {
    /// For fitting.
    Train,
    /// For choosing.
    Validation,
    /// For the final figure.
    Test,
}

impl Split {
    /// "train", "validation" or "test".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}
