//! What a file or folder is, and the images of a single file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::npy::read_npy;
use super::png::read_png;
use super::{Cifar, Idx, has_png, read_idx_images};
use crate::{Error, Images, Result};

/// A format that is loaded.
#[derive(Debug)]
pub(crate) enum Kind {
    IdxFolder(Idx),
    CifarFolder(Cifar),
    PngFolder,
    Npz,
    Npy,
    Png,
    Idx,
}

/// Finds out what a path holds, by the names in a folder and the first bytes of a file.
pub(crate) fn kind_of(path: &Path) -> Result<Kind> {
    let metadata = path.metadata().map_err(Error::io("read", path))?;
    if metadata.is_dir() {
        if let Some(idx) = Idx::find(path) {
            return Ok(Kind::IdxFolder(idx));
        }
        if let Some(cifar) = Cifar::find(path) {
            return Ok(Kind::CifarFolder(cifar));
        }
        if has_png(path) {
            return Ok(Kind::PngFolder);
        }
        let expected = "MNIST's or CIFAR-10's files, *.png, or class folders of *.png".to_owned();
        return Err(Error::NoImages {
            path: path.to_path_buf(),
            expected,
        });
    }
    let mut start = Vec::new();
    let file = File::open(path).map_err(Error::io("read", path))?;
    file.take(8)
        .read_to_end(&mut start)
        .map_err(Error::io("read", path))?;
    match start.as_slice() {
        [] => Err(Error::format(path, "an empty file")),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Ok(Kind::Npy),
        [b'P', b'K', ..] => Ok(Kind::Npz),
        [0x89, b'P', b'N', b'G', ..] => Ok(Kind::Png),
        // Of what is gzipped only IDX is known.
        [0, 0, ..] | [0x1f, 0x8b, ..] => Ok(Kind::Idx),
        other => {
            let problem = format!("not an IDX, PNG, npy or npz file: it begins with {other:02x?}");
            Err(Error::format(path, problem))
        }
    }
}

/// The images of one PNG, `.npy` or IDX file, whatever its name says.
///
/// A `.npy` holds `(N, C, H, W)`, `(N, H, W)` or `(N, D)` integers; its native levels are 2 where no value is
/// above 1, 256 where none is above 255, else the next power of two. A PNG is one grey or RGB image of 256
/// levels.
///
/// # Errors
/// When the file cannot be read, is damaged, or is something else.
pub fn read_images(path: impl AsRef<Path>) -> Result<Images> {
    let path = path.as_ref();
    match kind_of(path)? {
        Kind::Npy => read_npy(path),
        Kind::Idx => read_idx_images(path),
        Kind::Png => {
            let (shape, bytes) = read_png(path)?;
            Images::new(shape, 256, bytes.into_iter().map(u16::from).collect(), None)
        }
        Kind::Npz | Kind::IdxFolder(_) | Kind::CifarFolder(_) | Kind::PngFolder => Err(
            Error::format(path, "a whole data set; give a single PNG or npy file"),
        ),
    }
}
