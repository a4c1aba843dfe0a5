//! CIFAR-10's binary layout: records of a label byte and 32x32 red, green and blue planes.

use std::path::{Path, PathBuf};

use super::bytes::{Bounded, entries, file_name};
use crate::assemble::Found;
use crate::native::Nature;
use crate::pile::{Picture, Pile};
use crate::{Error, Framing, Result, Shape};

/// Names of the ten classes, in the order of their labels.
const CLASSES: [&str; 10] = [
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
];

const SHAPE: Shape = Shape::new(3, 32, 32);
const RECORD: usize = 1 + SHAPE.dims();

/// Which CIFAR-10 files a folder has.
#[derive(Debug)]
pub(crate) struct Cifar {
    train: Vec<PathBuf>,
    test: Option<PathBuf>,
}

impl Cifar {
    /// Looks for `data_batch_*.bin` and `test_batch.bin`; none where there is no training batch.
    pub(crate) fn find(dir: &Path) -> Option<Self> {
        let is_batch = |path: &PathBuf| {
            let name = file_name(path);
            let is_bin = path.extension().is_some_and(|end| end == "bin");
            name.starts_with("data_batch_") && is_bin && path.is_file()
        };
        let train: Vec<PathBuf> = entries(dir).ok()?.into_iter().filter(is_batch).collect();
        let test = Some(dir.join("test_batch.bin")).filter(|path| path.is_file());
        (!train.is_empty()).then_some(Self { train, test })
    }

    /// Reads training and test images, and says how many records there were.
    pub(crate) fn read(&self, dir: &Path, framing: Framing) -> Result<Found> {
        let train = read_records(&self.train, framing)?;
        let mut said = format!(
            "{} of 5 training batches, {} records",
            self.train.len(),
            train.len()
        );
        let test = match &self.test {
            None => None,
            Some(path) => {
                let test = read_records(std::slice::from_ref(path), framing)?;
                said = format!("{said}; test batch, {} records", test.len());
                Some(test)
            }
        };
        let said = format!("{}: CIFAR-10 binary files: {said}", dir.display());
        Ok(Found {
            test,
            classes: CLASSES.map(str::to_owned).to_vec(),
            ..Found::only(file_name(dir), said, Nature::Named, train)
        })
    }
}

fn read_records(paths: &[PathBuf], framing: Framing) -> Result<Pile> {
    let (mut pile, mut labels) = (Pile::new(framing), Vec::new());
    for path in paths {
        let len = path.metadata().map_err(Error::io("read", path))?.len();
        if len == 0 {
            let expected = format!("records of {RECORD} bytes");
            return Err(Error::NoImages {
                path: path.clone(),
                expected,
            });
        }
        let records = len.div_ceil(RECORD as u64);
        if len % RECORD as u64 != 0 {
            let expected = records * RECORD as u64;
            return Err(Error::Truncated {
                path: path.clone(),
                expected,
                got: len,
            });
        }
        let mut file = Bounded::open(path)?;
        for record in 0..records {
            let bytes = file.exactly(RECORD as u128)?;
            let label = bytes[0];
            if usize::from(label) >= CLASSES.len() {
                let problem = format!("not CIFAR-10: record {record} has label {label}, above 9");
                return Err(Error::format(path, problem));
            }
            labels.push(u32::from(label));
            let pixels = bytes[1..].iter().map(|&byte| u16::from(byte)).collect();
            pile.push(path, Picture::new(framing, SHAPE, pixels)?)?;
        }
    }
    Ok(pile.with_labels(Some(labels)))
}

/// Writes images and labels as records.
#[cfg(any(test, feature = "hub"))]
pub(crate) fn write_records(path: &Path, pixels: &[u8], labels: &[u8]) -> Result<()> {
    use std::io::Write as _;

    crate::atomic::write_atomically(path, |out| {
        for (image, &label) in pixels.chunks_exact(SHAPE.dims()).zip(labels) {
            out.write_all(&[label])?;
            out.write_all(image)?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn pixels(n: usize) -> Vec<u8> {
        (0..n * SHAPE.dims()).map(|i| (i % 253) as u8).collect()
    }

    #[test]
    fn records_of_all_batches_in_order() {
        let dir = tempfile::tempdir().unwrap();
        write_records(&dir.path().join("data_batch_2.bin"), &pixels(1), &[9]).unwrap();
        write_records(&dir.path().join("data_batch_1.bin"), &pixels(2), &[3, 0]).unwrap();
        write_records(&dir.path().join("test_batch.bin"), &pixels(1), &[1]).unwrap();
        let cifar = Cifar::find(dir.path()).unwrap();
        let found = cifar.read(dir.path(), Framing::default()).unwrap();
        let train = found.train.into_images(256).unwrap();
        assert_eq!(train.labels(), Some(&[3, 0, 9][..]));
        assert_eq!(train.image(1)[5], (3077 % 253) as u16);
        assert_eq!(train.shape(), SHAPE);
        assert_eq!(found.test.unwrap().labels(), Some(&[1][..]));
        let said =
            "CIFAR-10 binary files: 2 of 5 training batches, 3 records; test batch, 1 records";
        assert!(found.said.ends_with(said), "{}", found.said);
    }

    #[test]
    fn damaged_files_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data_batch_1.bin");
        let read = || {
            let cifar = Cifar::find(dir.path()).unwrap();
            cifar.read(dir.path(), Framing::default()).unwrap_err()
        };
        fs::write(&path, []).unwrap();
        assert!(matches!(read(), Error::NoImages { .. }));
        fs::write(&path, vec![0; RECORD + 7]).unwrap();
        assert!(matches!(
            read(),
            Error::Truncated {
                expected: 6146,
                got: 3080,
                ..
            }
        ));
        fs::write(&path, vec![10; RECORD]).unwrap();
        let wrong = read();
        assert!(wrong.to_string().contains("label 10"), "{wrong}");
    }
}
