//! What a file or folder is, and the images of a single file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::array::nature;
use super::bytes::file_name;
use super::npy::read_npy;
use super::picture::{PictureKind, read_picture};
use super::{Cifar, Idx, find_npz, first_file, has_pictures, read_idx};
use crate::native::{Nature, settle};
use crate::pile::Pile;
use crate::sound::is_wav;
use crate::{Error, Framing, Images, LoadOptions, Result};

/// A format that is loaded.
#[derive(Debug)]
pub(crate) enum Kind {
    IdxFolder(Idx),
    CifarFolder(Cifar),
    Folder,
    SoundFolder,
    Npz,
    Npy,
    Picture,
    Sound,
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
        if first_file(path, is_wav).is_some() {
            return Ok(Kind::SoundFolder);
        }
        if has_pictures(path) {
            return Ok(Kind::Folder);
        }
        let expected =
            "MNIST's or CIFAR-10's files, *.png, *.jpg or *.wav, or class folders of these"
                .to_owned();
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
        [b'R', b'I', b'F', b'F', ..] => Ok(Kind::Sound),
        start if PictureKind::of(start).is_some() => Ok(Kind::Picture),
        // Of what is gzipped only IDX is known.
        [0, 0, ..] | [0x1f, 0x8b, ..] => Ok(Kind::Idx),
        other => {
            let problem =
                format!("not an IDX, PNG, JPEG, WAV, npy or npz file: it begins with {other:02x?}");
            Err(Error::format(path, problem))
        }
    }
}

/// The images of one PNG, JPEG, `.npy`, `.npz` or IDX file, whatever its name says.
///
/// A `.npy` holds `(N, C, H, W)`, `(N, H, W)` or `(N, D)` numbers, a `.npz` arrays of these: of one in
/// splits, those for the test are taken where there are any. A PNG or JPEG is one grey or RGB
/// image of 256 levels unless told otherwise; the levels of the others are as
/// [`LoadOptions::native_levels`] has it. Layout and range of values concern arrays, and the
/// framing is left to [`framed`](crate::framed).
///
/// # Errors
/// When the file cannot be read, is damaged, is something else, or has values outside the levels or
/// the range.
pub fn read_images(path: impl AsRef<Path>, options: &LoadOptions) -> Result<Images> {
    let path = path.as_ref();
    let kind = kind_of(path)?;
    let nature = match kind {
        Kind::Npy | Kind::Npz => nature(options),
        Kind::Picture => Nature::Picture,
        _ => Nature::Values,
    };
    let pile = read_pile(&kind, path, options, Framing::default())?;
    let (native, _) = settle(&file_name(path), nature, pile.highest(), options)?;
    pile.into_images(native)
}

/// The images of one file.
pub(crate) fn read_pile(
    kind: &Kind,
    path: &Path,
    options: &LoadOptions,
    framing: Framing,
) -> Result<Pile> {
    match kind {
        Kind::Npy => read_npy(path, options, framing),
        Kind::Idx => read_idx(path, framing),
        Kind::Picture => {
            let mut pile = Pile::new(framing);
            pile.push(path, read_picture(path, framing)?)?;
            Ok(pile)
        }
        Kind::Sound => Err(Error::format(path, "a recording, where images are wanted")),
        Kind::Npz => {
            let options = LoadOptions {
                framing,
                ..options.clone()
            };
            let found = find_npz(path, &options)?;
            Ok(found.test.unwrap_or(found.train))
        }
        Kind::IdxFolder(_) | Kind::CifarFolder(_) | Kind::Folder | Kind::SoundFolder => {
            let problem = "a whole data set; give a single PNG, JPEG, npy or npz file";
            Err(Error::format(path, problem))
        }
    }
}
