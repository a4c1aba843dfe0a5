//! A block: images that one thread codes into one stream, with what they are in front of it.

use ar_core::Distribution;
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};

use crate::coder::Batch;
use crate::item::{Piece, crc_of};
use crate::{Error, Header, Item, Result};

/// The model for images of so many rows and columns; of a mixture, its first member codes.
pub type OfSize<'a> =
    &'a (dyn Fn([usize; 2]) -> ar_core::Result<std::sync::Arc<dyn Distribution>> + Sync);

/// Values side by side in one step pass, at most: caches of more are larger than a core's.
const SIDE_BY_SIDE: usize = 32 << 10;

/// Images side by side, at most.
const IMAGES: usize = 32;

/// Images to be coded.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    pub(crate) pieces: Vec<Piece>,
    /// Of each piece, its images.
    pub(crate) levels: Vec<&'a [u32]>,
}

/// Images that stand side by side: which of the block, counted through its pieces, and the size they are coded in.
#[derive(Debug, PartialEq, Eq)]
struct Group {
    images: std::ops::Range<usize>,
    size: [usize; 2],
}

/// How the images of pieces stand side by side: encoder and decoder ask the same.
fn groups(pieces: &[Piece], round: usize) -> Vec<Group> {
    let sizes = pieces
        .iter()
        .flat_map(|p| std::iter::repeat_n(p.size, p.count));
    let mut all: Vec<Group> = Vec::new();
    for (i, [height, width]) in sizes.enumerate() {
        // Of a row, a shorter one is a beginning.
        let size = if height == 1 {
            [1, width.next_multiple_of(round)]
        } else {
            [height, width]
        };
        let most = (SIDE_BY_SIDE / (size[0] * size[1])).clamp(1, IMAGES);
        match all.last_mut() {
            Some(group) if group.size == size && group.images.len() < most => {
                group.images.end = i + 1;
            }
            _ => all.push(Group {
                images: i..i + 1,
                size,
            }),
        }
    }
    all
}

impl Block<'_> {
    /// The stream, and the model's own nats of all its images together.
    pub(crate) fn encode(&self, header: &Header, of_size: OfSize<'_>) -> Result<(Vec<u8>, f64)> {
        let (mut to, mut nats) = (DefaultRangeEncoder::new(), 0.0);
        let mut images: Vec<(&[u32], [usize; 2])> = Vec::new();
        for (piece, levels) in self.pieces.iter().zip(&self.levels) {
            let own = levels.chunks_exact(piece.dims(header.channels)?);
            images.extend(own.map(|image| (image, piece.size)));
        }
        let classes: Vec<u32> = self
            .pieces
            .iter()
            .flat_map(|p| p.classes.iter().copied())
            .collect();
        for group in groups(&self.pieces, header.round) {
            let own = &images[group.images.clone()];
            let padded: Vec<u32> = own
                .iter()
                .flat_map(|(image, size)| widened(image, *size, group.size))
                .collect();
            nats += coded(
                &group,
                own.iter().map(|(_, size)| size[1]),
                &classes,
                of_size,
                |batch| batch.encode(&padded, &mut to),
            )?
            .iter()
            .sum::<f64>();
        }
        let words = to.into_compressed().map_err(|_| Error::Impossible)?;
        Ok((bytes_of(&words), nats))
    }
}

/// The images of `pieces` from `stream`: of each piece its levels, or nothing where they are not what was written.
pub(crate) fn decode(
    pieces: &[Piece],
    stream: &[u8],
    header: &Header,
    of_size: OfSize<'_>,
) -> Result<Vec<Option<Vec<u32>>>> {
    let channels = header.channels;
    let words = words_of(stream);
    let mut from = DefaultRangeDecoder::from_compressed(words).map_err(|_| Error::Stream)?;
    let classes: Vec<u32> = pieces
        .iter()
        .flat_map(|p| p.classes.iter().copied())
        .collect();
    let widths: Vec<usize> = pieces
        .iter()
        .flat_map(|p| std::iter::repeat_n(p.size[1], p.count))
        .collect();
    let mut images: Vec<Vec<u32>> = Vec::with_capacity(widths.len());
    for group in groups(pieces, header.round) {
        let own = &widths[group.images.clone()];
        let found = coded(&group, own.iter().copied(), &classes, of_size, |batch| {
            batch.decode(&mut from)
        });
        let found = match found {
            Ok(found) => found,
            // What came before is whole nevertheless.
            Err(Error::Stream) => break,
            Err(other) => return Err(other),
        };
        let dims = channels * group.size[0] * group.size[1];
        let narrowed = found.chunks_exact(dims).zip(own);
        images.extend(narrowed.map(|(image, &width)| narrowed_to(image, group.size[1], width)));
    }
    let mut images = images.into_iter();
    let whole = |piece: &Piece| {
        let levels: Vec<u32> = images.by_ref().take(piece.count).flatten().collect();
        let complete = levels.len() == piece.count * piece.dims(channels).unwrap_or(0);
        (complete && crc_of(&levels) == piece.crc).then_some(levels)
    };
    Ok(pieces.iter().map(whole).collect())
}

