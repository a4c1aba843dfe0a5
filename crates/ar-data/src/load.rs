//! From a source to a data set.

use std::path::Path;

use crate::assemble::{Found, assemble};
use crate::builtin::{draw_digits, draw_letters};
use crate::catalogue::{Named, find, obtain};
use crate::formats::{
    Cifar, Idx, Kind, file_name, find_folder, find_npy, find_npz, kind_of, read_pile,
};
use crate::native::Nature;
use crate::sound::{draw_tones, find_sound, find_sounds};
use crate::{Dataset, Error, LoadOptions, Result, Source};

/// Loads a data set. [`Source::Auto`] says in a log line why it took the digits, where it did.
///
/// # Errors
/// When a file is missing or damaged, a named set is neither here nor to be had (the message says where to put
/// which file), or an option does not suit what was found.
pub fn load(source: &Source, options: &LoadOptions) -> Result<Dataset> {
    options.framing.validate()?;
    let found = match source {
        Source::Auto => find_auto(options),
        Source::Mnist => find_named(Named::Mnist, options),
        Source::Cifar10 => find_named(Named::Cifar10, options),
        Source::Digits => draw_digits(options),
        Source::Letters => draw_letters(options),
        Source::Tones => draw_tones(options),
        Source::Path(path) => find_path(path, options),
    }?;
    if options.data_range.is_some() && !matches!(found.nature, Nature::Range(_)) {
        return Err(Error::Option {
            option: "--data-range",
            must: "left out, as this set is not of arrays (.npy, .npz)",
        });
    }
    assemble(found, options)
}

fn find_auto(options: &LoadOptions) -> Result<Found> {
    // Files that are here but damaged are an error, not a reason to take another set.
    let why = match find(Named::Mnist, options) {
        Some(dir) => return find_in(Named::Mnist, &dir, options),
        None => match obtain(Named::Mnist, options, options.short_patience) {
            Ok(dir) => return find_in(Named::Mnist, &dir, options),
            Err(why) => why,
        },
    };
    tracing::info!("MNIST is not here ({why}), so the built-in digits are used");
    draw_digits(options)
}

fn find_named(name: Named, options: &LoadOptions) -> Result<Found> {
    let dir = match find(name, options) {
        Some(dir) => dir,
        None => obtain(name, options, options.patience)
            .map_err(|reason| name.missing(options, reason))?,
    };
    find_in(name, &dir, options)
}

/// Reads a folder that [`find`] or [`obtain`] gave. It may hold other sets too.
fn find_in(name: Named, dir: &Path, options: &LoadOptions) -> Result<Found> {
    let found = match name {
        Named::Mnist => Idx::find(dir).map(|idx| idx.read(dir, options.framing)),
        Named::Cifar10 => Cifar::find(dir).map(|cifar| cifar.read(dir, options.framing)),
    };
    let gone = || Err(name.missing(options, "its files have gone".to_owned()));
    Ok(Found {
        name: name.name().to_owned(),
        nature: Nature::Named,
        ..found.unwrap_or_else(gone)?
    })
}

fn find_path(path: &Path, options: &LoadOptions) -> Result<Found> {
    match kind_of(path)? {
        Kind::IdxFolder(idx) => idx.read(path, options.framing),
        Kind::CifarFolder(cifar) => cifar.read(path, options.framing),
        Kind::Folder => find_folder(path, options.framing),
        Kind::SoundFolder => find_sounds(path, options),
        Kind::Sound => find_sound(path, options),
        Kind::Npz => find_npz(path, options),
        Kind::Npy => find_npy(path, options),
        kind @ (Kind::Picture | Kind::Idx) => {
            let pile = read_pile(&kind, path, options, options.framing)?;
            let said = format!("{}: images of one file", path.display());
            Ok(Found::only(file_name(path), said, Nature::Values, pile))
        }
    }
}
