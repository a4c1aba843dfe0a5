//! What an archive looks like as bytes: a header, then blocks, then an end.
//!
//! `"ARCODE"`, the format's version, the header, the model's checkpoint if it is inside, blocks, and a block of
//! nothing. Everything that says what follows is a section: its length and CRC-32, four bytes each, and it. A
//! stream follows the section of its block; the pieces' own CRCs say whether it is whole.

use std::io::{Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::block::{OfSize, decode};
use crate::item::{MOST_VALUES, Piece};
use crate::{Error, Result};

const MAGIC: &[u8; 6] = b"ARCODE";

/// Version of the format. It counts too what stands side by side in a step pass.
pub const FORMAT: u8 = 1;

/// A section longer than this is none.
const LONGEST: u64 = 1 << 31;

/// What an archive says before its first block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`ar_core::elementary::ARITHMETIC`] of the program that wrote it.
    pub arithmetic: u32,
    /// What tells the model from all others, such as a hash of its checkpoint.
    pub model: [u8; 32],
    /// What the caller wants to know of the model and the data before it decodes.
    pub about: Vec<u8>,
    /// Channels of every image.
    pub channels: usize,
    /// Images of one row are coded as ones whose width is a multiple of this, side by side whatever their
    /// lengths: 1 for models that are tied to a width.
    pub round: usize,
    /// Images in all of it.
    pub images: u64,
    /// Whether the model is inside.
    pub embedded: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    pieces: Vec<Piece>,
    /// Bytes of the stream.
    stream: u64,
}

pub(crate) fn write_header(
    to: &mut dyn Write,
    header: &Header,
    model: Option<&[u8]>,
) -> Result<u64> {
    to.write_all(MAGIC)?;
    to.write_all(&[FORMAT])?;
    let mut written = MAGIC.len() as u64 + 1 + write_section(to, &packed(header)?)?;
    if let Some(model) = model {
        written += write_section(to, model)?;
    }
    Ok(written)
}

pub(crate) fn write_block(to: &mut dyn Write, pieces: &[Piece], stream: &[u8]) -> Result<u64> {
    let head = Head {
        pieces: pieces.to_vec(),
        stream: stream.len() as u64,
    };
    let written = write_section(to, &packed(&head)?)?;
    to.write_all(stream)?;
    Ok(written + stream.len() as u64)
}

fn packed(what: &impl Serialize) -> Result<Vec<u8>> {
    postcard::to_allocvec(what).map_err(|error| Error::Refused(error.to_string()))
}

fn write_section(to: &mut dyn Write, payload: &[u8]) -> Result<u64> {
    let length = u32::try_from(payload.len())
        .ok()
        .filter(|&n| u64::from(n) < LONGEST);
    let length =
        length.ok_or_else(|| Error::Refused("a part of the archive is too large".to_owned()))?;
    to.write_all(&length.to_le_bytes())?;
    to.write_all(&crc32fast::hash(payload).to_le_bytes())?;
    to.write_all(payload)?;
    Ok(8 + u64::from(length))
}

/// An archive being read.
#[derive(Debug)]
pub struct Archive<R> {
    header: Header,
    model: Option<Vec<u8>>,
    from: R,
}

impl<R: Read> Archive<R> {
    /// Reads what stands before the first block.
    ///
    /// # Errors
    /// [`Error::NotAnArchive`], [`Error::Version`], [`Error::Cut`], [`Error::Damaged`] or [`Error::Io`].
    pub fn open(mut from: R) -> Result<Self> {
        let mut start = [0; MAGIC.len() + 1];
        let found = read_up_to(&mut from, &mut start)?;
        if found < start.len() || !start.starts_with(MAGIC) {
            return Err(Error::NotAnArchive);
        }
        if start[MAGIC.len()] != FORMAT {
            return Err(Error::Version {
                found: start[MAGIC.len()],
                known: FORMAT,
            });
        }
        let header: Header = unpacked(&section(&mut from)?)?;
        if header.channels == 0 || header.round == 0 {
            return Err(Error::Damaged("a size in it is impossible"));
        }
        let model = header.embedded.then(|| section(&mut from)).transpose()?;
        Ok(Self {
            header,
            model,
            from,
        })
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The model that is inside, if one is.
    pub fn model(&self) -> Option<&[u8]> {
        self.model.as_deref()
    }

    /// The next block, not decoded yet; none at the end.
    ///
    /// # Errors
    /// [`Error::Cut`] and [`Error::Damaged`], after which nothing more can be found, or [`Error::Io`].
    pub fn next_block(&mut self) -> Result<Option<Coded>> {
        let head: Head = unpacked(&section(&mut self.from)?)?;
        if head.pieces.is_empty() {
            return Ok(None);
        }
        let mut values = 0usize;
        for piece in &head.pieces {
            let dims = piece.dims(self.header.channels)?;
            values = values.saturating_add(dims * piece.count);
        }
        if values > MOST_VALUES {
            return Err(Error::Damaged("a size in it is impossible"));
        }
        let mut stream = Vec::new();
        // What is there, whatever the length says.
        (&mut self.from)
            .take(head.stream)
            .read_to_end(&mut stream)?;
        Ok(Some(Coded {
            pieces: head.pieces,
            is_cut: (stream.len() as u64) < head.stream,
            stream,
        }))
    }
}

/// A block as it stands in an archive.
#[derive(Debug)]
pub struct Coded {
    /// What is in it.
    pub pieces: Vec<Piece>,
    /// Their stream, or what is there of it.
    pub stream: Vec<u8>,
    /// Whether some of it is missing.
    pub is_cut: bool,
}

impl Coded {
    /// The levels of each piece; none where they are not what was written.
    ///
    /// # Errors
    /// [`Error::Model`] when the model is not one for such images.
    pub fn decode(&self, header: &Header, of_size: OfSize<'_>) -> Result<Vec<Option<Vec<u32>>>> {
        decode(&self.pieces, &self.stream, header, of_size)
    }
}

fn unpacked<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    match postcard::take_from_bytes(bytes) {
        Ok((what, [])) => Ok(what),
        _ => Err(Error::Damaged("a part of it says nothing that can be read")),
    }
}

fn section(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut start = [0; 8];
    if read_up_to(from, &mut start)? < start.len() {
        return Err(Error::Cut);
    }
    let [length, crc] =
        [[0, 1, 2, 3], [4, 5, 6, 7]].map(|at| u32::from_le_bytes(at.map(|i: usize| start[i])));
    if u64::from(length) >= LONGEST {
        return Err(Error::Damaged("a length in it is impossible"));
    }
    let mut payload = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut payload)?;
    if payload.len() < length as usize {
        return Err(Error::Cut);
    }
    if crc32fast::hash(&payload) != crc {
        return Err(Error::Damaged("a checksum does not fit"));
    }
    Ok(payload)
}

/// Fills `into` as far as there is something.
fn read_up_to(from: &mut impl Read, into: &mut [u8]) -> Result<usize> {
    let mut found = Vec::new();
    from.take(into.len() as u64).read_to_end(&mut found)?;
    into[..found.len()].copy_from_slice(&found);
    Ok(found.len())
}
