//! A folder of pictures or recordings; subfolders are splits or classes.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::bytes::{entries, file_name};
use super::picture::{is_picture, read_picture};
use crate::assemble::Found;
use crate::native::Nature;
use crate::pile::{Picture, Pile};
use crate::sound::{ClassPattern, NamePattern};
use crate::{Error, Framing, Result};

/// Other names that splits go by.
const VALIDATION: [&str; 3] = ["validation", "valid", "val"];

/// Whether a folder has a picture in it or in a folder directly below, or folders of splits.
pub(crate) fn has_pictures(dir: &Path) -> bool {
    dir.join("train").is_dir() || first_file(dir, is_picture).is_some()
}

/// One of these in a folder, or in a folder directly below or that of a class in a split.
pub(crate) fn first_file(dir: &Path, is: fn(&Path) -> bool) -> Option<PathBuf> {
    let within = |dir: &Path, deeper: &dyn Fn(&Path) -> Option<PathBuf>| {
        let all = entries(dir).ok()?;
        let own = all.iter().find(|path| is(path)).cloned();
        own.or_else(|| {
            all.iter()
                .filter(|path| path.is_dir())
                .find_map(|path| deeper(path))
        })
    };
    let inside = |dir: &Path| within(dir, &|_| None);
    within(dir, &|dir| within(dir, &inside))
}

/// Reads a folder with `train` (and `validation`, `test`) below it, or one without splits.
pub(crate) fn find_folder(dir: &Path, framing: Framing) -> Result<Found> {
    let pictures = Files {
        is: is_picture,
        called: ["an image", "pictures", "no picture"],
        expected: "*.png or *.jpg, or a folder of them for every class",
        classes: None,
        test: None,
        read: &|path| read_picture(path, framing),
        empty: &|| Pile::new(framing),
    };
    pictures.find(dir, Nature::Values)
}

/// What a folder is looked through for.
pub(crate) struct Files<'a> {
    pub(crate) is: fn(&Path) -> bool,
    /// One of them, several, none.
    pub(crate) called: [&'static str; 3],
    pub(crate) expected: &'static str,
    /// How names say the class, where folders do not.
    pub(crate) classes: Option<&'a ClassPattern>,
    /// Which names are for the test, where the folder does not say it.
    pub(crate) test: Option<&'a NamePattern>,
    pub(crate) read: &'a (dyn Fn(&Path) -> Result<Picture> + Sync),
    pub(crate) empty: &'a dyn Fn() -> Pile,
}

impl Files<'_> {
    /// All that is in `dir`.
    pub(crate) fn find(&self, dir: &Path, nature: Nature) -> Result<Found> {
        let train_dir = dir.join("train");
        let root = if train_dir.is_dir() {
            train_dir.as_path()
        } else {
            dir
        };
        let has_splits = root != dir;
        let mut train = Listing::of(root, self)?;
        let other = |names: &[&str]| -> Result<Option<Listing>> {
            let found = names
                .iter()
                .map(|name| dir.join(name))
                .find(|path| has_splits && path.is_dir());
            found.map(|path| Listing::of(&path, self)).transpose()
        };
        let (validation, mut test) = (other(&VALIDATION)?, other(&["test"])?);
        if let Some(pattern) = self.test {
            if test.is_some() {
                let problem =
                    format!("has a folder for the test already; without --hold-out {pattern}");
                return Err(Error::format(dir, problem));
            }
            test = Some(train.split_off(pattern)?);
        }
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
        let listings = [Some(&train), validation.as_ref(), test.as_ref()];
        let all = listings.into_iter().flatten().flat_map(Listing::stems);
        let stems: Vec<String> = all.collect();
        let pairs = |pattern: &ClassPattern| pattern.pairs(stems.iter().map(String::as_str));
        let kinds = match self.classes.and_then(pairs) {
            Some((kinds, pairs)) => {
                classes = pairs;
                Some(kinds)
            }
            None => None,
        };
        let read = |listing: &Listing| listing.read(&classes, self);
        let train = read(&train)?;
        let validation = validation.as_ref().map(read).transpose()?;
        let test = test.as_ref().map(read).transpose()?;
        let said = format!("{} in {}", self.called[1], dir.display());
        Ok(Found {
            validation,
            test,
            kinds,
            classes: classes.clone(),
            ..Found::only(file_name(dir), said, nature, train)
        })
    }
}

