//! What can go wrong between a file and a batch.

use std::path::PathBuf;

use crate::Shape;

/// Result of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything this crate refuses, with the file or the option to fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("cannot {action} {}", path.display())]
    Io {
        /// What was attempted: "read", "write", "list".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file ends before what its header promises.
    #[error("{} is truncated: {expected} bytes of data expected, {got} found", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes of data its header promises.
        expected: u64,
        /// Bytes of data there are.
        got: u64,
    },
    /// A header claims more than the file can hold, so nothing was allocated for it.
    #[error("{} is truncated or damaged: its header claims {claimed} bytes of data, the file can hold at most {possible}", path.display())]
    Oversized {
        /// The file.
        path: PathBuf,
        /// Bytes its header claims.
        claimed: u128,
        /// Upper bound from the size of the file.
        possible: u64,
    },
    /// A file that is not what it should be, or a variety that is not read.
    #[error("{}: {problem}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Pictures of different sizes in one set.
    #[error(
        "pictures of different sizes: {} is {first_shape}, {} is {second_shape}; give --resize HxW or --crop HxW",
        first.display(), second.display()
    )]
    MixedShapes {
        /// A file.
        first: PathBuf,
        /// Its shape.
        first_shape: Shape,
        /// Another file.
        second: PathBuf,
        /// Its shape.
        second_shape: Shape,
    },
    /// Grey and colour pictures in one set.
    #[error(
        "pictures of different kinds: {} has {}, {} has {}; convert one kind to the other first",
        first.display(), kind(*first_channels), second.display(), kind(*second_channels)
    )]
    MixedChannels {
        /// A file.
        first: PathBuf,
        /// Its channels.
        first_channels: usize,
        /// Another file.
        second: PathBuf,
        /// Its channels.
        second_channels: usize,
    },
    /// A picture that the window does not fit in.
    #[error(
        "{picture} is {shape}, smaller than the window of --crop {height}x{width}; give a smaller one, or --resize HxW as well"
    )]
    SmallerThanWindow {
        /// Its file, or which image it is.
        picture: String,
        /// Its shape.
        shape: Shape,
        /// Height of the window.
        height: usize,
        /// Width of the window.
        width: usize,
    },
    /// A file or folder without a single image.
    #[error("{} holds no images: {expected}", path.display())]
    NoImages {
        /// The file or folder.
        path: PathBuf,
        /// What was looked for.
        expected: String,
    },
    /// A named data set that is not on this machine and could not be downloaded.
    #[error("no {name} here ({reason}); put {files} into {}", put_into.display())]
    Missing {
        /// Name of the set.
        name: &'static str,
        /// Why it was not downloaded.
        reason: String,
        /// The files to get.
        files: &'static str,
        /// Where to put them.
        put_into: PathBuf,
    },
    /// A name that no data set has.
    #[error(
        "unknown data set {name:?}; known are auto, mnist, cifar10, digits, letters, tones, or the path of a file or folder"
    )]
    UnknownName {
        /// The name given.
        name: String,
    },
    /// Fewer than two levels, or more than the data has.
    #[error("levels must be between 2 and {native}, what the data has; got {levels}")]
    Levels {
        /// Levels of the data.
        native: usize,
        /// Levels asked for.
        levels: usize,
    },
    /// An encoding made for data with other levels.
    #[error("the encoding is for {expected} native levels, the images have {got}")]
    EncodingMismatch {
        /// Native levels of the encoding.
        expected: usize,
        /// Native levels of the images.
        got: usize,
    },
    /// Images of several values that an encoding makes one level of.
    #[error(
        "all {values} values of the images become the same of {levels} levels, as they count as {native} native levels; say how many they have with --native-levels N, or ask for more levels with --levels K"
    )]
    OneLevel {
        /// Different values in the images.
        values: usize,
        /// Levels of the encoding.
        levels: usize,
        /// Native levels of the images.
        native: usize,
    },
    /// A value that the number of native levels given has no room for.
    #[error(
        "{set} has the value {value}, which is none of the {native} levels from 0 that --native-levels {native} means"
    )]
    NativeLevels {
        /// Which file, folder or set.
        set: String,
        /// The largest value.
        value: u16,
        /// The number given.
        native: usize,
    },
    /// A palette for images that are not RGB of 8 bits.
    #[error(
        "a palette (--palette) is for RGB images of 256 levels; these have channels: {channels}, levels: {levels}"
    )]
    NotRgb {
        /// Channels of the images.
        channels: usize,
        /// Native levels of the images.
        levels: usize,
    },
    /// A palette of more colours than there are.
    #[error(
        "--palette {asked} is more than the {distinct} different colours of the training images; ask for {distinct} or fewer"
    )]
    FewColours {
        /// Colours asked for.
        asked: usize,
        /// Different colours there are.
        distinct: usize,
    },
    /// A pixel outside its range.
    #[error("level {value} is outside 0..{levels}")]
    LevelOutOfRange {
        /// The value.
        value: u32,
        /// Number of levels.
        levels: usize,
    },
    /// A count of values that does not fit the shape.
    #[error("{what}: {expected} values expected, {got} given")]
    Count {
        /// Which values.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        got: usize,
    },
    /// An option outside its range.
    #[error("{option} must be {must}")]
    Option {
        /// Name of the option.
        option: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// An image index past the end.
    #[error("image {index} asked for, the set has {len}")]
    Index {
        /// The index.
        index: usize,
        /// Images there are.
        len: usize,
    },
    /// A thread could not be started.
    #[error("cannot start a thread for loading")]
    Thread(#[source] std::io::Error),
}

impl Error {
    /// For `map_err`: the path and what was attempted.
    pub(crate) fn io(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }

    /// A file that is not what it should be.
    pub(crate) fn format(path: &std::path::Path, problem: impl Into<String>) -> Self {
        Self::Format {
            path: path.to_path_buf(),
            problem: problem.into(),
        }
    }
}

/// What so many channels are called.
fn kind(channels: usize) -> String {
    match channels {
        1 => "1 channel (grey)".to_owned(),
        3 => "3 channels (colour)".to_owned(),
        n => format!("{n} channels"),
    }
}
