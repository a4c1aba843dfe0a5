use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Values of one block at most, so that what an archive says of itself cannot fill the memory.
pub(crate) const MOST_VALUES: usize = 1 << 26;

/// What stands in an archive under one name: images of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name, as of a file, with `/` between folders.
    pub name: String,
    /// What the caller wants to know of it afterwards, in the caller's own words.
    pub about: Vec<u8>,
    /// Rows and columns of its images.
    pub size: [usize; 2],
    /// `(N, C, H, W)` levels, flat.
    pub levels: Vec<u32>,
    /// The class of each image where the model is conditioned on classes; nothing otherwise.
    pub classes: Vec<u32>,
}

impl Item {
    /// An item of no images yet.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            about: Vec::new(),
            size: [1, 1],
            levels: Vec::new(),
            classes: Vec::new(),
        }
    }
}

/// Some images of an item, as they stand in a block. One that goes on with an item has neither its name nor what
/// the caller wrote of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// The item's name; empty where its first images stand before.
    pub name: String,
    /// What the caller wrote of it; empty likewise.
    pub about: Vec<u8>,
    /// Rows and columns.
    pub size: [usize; 2],
    /// Images of the item.
    pub of: usize,
    /// The first of them that is here.
    pub first: usize,
    /// How many are here.
    pub count: usize,
    /// Their classes.
    pub classes: Vec<u32>,
    /// CRC-32 of their levels.
    pub(crate) crc: u32,
}

impl Piece {
    /// Values of an image, of so many channels.
    ///
    /// # Errors
    /// [`Error::Damaged`] when they, or all of the piece, are too many, or none.
    pub(crate) fn dims(&self, channels: usize) -> Result<usize> {
        let [height, width] = self.size;
        let dims = channels
            .checked_mul(height)
            .and_then(|n| n.checked_mul(width));
        let all = dims.and_then(|dims| dims.checked_mul(self.count.max(1)));
        let whole = self
            .first
            .checked_add(self.count)
            .is_some_and(|end| end <= self.of);
        match (dims, all) {
            (Some(dims), Some(all)) if dims > 0 && all <= MOST_VALUES && whole => Ok(dims),
            _ => Err(Error::Damaged("a size in it is impossible")),
        }
    }
}

/// CRC-32 of levels, two bytes each.
pub(crate) fn crc_of(levels: &[u32]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    let mut bytes = Vec::with_capacity(2 * levels.len().min(1 << 16));
    for some in levels.chunks(1 << 16) {
        bytes.clear();
        bytes.extend(some.iter().flat_map(|&l| (l as u16).to_le_bytes()));
        crc.update(&bytes);
    }
    crc.finalize()
}
