//! From a source to a data set.

use std::path::Path;

use crate::builtin::load_digits;
use crate::catalogue::{Named, find, obtain};
use crate::formats::{
    CIFAR_CLASSES, Cifar, Idx, Kind, kind_of, load_folder, load_npy, load_npz, read_images,
};
use crate::hold_out::complete;
use crate::{Dataset, Images, LoadOptions, Result, Source};

/// Loads a data set. [`Source::Auto`] says which one it took in [`Dataset::source`] and in a log line.
///
/// # Errors
/// When a file is missing or damaged, or a named set is neither here nor to be had; the message says where to
/// put which file.
pub fn load(source: &Source, options: &LoadOptions) -> Result<Dataset> {
    match source {
        Source::Auto => load_auto(options),
        Source::Mnist => load_named(Named::Mnist, options),
        Source::Cifar10 => load_named(Named::Cifar10, options),
        Source::Digits => load_digits(options, ""),
        Source::Path(path) => load_path(path, options),
    }
}

fn load_auto(options: &LoadOptions) -> Result<Dataset> {
    // Files that are here but damaged are an error, not a reason to take another set.
    let why = match find(Named::Mnist, options) {
        Some(dir) => return load_from(Named::Mnist, &dir, options),
        None => match obtain(Named::Mnist, options, options.short_patience) {
            Ok(dir) => return load_from(Named::Mnist, &dir, options),
            Err(why) => why,
        },
    };
    let why = format!(", because MNIST is not here ({why})");
    let set = load_digits(options, &why)?;
    tracing::info!("using {}", set.source);
    Ok(set)
}

fn load_named(name: Named, options: &LoadOptions) -> Result<Dataset> {
    let dir = match find(name, options) {
        Some(dir) => dir,
        None => obtain(name, options, options.patience)
            .map_err(|reason| name.missing(options, reason))?,
    };
    load_from(name, &dir, options)
}

/// Loads a folder that [`find`] or [`obtain`] gave. It may hold other sets too.
fn load_from(name: Named, dir: &Path, options: &LoadOptions) -> Result<Dataset> {
    let mut set = match name {
        Named::Mnist => match Idx::find(dir) {
            Some(idx) => load_idx(&idx, dir, options),
            None => Err(name.missing(options, "its files have gone".to_owned())),
        },
        Named::Cifar10 => match Cifar::find(dir) {
            Some(cifar) => load_cifar(&cifar, dir, options),
            None => Err(name.missing(options, "its files have gone".to_owned())),
        },
    }?;
    name.name().clone_into(&mut set.name);
    Ok(set)
}

fn load_path(path: &Path, options: &LoadOptions) -> Result<Dataset> {
    match kind_of(path)? {
        Kind::IdxFolder(idx) => load_idx(&idx, path, options),
        Kind::CifarFolder(cifar) => load_cifar(&cifar, path, options),
        Kind::PngFolder => load_folder(path, options),
        Kind::Npz => load_npz(path, options),
        Kind::Npy => load_npy(path, options),
        Kind::Png | Kind::Idx => {
            let found = (read_images(path)?, None, "images of one file".to_owned());
            assemble(path, found, Vec::new(), options)
        }
    }
}

fn load_idx(idx: &Idx, dir: &Path, options: &LoadOptions) -> Result<Dataset> {
    let found = idx.read()?;
    let images = [Some(&found.0), found.1.as_ref()];
    let labels = images
        .into_iter()
        .flatten()
        .filter_map(Images::labels)
        .flatten();
    // The digits' ten names even where a small set lacks some.
    let last = labels.copied().max().map(|last| last.max(9));
    let classes = last.map_or_else(Vec::new, |last| (0..=last).map(|i| i.to_string()).collect());
    assemble(dir, found, classes, options)
}

fn load_cifar(cifar: &Cifar, dir: &Path, options: &LoadOptions) -> Result<Dataset> {
    assemble(
        dir,
        cifar.read()?,
        CIFAR_CLASSES.map(str::to_owned).to_vec(),
        options,
    )
}

/// Holds out what is missing and says so.
fn assemble(
    path: &Path,
    (train, test, said): (Images, Option<Images>, String),
    classes: Vec<String>,
    options: &LoadOptions,
) -> Result<Dataset> {
    let (splits, held) = complete(train, None, test, options)?;
    let name = path
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let source = format!("{}: {said}; {held}", path.display());
    Dataset::new(name, source, splits, classes)
}
