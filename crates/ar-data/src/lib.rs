//! Image and sound data sets as integer levels: MNIST, CIFAR-10, folders of pictures or recordings, arrays, and
//! built-in digits and vowels.
//!
//! Bytes go in, integer levels and a description come out. Nothing here knows about models or training.
//!
//! ```
//! use std::sync::Arc;
//! use ar_data::{Encoding, LoadOptions, Traversal, Source, batches, load};
//!
//! # fn main() -> ar_data::Result<()> {
//! let options = LoadOptions { digits: 60, ..LoadOptions::default() };
//! let digits = load(&Source::Digits, &options)?;
//! let train = Arc::new(digits.train);
//! let encoding = Encoding::levels_of(train.native_levels(), 4)?; // 256 native levels to 4
//! let traversal = Traversal::Shuffled { seed: 1, epoch: 0 };
//! let sizes: Vec<usize> = batches(train, encoding, 32, traversal, 0)?.map(|batch| batch.len).collect();
//! assert_eq!(sizes, [32, 28]); // the partial last batch is never dropped
//! # Ok(())
//! # }
//! ```

mod assemble;
mod atomic;
mod batches;
mod binarize;
mod builtin;
mod catalogue;
mod data_range;
mod dataset;
pub mod digits;
mod encoding;
mod epoch;
mod error;
mod formats;
mod frames;
mod framing;
mod hold_out;
#[cfg(feature = "hub")]
mod hub;
mod images;
mod layout;
mod load;
mod native;
mod options;
mod palette;
mod pile;
mod quantize;
mod random;
mod resample;
mod shape;
mod sound;
mod source;
mod split;

pub use batches::{Batches, batches};
pub use binarize::Binarization;
pub use catalogue::{Fetched, KnownSet, fetch, list};
pub use data_range::DataRange;
pub use dataset::{Dataset, Kinds};
pub use encoding::Encoding;
pub use epoch::{Epoch, LevelBatch, Traversal};
pub use error::{Error, Result};
pub use formats::{read_images, write_npy};
pub use framing::{Framing, framed};
pub use images::Images;
pub use layout::Layout;
pub use load::load;
pub use options::LoadOptions;
pub use palette::Palette;
pub use quantize::Quantizer;
pub use shape::Shape;
pub use sound::{
    Bands, ClassPattern, Companding, Law, NamePattern, Recording, SoundOptions, is_sound, read_wav,
    samples_of, wav_header, write_wav,
};
pub use source::Source;
pub use split::Split;

/// The example of the page compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
#[derive(Debug)]
pub struct Readme;
