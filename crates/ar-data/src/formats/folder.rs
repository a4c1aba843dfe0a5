//! A folder of pictures; subfolders are splits or classes.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::bytes::{entries, file_name};
use super::picture::{is_picture, read_picture};
use crate::assemble::Found;
use crate::native::Nature;
use crate::pile::Pile;
use crate::{Error, Framing, Result};

/// Other names that splits go by.
const VALIDATION: [&str; 3] = ["validation", "valid", "val"];

/// Whether a folder has a picture in it or in a folder directly below, or folders of splits.
pub(crate) fn has_pictures(dir: &Path) -> bool {
    let Ok(paths) = entries(dir) else {
        return false;
    };
    dir.join("train").is_dir()
        || paths.iter().any(|path| {
            is_picture(path)
                || path.is_dir()
                    && entries(path).is_ok_and(|inner| inner.iter().any(|p| is_picture(p)))
        })
}

/// Reads a folder with `train` (and `validation`, `test`) below it, or one without splits.
pub(crate) fn find_folder(dir: &Path, framing: Framing) -> Result<Found> {
    let train_dir = dir.join("train");
    let root = if train_dir.is_dir() {
        train_dir.as_path()
    } else {
        dir
    };
    let has_splits = root != dir;
    let train = Listing::of(root)?;
    let other = |names: &[&str]| -> Result<Option<Listing>> {
        let found = names
            .iter()
            .map(|name| dir.join(name))
            .find(|path| has_splits && path.is_dir());
        found.map(|path| Listing::of(&path)).transpose()
    };
    let (validation, test) = (other(&VALIDATION)?, other(&["test"])?);
    let mut classes = train.classes.clone();
    for listing in [&validation, &test].into_iter().flatten() {
        classes.extend(listing.classes.iter().cloned());
        if listing.classes.is_empty() != train.classes.is_empty() {
            let problem = "some splits have class folders and some have not";
            return Err(Error::format(dir, problem));
        }
    }
    classes.sort_unstable();
    classes.dedup();
    let read = |listing: &Listing| listing.read(&classes, framing);
    let train = read(&train)?;
    let validation = validation.as_ref().map(read).transpose()?;
    let test = test.as_ref().map(read).transpose()?;
    let said = format!("pictures in {}", dir.display());
    Ok(Found {
        validation,
        test,
        classes,
        ..Found::only(file_name(dir), said, Nature::Values, train)
    })
}

/// The pictures of one split by name, one of each class in turn: the first few are of all classes then.
struct Listing {
    dir: PathBuf,
    classes: Vec<String>,
    /// Path and, where there are classes, the index into `classes`.
    files: Vec<(PathBuf, Option<usize>)>,
}

impl Listing {
    fn of(dir: &Path) -> Result<Self> {
        let mut listing = Self {
            dir: dir.to_path_buf(),
            classes: Vec::new(),
            files: Vec::new(),
        };
        let (mut flat, mut places, mut empty) = (None, Vec::new(), Vec::new());
        for path in entries(dir)? {
            if is_picture(&path) {
                flat = Some(path.clone());
                listing.files.push((path, None));
            } else if path.is_dir() {
                let inner = entries(&path)?.into_iter().filter(|path| is_picture(path));
                let class = Some(listing.classes.len());
                let before = listing.files.len();
                listing.files.extend(inner.map(|path| (path, class)));
                places.extend(0..listing.files.len() - before);
                if listing.files.len() > before {
                    listing.classes.push(file_name(&path));
                } else {
                    empty.push(path);
                }
            }
        }
        if let Some(flat) = flat.filter(|_| !listing.classes.is_empty()) {
            let problem = "an image beside class folders; move it into one of them";
            return Err(Error::format(&flat, problem));
        }
        if !listing.classes.is_empty() {
            for path in empty {
                tracing::warn!("no picture in the class folder {}", path.display());
            }
            let mut files: Vec<_> = places.into_iter().zip(listing.files).collect();
            files.sort_by_key(|(place, _)| *place);
            listing.files = files.into_iter().map(|(_, file)| file).collect();
        }
        if listing.files.is_empty() {
            let expected = "*.png or *.jpg, or a folder of them for every class".to_owned();
            return Err(Error::NoImages {
                path: listing.dir,
                expected,
            });
        }
        Ok(listing)
    }

    fn read(&self, classes: &[String], framing: Framing) -> Result<Pile> {
        let (mut pile, mut labels) = (Pile::new(framing), Vec::new());
        // A few at a time on all cores, so that no more than these are in memory unscaled.
        for files in self.files.chunks(4 * rayon::current_num_threads()) {
            let read = |(path, _): &(PathBuf, _)| read_picture(path, framing);
            let pictures: Vec<_> = files.par_iter().map(read).collect();
            for ((path, class), picture) in files.iter().zip(pictures) {
                pile.push(path, picture?)?;
                if let Some(class) = class {
                    // Classes are the sorted union over splits, and this one is among them.
                    let name = &self.classes[*class];
                    labels.push(classes.binary_search(name).unwrap_or_default() as u32);
                }
            }
        }
        Ok(pile.with_labels((!self.classes.is_empty()).then_some(labels)))
    }
}

#[cfg(test)]
mod tests;
