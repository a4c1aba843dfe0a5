//! One picture, by what its first bytes say it is.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::jpeg::read_jpeg;
use super::png::read_png;
use crate::pile::Picture;
use crate::{Error, Framing, Result};

/// Formats of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PictureKind {
    Png,
    Jpeg,
}

impl PictureKind {
    /// From the first bytes of a file.
    pub(crate) fn of(start: &[u8]) -> Option<Self> {
        match start {
            [0x89, b'P', b'N', b'G', ..] => Some(Self::Png),
            [0xff, 0xd8, 0xff, ..] => Some(Self::Jpeg),
            _ => None,
        }
    }
}

/// Whether a file in a folder of pictures is one, by its name.
pub(crate) fn is_picture(path: &Path) -> bool {
    let ends = |end: &str| {
        let of_file = path.extension();
        of_file.is_some_and(|of_file| of_file.eq_ignore_ascii_case(end))
    };
    ["png", "jpg", "jpeg"].into_iter().any(ends) && path.is_file()
}

/// Reads a picture and scales it.
pub(crate) fn read_picture(path: &Path, framing: Framing) -> Result<Picture> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(Error::io("read", path))?;
    file.take(4)
        .read_to_end(&mut start)
        .map_err(Error::io("read", path))?;
    let (shape, bytes) = match PictureKind::of(&start) {
        Some(PictureKind::Png) => read_png(path),
        Some(PictureKind::Jpeg) => read_jpeg(path),
        None if start.is_empty() => Err(Error::format(path, "an empty file")),
        None => {
            let problem = format!("neither a PNG nor a JPEG: it begins with {start:02x?}");
            Err(Error::format(path, problem))
        }
    }?;
    Picture::new(framing, shape, bytes.into_iter().map(u16::from).collect())
}
