//! A folder of PNGs; subfolders are splits or classes.

use std::path::{Path, PathBuf};

use super::bytes::{entries, file_name};
use super::png::read_png;
use crate::hold_out::complete;
use crate::{Dataset, Error, Images, LoadOptions, Result, Shape};

/// Other names that splits go by.
const VALIDATION: [&str; 3] = ["validation", "valid", "val"];

/// Whether a folder has a PNG in it or in a folder directly below, or folders of splits.
pub(crate) fn has_png(dir: &Path) -> bool {
    let Ok(paths) = entries(dir) else {
        return false;
    };
    dir.join("train").is_dir()
        || paths.iter().any(|path| {
            is_png(path)
                || path.is_dir() && entries(path).is_ok_and(|inner| inner.iter().any(|p| is_png(p)))
        })
}

/// Loads a folder with `train` (and `validation`, `test`) below it, or one without splits.
pub(crate) fn load_folder(dir: &Path, options: &LoadOptions) -> Result<Dataset> {
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
    let mut first = None;
    let mut read = |listing: &Listing| listing.read(&classes, &mut first);
    let train = read(&train)?;
    let validation = validation.as_ref().map(&mut read).transpose()?;
    let test = test.as_ref().map(&mut read).transpose()?;
    let (splits, held) = complete(train, validation, test, options)?;
    let source = format!("PNG files in {}; {held}", dir.display());
    Dataset::new(
        file_name(dir),
        source.trim_end_matches("; "),
        splits,
        classes,
    )
}

/// The PNGs of one split by name, one of each class in turn: the first few are of all classes then.
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
        let (mut flat, mut places) = (None, Vec::new());
        for path in entries(dir)? {
            if is_png(&path) {
                flat = Some(path.clone());
                listing.files.push((path, None));
            } else if path.is_dir() {
                let inner = entries(&path)?.into_iter().filter(|path| is_png(path));
                let class = Some(listing.classes.len());
                let before = listing.files.len();
                listing.files.extend(inner.map(|path| (path, class)));
                places.extend(0..listing.files.len() - before);
                if listing.files.len() > before {
                    listing.classes.push(file_name(&path));
                }
            }
        }
        if let Some(flat) = flat.filter(|_| !listing.classes.is_empty()) {
            let problem = "an image beside class folders; move it into one of them";
            return Err(Error::format(&flat, problem));
        }
        if !listing.classes.is_empty() {
            let mut files: Vec<_> = places.into_iter().zip(listing.files).collect();
            files.sort_by_key(|(place, _)| *place);
            listing.files = files.into_iter().map(|(_, file)| file).collect();
        }
        if listing.files.is_empty() {
            let expected = "*.png, or a folder of them for every class".to_owned();
            return Err(Error::NoImages {
                path: listing.dir,
                expected,
            });
        }
        Ok(listing)
    }

    /// Reads everything; `first` is the file whose shape all must have, across splits.
    fn read(&self, classes: &[String], first: &mut Option<(PathBuf, Shape)>) -> Result<Images> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for (path, class) in &self.files {
            let (shape, bytes) = read_png(path)?;
            let (first_path, first_shape) = first.get_or_insert_with(|| (path.clone(), shape));
            if *first_shape != shape {
                return Err(Error::MixedShapes {
                    first: first_path.clone(),
                    first_shape: *first_shape,
                    second: path.clone(),
                    second_shape: shape,
                });
            }
            pixels.extend(bytes.into_iter().map(u16::from));
            if let Some(class) = class {
                // Classes are the sorted union over splits, and this one is among them.
                let name = &self.classes[*class];
                labels.push(classes.binary_search(name).unwrap_or_default() as u32);
            }
        }
        let shape = first
            .as_ref()
            .map_or(Shape::new(1, 1, 1), |(_, shape)| *shape);
        let labels = (!self.classes.is_empty()).then_some(labels);
        Images::new(shape, 256, pixels, labels)
    }
}

