/// What can go wrong below the command line, by whose fault it is.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A configuration value that no model can be built from.
    #[error("{field}: {problem}")]
    Config {
        /// The field as the user writes it.
        field: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Input of another shape or range than the model's domain.
    #[error("{what}: expected {expected}, got {got}")]
    Input {
        /// Which input.
        what: &'static str,
        /// What the model takes.
        expected: String,
        /// What it was given.
        got: String,
    },
    /// A conditional that is none: weights that diverged, or damage.
    #[error("a conditional is not a number: the weights have diverged or are damaged")]
    NotANumber,
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// The tensor library refused.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    /// A [`Error::Config`] for `field`.
    pub fn config(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self::Config {
            field: field.into(),
            problem: problem.into(),
        }
    }
}

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;
