/// What can go wrong with an archive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not an archive of this kind.
    #[error("it is not an archive")]
    NotAnArchive,
    /// Written by a program whose archives are others.
    #[error("its format is version {found}, this program reads version {known}")]
    Version {
        /// What it says.
        found: u8,
        /// What is read here.
        known: u8,
    },
    /// Written with another arithmetic of the step pass, whose bits are others.
    #[error("its model ran with arithmetic {found}, this program has arithmetic {known}")]
    Arithmetic {
        /// What it says.
        found: u32,
        /// What is computed here.
        known: u32,
    },
    /// A part that says what follows is damaged.
    #[error("it is damaged: {0}")]
    Damaged(&'static str),
    /// It ends before it should.
    #[error("it is cut off")]
    Cut,
    /// Images that no archive takes.
    #[error("{0}")]
    Refused(String),
    /// A stream that no encoder wrote.
    #[error("the stream is damaged")]
    Stream,
    /// A level that has no probability; none can be without.
    #[error("a level has no probability")]
    Impossible,
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// What the model says.
    #[error(transparent)]
    Model(#[from] ar_core::Error),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Shorthand for this crate's results.
pub type Result<T> = std::result::Result<T, Error>;