fn coded<T>(
    group: &Group,
    widths: impl Iterator<Item = usize>,
    classes: &[u32],
    of_size: OfSize<'_>,
    code: impl FnOnce(&Batch<'_>) -> Result<T>,
) -> Result<T> {
    let of_size = of_size(group.size)?;
    let model = of_size.members()[0];
    let condition = if classes.is_empty() {
        None
    } else {
        let own = classes.get(group.images.clone());
        let own = own.ok_or(Error::Damaged("an image has no class"))?;
        model
            .conditioning()
            .of_labels(Some(own.to_vec()), model.device())?
    };
    let widths: Vec<usize> = widths.collect();
    code(&Batch {
        model,
        condition: condition.as_ref(),
        widths: &widths,
    })
}

/// Rows as wide as the group's, zeros behind what was there.
fn widened(image: &[u32], [_, width]: [usize; 2], [_, to]: [usize; 2]) -> Vec<u32> {
    if width == to {
        return image.to_vec();
    }
    let mut out = Vec::with_capacity(image.len() / width * to);
    for row in image.chunks_exact(width) {
        out.extend_from_slice(row);
        out.resize(out.len() + to - width, 0);
    }
    out
}

fn narrowed_to(image: &[u32], width: usize, to: usize) -> Vec<u32> {
    image
        .chunks_exact(width)
        .flat_map(|row| &row[..to])
        .copied()
        .collect()
}

/// The last word's zero bytes are left out: a decoder reads zeros beyond the end.
fn bytes_of(words: &[u32]) -> Vec<u8> {
    let mut bytes: Vec<u8> = words.iter().flat_map(|w| w.to_be_bytes()).collect();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

fn words_of(bytes: &[u8]) -> Vec<u32> {
    let word = |four: &[u8]| {
        let mut whole = [0; 4];
        whole[..four.len()].copy_from_slice(four);
        u32::from_be_bytes(whole)
    };
    bytes.chunks(4).map(word).collect()
}

/// `items` in blocks of about so many values, each image whole: of every block its pieces.
pub(crate) fn blocks<'a>(
    items: &'a [Item],
    channels: usize,
    about: usize,
) -> Result<Vec<Block<'a>>> {
    let mut all: Vec<Block<'a>> = Vec::new();
    let mut room = 0usize;
    for item in items {
        let whole = Piece {
            name: String::new(),
            about: Vec::new(),
            size: item.size,
            of: 1,
            first: 0,
            count: 1,
            classes: Vec::new(),
            crc: 0,
        };
        let dims = whole.dims(channels).map_err(|_| {
            Error::Refused(format!(
                "{}: {}x{} is too large or nothing",
                item.name, item.size[0], item.size[1]
            ))
        })?;
        let of = item.levels.len() / dims;
        if of * dims != item.levels.len() || (!item.classes.is_empty() && item.classes.len() != of)
        {
            return Err(Error::Refused(format!(
                "{}: its images are not {}x{}",
                item.name, item.size[0], item.size[1]
            )));
        }
        let mut first = 0;
        while first < of || (of == 0 && first == 0) {
            if room < dims || all.is_empty() {
                all.push(Block {
                    pieces: Vec::new(),
                    levels: Vec::new(),
                });
                room = about.max(dims);
            }
            let count = (room / dims).min(of - first);
            let levels = &item.levels[first * dims..][..count * dims];
            let classes = item.classes.get(first..first + count).unwrap_or_default();
            if let Some(block) = all.last_mut() {
                block.levels.push(levels);
                let (name, about) = match first {
                    0 => (item.name.clone(), item.about.clone()),
                    _ => Default::default(),
                };
                block.pieces.push(Piece {
                    name,
                    about,
                    of,
                    first,
                    count,
                    classes: classes.to_vec(),
                    crc: crc_of(levels),
                    ..whole.clone()
                });
            }
            room -= count * dims;
            first += count.max(1);
        }
    }
    Ok(all)
}
