//! `.npz` archives: one array, or arrays named after splits.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use super::array::{Array, nature};
use super::bytes::{Bounded, file_name, most_inflated};
use crate::assemble::Found;
use crate::pile::Pile;
use crate::{Error, LoadOptions, Result};

const TRAIN: &[&str] = &["train"];
const VALIDATION: &[&str] = &["valid", "validation", "val"];
const TEST: &[&str] = &["test"];
/// What names of images consist of, besides the split.
const IMAGES: &[&str] = &["data", "images", "x"];
const LABELS: &[&str] = &["labels", "y", "targets"];

/// Reads `train_data`, `valid_data`, `test_data` and the like (`x_train`, `train_images`, .., labels as
/// `y_train`, `train_labels`, ..), or a single set in `x`, `images`, `data` or the only array there is.
pub(crate) fn find_npz(path: &Path, options: &LoadOptions) -> Result<Found> {
    let mut archive = Archive::open(path, options)?;
    let (train, validation, test) = if archive.find(TRAIN, IMAGES).is_some() {
        let train = archive.split(TRAIN)?;
        (train, archive.split(VALIDATION)?, archive.split(TEST)?)
    } else {
        (archive.only()?, None, None)
    };
    let Some(train) = train else {
        let names = archive.names.join(", ");
        let expected = format!("train_data or x, or a single array, expected among: {names}");
        return Err(Error::NoImages {
            path: path.to_path_buf(),
            expected,
        });
    };
    let said = format!("arrays of {}", path.display());
    let found = Found {
        validation,
        test,
        ..Found::only(file_name(path), said, nature(options), train)
    };
    Ok(found.with_numbered_classes(0))
}

struct Archive<'a> {
    path: &'a Path,
    options: &'a LoadOptions,
    zip: ZipArchive<BufReader<File>>,
    /// Of arrays, sorted.
    names: Vec<String>,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path, options: &'a LoadOptions) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| Error::format(path, format!("not a readable npz archive: {error}")))?;
        let mut names: Vec<String> = zip
            .file_names()
            .filter_map(|name| name.ok()?.strip_suffix(".npy").map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(Self {
            path,
            options,
            zip,
            names,
        })
    }

    /// The name made of one of `splits` and one of `what`, in either order.
    fn find(&self, splits: &[&str], what: &[&str]) -> Option<String> {
        let is = |name: &&String, split: &str, what: &str| {
            let name = name.to_ascii_lowercase();
            name == format!("{split}_{what}") || name == format!("{what}_{split}")
        };
        let mut pairs = splits
            .iter()
            .flat_map(|split| what.iter().map(move |what| (split, what)));
        let found =
            pairs.find_map(|(split, what)| self.names.iter().find(|name| is(name, split, what)));
        found.cloned()
    }

    fn split(&mut self, splits: &[&str]) -> Result<Option<Pile>> {
        let Some(images) = self.find(splits, IMAGES) else {
            return Ok(None);
        };
        let labels = self.find(splits, LABELS);
        self.part(&images, labels.as_deref()).map(Some)
    }

    /// The set of an archive without splits.
    fn only(&mut self) -> Result<Option<Pile>> {
        let named = |wanted: &[&str]| {
            let is = |name: &&String| {
                wanted
                    .iter()
                    .any(|wanted| name.eq_ignore_ascii_case(wanted))
            };
            self.names.iter().find(is).cloned()
        };
        let labels = named(LABELS);
        let images = named(IMAGES).or_else(|| match self.names.as_slice() {
            [only] => Some(only.clone()),
            _ => None,
        });
        images
            .map(|images| self.part(&images, labels.as_deref()))
            .transpose()
    }

    fn part(&mut self, images: &str, labels: Option<&str>) -> Result<Pile> {
        let options = self.options;
        let (shape, pixels) = self.array(images, |array, file| array.pixels(options, file))?;
        let labels = labels
            .map(|name| self.array(name, Array::labels))
            .transpose()?;
        let n = pixels.len() / shape.dims();
        if let Some(got) = labels.as_ref().map(Vec::len).filter(|&got| got != n) {
            let problem = format!("{got} labels for the {n} images of {images}");
            return Err(Error::format(self.path, problem));
        }
        let path = self.entry_path(images);
        let pile = Pile::of_array(options.framing, &path, shape, pixels)?;
        Ok(pile.with_labels(labels))
    }

    /// An array in messages: as if the archive were a folder.
    fn entry_path(&self, name: &str) -> PathBuf {
        self.path.join(format!("{name}.npy"))
    }

    /// Reads one array; the message of a failure names it.
    fn array<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Array, &Bounded<'_>) -> Result<T>,
    ) -> Result<T> {
        let entry_path = self.entry_path(name);
        let entry = self
            .zip
            .by_name(&format!("{name}.npy"))
            .map_err(|error| Error::format(&entry_path, error.to_string()))?;
        let possible = entry.size().min(most_inflated(entry.compressed_size()));
        let mut file = Bounded::new(entry, possible, &entry_path);
        let array = Array::read(&mut file)?;
        read(&array, &file)
    }
}

#[cfg(test)]
mod tests;
