//! Options that say how data are read and what a model sees of them.

use std::path::PathBuf;

use ar_data::{ClassPattern, DataRange, Law, Layout, NamePattern};
use serde::Serialize;
use serde_json::Value;

use crate::config::{Binarize, DataConfig, absolute_source};
use crate::paths::absolute;
use crate::values::{Size, levels, window};

/// An option that stands for a field: option, table, field, and the value where it was given.
pub(crate) type Flag = (&'static str, &'static str, &'static str, Option<Value>);

/// How values are read that do not say what they are.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ReadingArgs {
    /// Folder of data sets, looked at before the cache
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Levels the stored values have, 0 to N - 1 [default: guessed from the largest value]
    #[arg(long, value_name = "N", value_parser = levels, allow_hyphen_values = true, help_heading = "Data")]
    pub(crate) native_levels: Option<usize>,

    /// Axes of arrays: nchw (channels first) or nhwc (channels last)
    #[arg(long, value_name = "LAYOUT", help_heading = "Data")]
    layout: Option<Layout>,

    /// What the values of arrays lie between, such as 0..1
    #[arg(
        long,
        value_name = "LOW..HIGH",
        allow_hyphen_values = true,
        help_heading = "Data"
    )]
    data_range: Option<DataRange>,
}

/// What a model sees of the data.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct SeeingArgs {
    /// Levels K that values are quantized to
    #[arg(long, value_name = "K", value_parser = levels, allow_hyphen_values = true, help_heading = "Data")]
    pub(crate) levels: Option<usize>,

    /// Make values 0 or 1
    #[arg(long, value_name = "HOW", help_heading = "Data")]
    pub(crate) binarize: Option<Binarize>,

    /// Reduce RGB pixels to the K colours of a palette fitted to the training images
    #[arg(long, value_name = "K", value_parser = levels, allow_hyphen_values = true, help_heading = "Data")]
    pub(crate) palette: Option<usize>,

    /// Scale pictures until they cover height and width, and cut the middle out
    #[arg(long, value_name = "HxW", help_heading = "Data")]
    pub(crate) resize: Option<Size>,

    /// Cut a window out of pictures: anywhere in training, the middle otherwise; of recordings, so many samples
    #[arg(long, value_name = "HxW|SAMPLES", value_parser = window, help_heading = "Data")]
    pub(crate) crop: Option<Size>,

    /// How samples of sound become levels: mu-law, linear, or bytes (16 bits: the high byte, then the low one)
    #[arg(long, value_name = "LAW", help_heading = "Data")]
    pub(crate) quantize: Option<Law>,
}

/// Data to train on.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct DataArgs {
    /// auto (MNIST if it can be had, else built-in digits), mnist, cifar10, digits, letters, tones (built-in sung
    /// vowels), or a path: a folder of PNG or JPEG pictures or of WAV recordings, a .npy, .npz or IDX file
    #[arg(long, value_name = "DATA", help_heading = "Data")]
    pub(crate) data: Option<String>,

    #[command(flatten)]
    reading: ReadingArgs,

    #[command(flatten)]
    seeing: SeeingArgs,

    /// Resample recordings to HZ samples a second [default: as the first one is]
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Data")]
    sample_rate: Option<u32>,

    /// How the names of recordings say their class, such as {digit}_*_*: what stands in place of names in
    /// braces, * for anything
    #[arg(long, value_name = "PATTERN", help_heading = "Data")]
    classes_from: Option<ClassPattern>,

    /// Keep the recordings whose names fit for the test, such as *_jackson_*: a speaker nobody trained on
    #[arg(long, value_name = "PATTERN", help_heading = "Data")]
    hold_out: Option<NamePattern>,

    /// Tell the model of sound how loud it is in so many bands of frequency, every 128 samples: a spectrum to
    /// draw after, as sample --like FILE gives it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..), help_heading = "Data")]
    bands: Option<u32>,

    /// Condition the model on the labels
    #[arg(long, help_heading = "Data")]
    conditional: bool,
}

impl DataArgs {
    /// Each as the field it stands for.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        let source = self.data.as_deref().map(absolute_source);
        let conditional = self.conditional.then_some(true);
        let own = [
            ("--data", "data", "source", value(source)),
            ("--conditional", "data", "conditional", value(conditional)),
            ("--bands", "data", "bands", value(self.bands)),
            (
                "--sample-rate",
                "data",
                "sample_rate",
                value(self.sample_rate),
            ),
            (
                "--classes-from",
                "data",
                "classes_from",
                value(self.classes_from.as_ref()),
            ),
            (
                "--hold-out",
                "data",
                "hold_out",
                value(self.hold_out.as_ref()),
            ),
        ];
        let others = self.reading.flags().into_iter().chain(self.seeing.flags());
        own.into_iter().chain(others).collect()
    }
}

fn value(given: Option<impl Serialize>) -> Option<Value> {
    given.and_then(|given| serde_json::to_value(given).ok())
}

impl ReadingArgs {
    /// Each as the field it stands for.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        vec![
            (
                "--data-dir",
                "data",
                "data_dir",
                value(self.data_dir.as_deref().map(absolute)),
            ),
            (
                "--native-levels",
                "data",
                "native_levels",
                value(self.native_levels),
            ),
            ("--layout", "data", "layout", value(self.layout)),
            ("--data-range", "data", "data_range", value(self.data_range)),
        ]
    }

    /// `config`, with what was given in the place of its own.
    pub(crate) fn over(&self, config: DataConfig) -> DataConfig {
        over(config, self.flags())
    }

    /// The first option that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        first(&self.flags())
    }

    /// The first one that says how the values of arrays are stored.
    pub(crate) fn first_of_arrays(&self) -> Option<&'static str> {
        let mut flags = self.flags();
        flags.retain(|(flag, ..)| ["--layout", "--data-range"].contains(flag));
        first(&flags)
    }

    /// The first one that says how the values of images are stored.
    pub(crate) fn first_of_images(&self) -> Option<&'static str> {
        let mut flags = self.flags();
        flags.retain(|(flag, ..)| *flag != "--data-dir");
        first(&flags)
    }
}

impl SeeingArgs {
    /// Each as the field it stands for.
    pub(crate) fn flags(&self) -> Vec<Flag> {
        vec![
            ("--levels", "data", "levels", value(self.levels)),
            ("--binarize", "data", "binarize", value(self.binarize)),
            ("--palette", "data", "palette", value(self.palette)),
            ("--resize", "data", "resize", value(self.resize)),
            ("--crop", "data", "crop", value(self.crop)),
            ("--quantize", "data", "quantize", value(self.quantize)),
        ]
    }

    /// The data of `source`, seen so.
    pub(crate) fn of(&self, source: String) -> DataConfig {
        let all = DataConfig {
            source,
            ..DataConfig::default()
        };
        over(all, self.flags())
    }

    /// The first option that was given.
    pub(crate) fn first_given(&self) -> Option<&'static str> {
        first(&self.flags())
    }
}

fn over(config: DataConfig, flags: Vec<Flag>) -> DataConfig {
    let mut fields = serde_json::to_value(&config).unwrap_or_default();
    for (_, _, field, value) in flags {
        if let Some(value) = value {
            fields[field] = value;
        }
    }
    // Each value is of the field's own type.
    serde_json::from_value(fields).unwrap_or(config)
}

fn first(flags: &[Flag]) -> Option<&'static str> {
    let given = flags.iter().find(|(.., value)| value.is_some());
    given.map(|(flag, ..)| *flag)
}