fn is_png(path: &Path) -> bool {
    path.extension()
        .is_some_and(|end| end.eq_ignore_ascii_case("png"))
        && path.is_file()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use png::ColorType;

    use super::*;
    use crate::formats::png::tests::write;

    fn grey(path: &Path, value: u8) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(path, ColorType::Grayscale, 2, 1, &[value, value]);
    }

    fn load(dir: &Path) -> Result<Dataset> {
        load_folder(dir, &LoadOptions::default())
    }

    #[test]
    fn a_flat_folder_is_split_in_the_same_way_every_time() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..30 {
            grey(&dir.path().join(format!("{i:02}.png")), i);
        }
        fs::write(dir.path().join("notes.txt"), "not an image").unwrap();
        let set = load(dir.path()).unwrap();
        assert_eq!(
            (set.train.len(), set.validation.len(), set.test.len()),
            (25, 2, 3)
        );
        assert!(set.train.pixels().is_sorted() && set.train.labels().is_none());
        assert_eq!(set.fingerprint, load(dir.path()).unwrap().fingerprint);
        assert!(
            set.source
                .contains("3 of the training images held out for test"),
            "{}",
            set.source
        );
    }

    #[test]
    fn the_first_images_are_of_all_classes() {
        let dir = tempfile::tempdir().unwrap();
        for (class, count) in [("cat", 3), ("dog", 1), ("emu", 2)] {
            for i in 0..count {
                grey(&dir.path().join(format!("train/{class}/{i}.png")), i);
            }
        }
        let options = LoadOptions {
            test: 0,
            validation: 0,
            ..LoadOptions::default()
        };
        let set = load_folder(dir.path(), &options).unwrap();
        assert_eq!(set.train.labels(), Some(&[0, 1, 2, 0, 2, 0][..]));
    }

    #[test]
    fn folders_of_splits_and_classes() {
        let dir = tempfile::tempdir().unwrap();
        grey(&dir.path().join("train/dog/a.PNG"), 1);
        grey(&dir.path().join("train/cat/b.png"), 2);
        grey(&dir.path().join("valid/dog/c.png"), 3);
        grey(&dir.path().join("test/emu/d.png"), 4);
        let set = load(dir.path()).unwrap();
        assert_eq!(set.classes, ["cat", "dog", "emu"]);
        assert_eq!(
            (set.train.pixels(), set.train.labels()),
            (&[2, 2, 1, 1][..], Some(&[0, 1][..]))
        );
        assert_eq!(set.validation.labels(), Some(&[1][..]));
        assert_eq!(
            (set.test.pixels(), set.test.labels()),
            (&[4, 4][..], Some(&[2][..]))
        );
        assert_eq!(set.source, format!("PNG files in {}", dir.path().display()));
    }

    #[test]
    fn different_sizes_name_both_files() {
        let dir = tempfile::tempdir().unwrap();
        grey(&dir.path().join("train/a.png"), 1);
        fs::create_dir(dir.path().join("test")).unwrap();
        write(
            &dir.path().join("test/b.png"),
            ColorType::Grayscale,
            1,
            1,
            &[1],
        );
        let error = load(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("a.png is 1x1x2") && error.contains("b.png is 1x1x1"),
            "{error}"
        );
    }

    #[test]
    fn muddled_and_empty_folders_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(load(dir.path()), Err(Error::NoImages { .. })));
        grey(&dir.path().join("cat/a.png"), 1);
        grey(&dir.path().join("b.png"), 1);
        assert!(
            load(dir.path())
                .unwrap_err()
                .to_string()
                .contains("beside class folders")
        );
        let dir = tempfile::tempdir().unwrap();
        grey(&dir.path().join("train/cat/a.png"), 1);
        grey(&dir.path().join("test/b.png"), 1);
        assert!(
            load(dir.path())
                .unwrap_err()
                .to_string()
                .contains("some splits have class")
        );
    }
}
