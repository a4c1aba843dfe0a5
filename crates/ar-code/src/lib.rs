//! Lossless compression with autoregressive models: they are the ones that know p(x).
//!
//! A range coder turns the step pass of any [`Model`](ar_core::Model) into a code of as many bits as the model's
//! negative log-likelihood. The step pass runs on both sides, with the same bits on every processor
//! ([`ar_core::elementary`]), whatever the number of threads. Readers and writers are anybody's: nothing here knows
//! of files or terminals.
//!
//! ```
//! # use std::sync::Arc;
//! # use ar_core::{Conditioning, Distribution, Domain, Weights};
//! # use ar_models::Spec;
//! # use candle_core::Device;
//! use ar_code::{Archive, Header, Item, compress, decompress};
//!
//! # fn main() -> ar_code::Result<()> {
//! # let domain = Domain::new(1, 8, 8, 4)?;
//! # let spec = Spec::new("pixelcnn", serde_json::json!({"hidden": 2}), domain, Conditioning::None)?;
//! # let weights = Weights::from_vars(&spec.initialise(0, &Device::Cpu)?).detached();
//! let model: Arc<dyn Distribution> = Arc::from(spec.build(&weights)?); // any of ar-models, or one's own
//! let of_size = |_: [usize; 2]| Ok(model.clone());
//! let item = Item { size: [8, 8], levels: vec![2; 64], ..Item::named("two") };
//!
//! let mut archive = Vec::new();
//! let header = Header::of(&*model, [7; 32]); // what tells the model from others
//! compress(&[item], &header, None, &of_size, &mut archive, &|_| true)?;
//!
//! let mut archive = Archive::open(&archive[..])?;
//! decompress(&mut archive, &of_size, &|_| true, &mut |piece, levels| {
//!     assert_eq!((piece.name.as_str(), levels), ("two", Some(vec![2; 64])));
//!     Ok(())
//! })?;
//! # Ok(())
//! # }
//! ```

mod archive;
mod block;
mod coder;
mod error;
mod item;

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use ar_core::Distribution;
use ar_core::elementary::ARITHMETIC;
use rayon::prelude::*;

pub use archive::{Archive, Coded, FORMAT, Header};
pub use block::OfSize;
pub use error::{Error, Result};
pub use item::{Item, Piece};

/// Values of a block, at least and at most: a block costs some thirty bytes, and is what a thread works at.
const VALUES: [usize; 2] = [1 << 15, 1 << 19];

/// Blocks an archive has where it has values enough.
const BLOCKS: usize = 12;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Written {
    /// Bytes of the archive.
    pub bytes: u64,
    /// Values in it.
    pub values: usize,
    /// The model's own negative log-likelihood of them, in nats.
    pub nats: f64,
}

impl Header {
    /// Of images that `model`, told from others by `identity`, is a distribution over.
    pub fn of(model: &dyn Distribution, identity: [u8; 32]) -> Self {
        Self {
            arithmetic: ARITHMETIC,
            model: identity,
            about: Vec::new(),
            channels: model.domain().channels,
            round: 1,
            images: 0,
            embedded: false,
        }
    }
}

/// Writes an archive of `items`, coded by the models that `of_size` gives, and `checkpoint` inside where there is
/// one. `progress` gets how many images are done and returns false to cancel.
///
/// # Errors
/// [`Error::Refused`] for images that no archive takes, [`Error::Model`] for ones that the model is not of,
/// [`Error::Cancelled`], or [`Error::Io`].
pub fn compress(
    items: &[Item],
    header: &Header,
    checkpoint: Option<&[u8]>,
    of_size: OfSize<'_>,
    to: &mut dyn Write,
    progress: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Written> {
    let values: usize = items.iter().map(|item| item.levels.len()).sum();
    let about = (values / BLOCKS).clamp(VALUES[0], VALUES[1]);
    let blocks = block::blocks(items, header.channels, about)?;
    let pieces = blocks.iter().flat_map(|block| &block.pieces);
    let header = Header {
        images: pieces.map(|piece| piece.count as u64).sum(),
        embedded: checkpoint.is_some(),
        ..header.clone()
    };
    let mut written = Written {
        bytes: archive::write_header(to, &header, checkpoint)?,
        values,
        nats: 0.0,
    };
    let done = AtomicUsize::new(0);
    for some in blocks.chunks(rayon::current_num_threads().max(1)) {
        let coded = some.par_iter().map(|block| {
            let coded = block.encode(&header, of_size)?;
            tell(&done, &block.pieces, progress)?;
            Ok(coded)
        });
        let coded: Vec<_> = coded.collect::<Result<_>>()?;
        for (block, (stream, nats)) in some.iter().zip(coded) {
            written.bytes += archive::write_block(to, &block.pieces, &stream)?;
            written.nats += nats;
        }
    }
    written.bytes += archive::write_block(to, &[], &[])?;
    Ok(written)
}

/// Who gets a piece with its levels `(N, C, H, W)`, or with nothing where they are not what was written.
pub type Give<'a> = &'a mut dyn FnMut(&Piece, Option<Vec<u32>>) -> Result<()>;

/// Reads all of `archive`. `give` gets every piece in the order it was written.
///
/// # Errors
/// [`Error::Arithmetic`] before anything is decoded; [`Error::Cut`] or [`Error::Damaged`] after everything before
/// the damage was given; [`Error::Model`], [`Error::Cancelled`], [`Error::Io`], or what `give` says.
pub fn decompress<R: Read>(
    archive: &mut Archive<R>,
    of_size: OfSize<'_>,
    progress: &(dyn Fn(usize) -> bool + Sync),
    give: Give<'_>,
) -> Result<()> {
    let header = archive.header().clone();
    if header.arithmetic != ARITHMETIC {
        return Err(Error::Arithmetic {
            found: header.arithmetic,
            known: ARITHMETIC,
        });
    }
    let done = AtomicUsize::new(0);
    loop {
        let (mut some, mut end) = (Vec::new(), None);
        while some.len() < rayon::current_num_threads().max(1) && end.is_none() {
            match archive.next_block() {
                Ok(Some(block)) if block.is_cut => {
                    some.push(block);
                    end = Some(Err(Error::Cut));
                }
                Ok(Some(block)) => some.push(block),
                Ok(None) => end = Some(Ok(())),
                Err(error) => end = Some(Err(error)),
            }
        }
        let decoded = some.par_iter().map(|block| {
            let decoded = block.decode(&header, of_size)?;
            tell(&done, &block.pieces, progress)?;
            Ok(decoded)
        });
        let decoded: Vec<Result<_>> = decoded.collect();
        for (block, levels) in some.iter().zip(decoded) {
            for (piece, levels) in block.pieces.iter().zip(levels?) {
                give(piece, levels)?;
            }
        }
        if let Some(end) = end {
            return end;
        }
    }
}

fn tell(
    done: &AtomicUsize,
    pieces: &[Piece],
    progress: &(dyn Fn(usize) -> bool + Sync),
) -> Result<()> {
    let own: usize = pieces.iter().map(|piece| piece.count).sum();
    let before = done.fetch_add(own, Ordering::Relaxed);
    if progress(before + own) {
        Ok(())
    } else {
        Err(Error::Cancelled)
    }
}
