//! `.npz` archives: one array, or arrays named after splits.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use zip::ZipArchive;

use super::array::{Array, native_levels};
use super::bytes::{Bounded, file_name, most_inflated};
use crate::hold_out::complete;
use crate::{Dataset, Error, Images, LoadOptions, Result, Shape};

const TRAIN: &[&str] = &["train"];
const VALIDATION: &[&str] = &["valid", "validation", "val"];
const TEST: &[&str] = &["test"];
/// What names of images consist of, besides the split.
const IMAGES: &[&str] = &["data", "images", "x"];
const LABELS: &[&str] = &["labels", "y", "targets"];

/// Pixels and labels of one split before the levels of the whole set are known.
struct Part {
    shape: Shape,
    pixels: Vec<u16>,
    labels: Option<Vec<u32>>,
}

/// Loads `train_data`, `valid_data`, `test_data` and the like (`x_train`, `train_images`, .., labels as
/// `y_train`, `train_labels`, ..), or a single set in `x`, `images`, `data` or the only array there is.
pub(crate) fn load_npz(path: &Path, options: &LoadOptions) -> Result<Dataset> {
    let mut archive = Archive::open(path)?;
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
    let parts = || {
        [Some(&train), validation.as_ref(), test.as_ref()]
            .into_iter()
            .flatten()
    };
    let highest = parts()
        .flat_map(|part| part.pixels.iter().copied())
        .max()
        .unwrap_or(0);
    let class = parts()
        .flat_map(|part| part.labels.iter().flatten().copied())
        .max();
    let classes = class.map_or_else(Vec::new, |last| (0..=last).map(|i| i.to_string()).collect());
    let native = native_levels(highest);
    let images = |part: Part| Images::new(part.shape, native, part.pixels, part.labels);
    let validation = validation.map(images).transpose()?;
    let test = test.map(images).transpose()?;
    let (splits, held) = complete(images(train)?, validation, test, options)?;
    let source = format!("arrays of {}; {held}", path.display());
    Dataset::new(
        file_name(path),
        source.trim_end_matches("; "),
        splits,
        classes,
    )
}

struct Archive<'a> {
    path: &'a Path,
    zip: ZipArchive<BufReader<File>>,
    /// Of arrays, sorted.
    names: Vec<String>,
}

impl<'a> Archive<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let zip = ZipArchive::new(BufReader::new(file))
            .map_err(|error| Error::format(path, format!("not a readable npz archive: {error}")))?;
        let mut names: Vec<String> = zip
            .file_names()
            .filter_map(|name| name.ok()?.strip_suffix(".npy").map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(Self { path, zip, names })
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

    fn split(&mut self, splits: &[&str]) -> Result<Option<Part>> {
        let Some(images) = self.find(splits, IMAGES) else {
            return Ok(None);
        };
        let labels = self.find(splits, LABELS);
        self.part(&images, labels.as_deref()).map(Some)
    }

    /// The set of an archive without splits.
    fn only(&mut self) -> Result<Option<Part>> {
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

    fn part(&mut self, images: &str, labels: Option<&str>) -> Result<Part> {
        let (shape, pixels) = self.array(images, Array::pixels)?;
        let labels = labels
            .map(|name| self.array(name, Array::labels))
            .transpose()?;
        let n = pixels.len() / shape.dims();
        if let Some(got) = labels.as_ref().map(Vec::len).filter(|&got| got != n) {
            let problem = format!("{got} labels for the {n} images of {images}");
            return Err(Error::format(self.path, problem));
        }
        Ok(Part {
            shape,
            pixels,
            labels,
        })
    }

    /// Reads one array; the message of a failure names it.
    fn array<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Array, &Bounded<'_>) -> Result<T>,
    ) -> Result<T> {
        let entry_path = self.path.join(format!("{name}.npy"));
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
mod tests {
    use std::fs;
    use std::io::Write as _;

    use npyz::WriterBuilder as _;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// Writes byte arrays, by name and shape, every other one compressed.
    fn write(path: &Path, arrays: &[(&str, &[u64], &[u8])]) {
        let mut zip = ZipWriter::new(File::create(path).unwrap());
        let methods = [
            zip::CompressionMethod::Stored,
            zip::CompressionMethod::Deflated,
        ];
        for ((name, shape, data), method) in arrays.iter().zip(methods.into_iter().cycle()) {
            let mut bytes = Vec::new();
            let npy = npyz::WriteOptions::new()
                .default_dtype()
                .shape(shape)
                .writer(&mut bytes);
            let mut npy = npy.begin_nd().unwrap();
            npy.extend(data.iter().copied()).unwrap();
            npy.finish().unwrap();
            let options = SimpleFileOptions::default().compression_method(method);
            zip.start_file(format!("{name}.npy"), options).unwrap();
            zip.write_all(&bytes).unwrap();
        }
        zip.finish().unwrap();
    }

    fn load(path: &Path) -> Result<Dataset> {
        load_npz(path, &LoadOptions::default())
    }

    #[test]
    fn splits_by_name_share_their_levels() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        let other = ("inputsize", &[][..], &[3][..]);
        write(
            &path,
            &[
                other,
                ("test_data", &[1, 3], &[0, 1, 9]),
                ("train_data", &[2, 3], &[1, 0, 1, 0, 0, 1]),
                ("valid_data", &[1, 3], &[1, 1, 1]),
                ("train_labels", &[2], &[1, 0]),
            ],
        );
        let set = load(&path).unwrap();
        assert_eq!(set.shape(), Shape::new(1, 1, 3));
        assert_eq!(
            (set.train.len(), set.validation.len(), set.test.len()),
            (2, 1, 1)
        );
        assert_eq!(
            (set.native_levels(), set.train.labels()),
            (256, Some(&[1, 0][..]))
        );
        assert_eq!(set.classes, ["0", "1"]);
    }

    #[test]
    fn other_names_and_single_sets() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        write(
            &path,
            &[
                ("x_train", &[2, 1, 2], &[1, 0, 1, 0]),
                ("x_test", &[1, 1, 2], &[0, 0]),
            ],
        );
        let set = load(&path).unwrap();
        assert_eq!((set.shape(), set.native_levels()), (Shape::new(1, 1, 2), 2));
        assert_eq!(
            (set.train.len(), set.validation.len(), set.test.len()),
            (1, 1, 1)
        );
        write(
            &path,
            &[
                ("images", &[3, 2], &[0; 6]),
                ("labels", &[3, 1], &[2, 1, 0]),
            ],
        );
        assert_eq!(load(&path).unwrap().classes.len(), 3);
        write(&path, &[("whatever", &[3, 2], &[0; 6])]);
        assert_eq!(load(&path).unwrap().train.len(), 1);
    }

    #[test]
    fn bad_archives_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npz");
        let problem = || load(&path).unwrap_err().to_string();
        write(&path, &[("a", &[1, 1], &[0]), ("b", &[1, 1], &[0])]);
        assert!(problem().contains("expected among: a, b"));
        write(&path, &[("x", &[2, 1], &[0, 1]), ("y", &[3], &[0, 1, 2])]);
        assert!(problem().contains("3 labels for the 2 images"));
        write(&path, &[("train", &[1, 1], &[0]), ("test", &[1, 1], &[0])]);
        let whole = fs::read(&path).unwrap();
        for len in (0..whole.len()).step_by(5) {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(load(&path).is_err(), "{len} bytes");
        }
    }
}
