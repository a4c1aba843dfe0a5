use std::path::{Path, PathBuf};

use crate::ConfigError;

/// An error of the caller's own: of the data, the validation or the sampling it provides.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong while training, saving and resuming.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The trainer's configuration breaks a rule.
    #[error("invalid training configuration")]
    Config(#[from] ConfigError),
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A new run was asked for where there already is one.
    #[error("{} already holds a run: resume it or choose another directory", path.display())]
    RunExists {
        /// The run directory.
        path: PathBuf,
    },
    /// A directory for a new run that holds something else.
    #[error("{} is not empty (it holds {found}): a new run needs a directory of its own", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// The first entry that is none of a run's.
        found: String,
    },
    /// A limit that a resumed run has passed.
    #[error("{field}: the run has done {done} already; a new limit must not be below that")]
    LimitPassed {
        /// `epochs`, `steps` or `minutes`.
        field: &'static str,
        /// How far it is, with its unit.
        done: String,
    },
    /// Another process trains in this directory.
    #[error("{} is in use by another process", path.display())]
    RunLocked {
        /// The run directory.
        path: PathBuf,
    },
    /// There is nothing to resume.
    #[error("{} holds no run to resume", path.display())]
    NoRun {
        /// The run directory.
        path: PathBuf,
    },
    /// A checkpoint shorter or longer than its header says.
    #[error("{} is truncated or damaged: it should have {expected} bytes and has {actual}", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes it should have.
        expected: u64,
        /// Bytes it has.
        actual: u64,
    },
    /// A file of another kind.
    #[error("{} is not a checkpoint: {problem}", path.display())]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// How that shows.
        problem: String,
    },
    /// A checkpoint of another version of this software.
    #[error("{} has checkpoint format {found}; this version reads format {supported}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u64,
        /// The format read here.
        supported: u64,
    },
    /// A checkpoint that contradicts itself.
    #[error("{} is damaged: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        problem: String,
    },
    /// Something could not be written as a checkpoint.
    #[error("cannot encode {}", path.display())]
    Encode {
        /// The file it was for.
        path: PathBuf,
        /// The reason.
        source: BoxError,
    },
    /// A parameter that cannot be trained.
    #[error("parameter `{name}` {problem}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Muon was asked for where it would do nothing.
    #[error(
        "optimizer: muon is for convolutions, recurrences and attention of 16 features and more, and this model has none; use adam"
    )]
    NothingForMuon,
    /// The loss does not depend on a parameter as far as the backward pass can see.
    #[error("parameter `{name}` gets no gradient: the loss does not reach it")]
    NoGradient {
        /// Its name.
        name: String,
    },
    /// Training diverged. The weights were not updated and the last checkpoint stays.
    #[error(
        "{what} is {value} at step {step}: training stopped, the last checkpoint is kept; try a lower `learning_rate` or set `clip_norm`"
    )]
    NonFinite {
        /// The loss or the gradient norm.
        what: &'static str,
        /// The step whose update was refused, counted from 1.
        step: u64,
        /// NaN or an infinity.
        value: f64,
    },
    /// A source without a single batch.
    #[error("there are no training batches")]
    EmptySource,
    /// An epoch that ended early.
    #[error("epoch {epoch} ended after {got} of {expected} batches")]
    ShortEpoch {
        /// The epoch, from 0.
        epoch: u64,
        /// Batches that came.
        got: u64,
        /// [`crate::BatchSource::batches_per_epoch`].
        expected: u64,
    },
    /// The training data failed.
    #[error("cannot read batch {batch} of epoch {epoch}")]
    Source {
        /// The epoch, from 0.
        epoch: u64,
        /// The batch within it, from 0.
        batch: u64,
        /// The reason.
        source: BoxError,
    },
    /// The validation failed.
    #[error("validation at step {step} failed")]
    Validation {
        /// The step.
        step: u64,
        /// The reason.
        source: BoxError,
    },
    /// The observer could not draw samples.
    #[error("sampling at step {step} failed")]
    Sample {
        /// The step.
        step: u64,
        /// The reason.
        source: BoxError,
    },
    /// A resumed run would not be the run it continues.
    #[error("a resumed run keeps its `{field}`: it was {was} and is {now}")]
    Changed {
        /// What changed.
        field: String,
        /// Its value in the saved state.
        was: String,
        /// Its value now.
        now: String,
    },
    /// The training thread could not be started.
    #[error("cannot start the training thread")]
    Thread(#[source] std::io::Error),
    /// The model refused.
    #[error(transparent)]
    Model(#[from] ar_core::Error),
    /// The images cannot be made into batches.
    #[cfg(feature = "data")]
    #[error(transparent)]
    Data(#[from] ar_data::Error),
    /// The tensor library refused.
    #[error("tensor operation failed")]
    Tensor(#[from] candle_core::Error),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io {
            action,
            path: path.to_path_buf(),
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, problem: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }

    pub(crate) fn parameter(name: &str, problem: impl Into<String>) -> Self {
        Self::Parameter {
            name: name.to_owned(),
            problem: problem.into(),
        }
    }
}