/// The files of one split by name, one of each class in turn: the first few are of all classes then.
struct Listing {
    dir: PathBuf,
    classes: Vec<String>,
    /// Path and, where there are classes, the index into `classes`.
    files: Vec<(PathBuf, Option<usize>)>,
}

impl Listing {
    fn of(dir: &Path, kind: &Files<'_>) -> Result<Self> {
        let mut listing = Self {
            dir: dir.to_path_buf(),
            classes: Vec::new(),
            files: Vec::new(),
        };
        let (mut flat, mut places, mut empty) = (None, Vec::new(), Vec::new());
        for path in entries(dir)? {
            if (kind.is)(&path) {
                flat = Some(path.clone());
                listing.files.push((path, None));
            } else if path.is_dir() {
                let inner = entries(&path)?.into_iter().filter(|path| (kind.is)(path));
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
            let problem = format!(
                "{} beside class folders; move it into one of them",
                kind.called[0]
            );
            return Err(Error::format(&flat, problem));
        }
        if !listing.classes.is_empty() {
            for path in empty {
                tracing::warn!("{} in the class folder {}", kind.called[2], path.display());
            }
            let mut files: Vec<_> = places.into_iter().zip(listing.files).collect();
            files.sort_by_key(|(place, _)| *place);
            listing.files = files.into_iter().map(|(_, file)| file).collect();
        }
        if listing.files.is_empty() {
            let expected = kind.expected.to_owned();
            return Err(Error::NoImages {
                path: listing.dir,
                expected,
            });
        }
        if let Some(pattern) = kind.classes {
            listing.classify(pattern)?;
        }
        Ok(listing)
    }

    fn stems(&self) -> impl Iterator<Item = String> + '_ {
        self.files.iter().map(|(path, _)| stem(path))
    }

    /// Classes by the names of the files, in place of those by folders.
    fn classify(&mut self, pattern: &ClassPattern) -> Result<()> {
        let class = |(path, _): &(PathBuf, _)| {
            pattern.class_of(&stem(path)).ok_or_else(|| {
                Error::format(
                    path,
                    format!("its name does not fit --classes-from {pattern}"),
                )
            })
        };
        let names: Vec<String> = self.files.iter().map(class).collect::<Result<_>>()?;
        self.classes.clone_from(&names);
        self.classes.sort_unstable();
        self.classes.dedup();
        for ((_, class), name) in self.files.iter_mut().zip(&names) {
            *class = self.classes.binary_search(name).ok();
        }
        Ok(())
    }

    /// The files whose names fit, which are no longer here.
    fn split_off(&mut self, pattern: &NamePattern) -> Result<Self> {
        let fits = |path: &Path| pattern.fits(&stem(path));
        let all = std::mem::take(&mut self.files);
        let (held, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|(path, _)| fits(path));
        if held.is_empty() || rest.is_empty() {
            let which = if held.is_empty() { "no" } else { "every" };
            let problem = format!("{which} name in it fits --hold-out {pattern}");
            return Err(Error::format(&self.dir, problem));
        }
        self.files = rest;
        Ok(Self {
            dir: self.dir.clone(),
            classes: self.classes.clone(),
            files: held,
        })
    }

    fn read(&self, classes: &[String], kind: &Files<'_>) -> Result<Pile> {
        let (mut pile, mut labels) = ((kind.empty)(), Vec::new());
        let numbers: HashMap<&String, u32> = classes.iter().zip(0..).collect();
        // A few at a time on all cores, so that no more than these are in memory unscaled.
        for files in self.files.chunks(4 * rayon::current_num_threads()) {
            let read = |(path, _): &(PathBuf, _)| (kind.read)(path);
            let pictures: Vec<_> = files.par_iter().map(read).collect();
            for ((path, class), picture) in files.iter().zip(pictures) {
                pile.push(path, picture?)?;
                if let Some(class) = class {
                    // Classes are the union over splits, and this one is among them.
                    labels.push(numbers[&self.classes[*class]]);
                }
            }
        }
        Ok(pile.with_labels((!self.classes.is_empty()).then_some(labels)))
    }
}

/// The name of a file without its ending.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
