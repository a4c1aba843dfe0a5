//! How a data set is loaded.

use std::path::PathBuf;
use std::time::Duration;

use crate::{DataRange, Framing, Layout, SoundOptions};

/// Where to look, how to read it, what to hold out, whether to download.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// Folder of data sets, looked at before the cache; sets may also be in its subfolders `mnist`,
    /// `cifar10` and `cifar-10-batches-bin`.
    pub data_dir: Option<PathBuf>,
    /// Folder that downloads are kept in: `ar-data` in the user's cache folder unless told otherwise.
    pub cache_dir: Option<PathBuf>,
    /// Levels that a pixel can have, 2 to 65536. Without it, 256 for a set with a name, otherwise a
    /// guess from the largest value in all splits: one more where it is below 64, 256 where it is
    /// below 256, else the next power of two.
    pub native_levels: Option<usize>,
    /// Which axis of a four-dimensional array has the channels. Without it, the second, and an array
    /// is refused that looks as if it were the last.
    pub layout: Option<Layout>,
    /// The values of an array, floats or integers, that the native levels (256 unless told) are
    /// spread over. Without it every value must be a level, a whole number.
    pub data_range: Option<DataRange>,
    /// What is done to the size of pictures.
    pub framing: Framing,
    /// How recordings are read and seen.
    pub sound: SoundOptions,
    /// At most so many images are held out of the training images of a set without a validation split, and
    /// at most a tenth of them.
    pub validation: usize,
    /// The same for a set without a test split.
    pub test: usize,
    /// Built-in training images; a tenth as many, at most `validation`, are drawn for validation and half as
    /// many, at most `test`, for the test, none of them among the training images.
    pub digits: usize,
    /// Whether a named set that is not here may be downloaded.
    pub download: bool,
    /// `host:port` that must answer within [`Self::reach`] before a download is tried; `None` (as behind a
    /// proxy) tries at once.
    pub hub_host: Option<String>,
    /// How long the host may take to answer.
    pub reach: Duration,
    /// How long [`Source::Auto`](crate::Source::Auto) waits for a download.
    pub short_patience: Duration,
    /// How long a set asked for by its name may take to download.
    pub patience: Duration,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            data_dir: None,
            cache_dir: dirs::cache_dir().map(|dir| dir.join("ar-data")),
            native_levels: None,
            layout: None,
            data_range: None,
            framing: Framing::default(),
            sound: SoundOptions::default(),
            validation: 5_000,
            test: 10_000,
            digits: 20_000,
            download: true,
            hub_host: Some("huggingface.co:443".to_owned()),
            reach: Duration::from_secs(3),
            short_patience: Duration::from_mins(1),
            patience: Duration::from_mins(20),
        }
    }
}
