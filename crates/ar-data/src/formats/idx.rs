//! MNIST's IDX: a zero word half, a type, a rank, big-endian sizes, then bytes. Raw or gzipped.

use std::path::{Path, PathBuf};

use super::bytes::{Bounded, file_name};
use crate::assemble::Found;
use crate::native::Nature;
use crate::pile::Pile;
use crate::{Error, Framing, Result, Shape};

const UNSIGNED_BYTE: u8 = 8;

/// Which files of a set in IDX format a folder has.
#[derive(Debug)]
pub(crate) struct Idx {
    train: Part,
    test: Option<Part>,
}

#[derive(Debug)]
struct Part {
    images: PathBuf,
    labels: Option<PathBuf>,
}

impl Idx {
    /// Looks for MNIST's file names; none where there are no training images.
    pub(crate) fn find(dir: &Path) -> Option<Self> {
        Some(Self {
            train: Part::find(dir, "train")?,
            test: Part::find(dir, "t10k"),
        })
    }

    /// Reads training and, where there are files of it, test images. The ten names of the digits are there
    /// even where a small set lacks some.
    pub(crate) fn read(&self, dir: &Path, framing: Framing) -> Result<Found> {
        let train = self.train.read(framing)?;
        let test = self
            .test
            .as_ref()
            .map(|part| part.read(framing))
            .transpose()?;
        let mut names = file_name(&self.train.images);
        if let Some(test) = &self.test {
            names = format!("{names}, {}", file_name(&test.images));
        }
        let said = format!("{}: IDX files {names}", dir.display());
        let found = Found {
            test,
            ..Found::only(file_name(dir), said, Nature::Values, train)
        };
        Ok(found.with_numbered_classes(10))
    }
}

impl Part {
    fn find(dir: &Path, stem: &str) -> Option<Self> {
        let images = locate(dir, &format!("{stem}-images"), 3)?;
        Some(Self {
            images,
            labels: locate(dir, &format!("{stem}-labels"), 1),
        })
    }

    fn read(&self, framing: Framing) -> Result<Pile> {
        let images = read_idx(&self.images, framing)?;
        let Some(path) = &self.labels else {
            return Ok(images);
        };
        let (sizes, bytes) = read(path, 1)?;
        if sizes[0] != images.len() {
            let problem = format!("{} labels for {} images", sizes[0], images.len());
            return Err(Error::format(path, problem));
        }
        Ok(images.with_labels(Some(bytes.into_iter().map(u32::from).collect())))
    }
}

/// Both spellings there are, raw before gzipped.
fn locate(dir: &Path, stem: &str, rank: usize) -> Option<PathBuf> {
    let spellings = [
        format!("{stem}-idx{rank}-ubyte"),
        format!("{stem}.idx{rank}-ubyte"),
    ];
    let zipped = spellings.clone().map(|name| format!("{name}.gz"));
    spellings
        .iter()
        .chain(&zipped)
        .map(|name| dir.join(name))
        .find(|path| path.is_file())
}

/// Images of one IDX file of rank 3, `(N, H, W)`.
pub(crate) fn read_idx(path: &Path, framing: Framing) -> Result<Pile> {
    let (sizes, bytes) = read(path, 3)?;
    let shape = Shape::new(1, sizes[1], sizes[2]);
    let pixels = bytes.into_iter().map(u16::from).collect();
    Pile::of_array(framing, path, shape, pixels)
}

/// Sizes and bytes of a file of the given rank.
fn read(path: &Path, rank: u8) -> Result<(Vec<usize>, Vec<u8>)> {
    let mut file = Bounded::open(path)?;
    let magic = file.header(4)?;
    if magic[..2] != [0, 0] {
        let problem = format!("not an IDX file: it begins with {magic:02x?}");
        return Err(Error::format(path, problem));
    }
    if magic[2] != UNSIGNED_BYTE || magic[3] != rank {
        let problem = format!(
            "IDX of type {:#04x} and rank {}; bytes (0x08) of rank {rank} expected",
            magic[2], magic[3]
        );
        return Err(Error::format(path, problem));
    }
    let header = file.header(4 * usize::from(rank))?;
    let sizes: Vec<u32> = header
        .chunks_exact(4)
        .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
        .collect();
    if sizes.contains(&0) {
        let expected = format!("its header says {sizes:?}");
        return Err(Error::NoImages {
            path: path.to_path_buf(),
            expected,
        });
    }
    // Three factors below 2^32 fit in 96 bits.
    let claimed = sizes.iter().map(|&size| u128::from(size)).product();
    let bytes = file.exactly(claimed)?;
    file.end()?;
    Ok((sizes.into_iter().map(|size| size as usize).collect(), bytes))
}

/// Writes sizes and bytes, gzipped.
#[cfg(any(test, feature = "hub"))]
pub(crate) fn write_gz(path: &Path, sizes: &[u32], bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;

    crate::atomic::write_atomically(path, |out| {
        let mut out = flate2::write::GzEncoder::new(out, flate2::Compression::fast());
        out.write_all(&[0, 0, UNSIGNED_BYTE, sizes.len() as u8])?;
        for size in sizes {
            out.write_all(&size.to_be_bytes())?;
        }
        out.write_all(bytes)?;
        out.finish().map(|_| ())
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read_idx_images(path: &Path) -> Result<Pile> {
        read_idx(path, Framing::default())
    }

    fn header(sizes: &[u32]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, sizes.len() as u8];
        bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
        bytes
    }

    fn file(sizes: &[u32], data: usize) -> Vec<u8> {
        let mut bytes = header(sizes);
        bytes.extend((0..data).map(|i| (i % 251) as u8));
        bytes
    }

    fn refused(bytes: &[u8]) -> Error {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        fs::write(&path, bytes).unwrap();
        read_idx_images(&path).unwrap_err()
    }

    #[test]
    fn both_spellings_raw_and_gzipped() {
        for (name, labels) in [
            ("train-images-idx3-ubyte", "train-labels-idx1-ubyte.gz"),
            ("train-images.idx3-ubyte", "train-labels.idx1-ubyte"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(name), file(&[3, 2, 5], 30)).unwrap();
            if labels.ends_with("gz") {
                write_gz(&dir.path().join(labels), &[3], &[7, 8, 9]).unwrap();
            } else {
                fs::write(
                    dir.path().join(labels),
                    [header(&[3]), vec![7, 8, 9]].concat(),
                )
                .unwrap();
            }
            let idx = Idx::find(dir.path()).unwrap();
            let found = idx.read(dir.path(), Framing::default()).unwrap();
            assert!(found.test.is_none() && found.classes.len() == 10);
            let train = found.train.into_images(256).unwrap();
            assert_eq!((train.shape(), train.len()), (Shape::new(1, 2, 5), 3));
            assert_eq!(train.image(1)[0], 10);
            assert_eq!(train.labels(), Some(&[7, 8, 9][..]));
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        assert!(refused(&[]).to_string().contains("an empty file"));
        assert!(matches!(
            refused(&[0, 0, 8]),
            Error::Truncated {
                expected: 4,
                got: 3,
                ..
            }
        ));
        assert!(matches!(refused(b"\x89PNG and more"), Error::Format { .. }));
        assert!(matches!(refused(&file(&[2, 2], 4)), Error::Format { .. }));
        assert!(matches!(
            refused(&file(&[0, 2, 2], 0)),
            Error::NoImages { .. }
        ));
        let short = file(&[3, 2, 5], 29);
        assert!(matches!(
            refused(&short),
            Error::Oversized { claimed: 30, .. } | Error::Truncated { .. }
        ));
        let long = refused(&file(&[3, 2, 5], 31));
        assert!(
            long.to_string().contains("more data than its header"),
            "{long}"
        );
    }

    #[test]
    fn four_billion_images_in_sixteen_bytes_take_no_memory() {
        let claim = refused(&header(&[u32::MAX, u32::MAX, u32::MAX]));
        assert!(
            matches!(claim, Error::Oversized { possible: 16, .. }),
            "{claim}"
        );
    }

    #[test]
    fn gzip_that_lies_or_breaks_off_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.gz");
        write_gz(&path, &[u32::MAX, 28, 28], &[1, 2, 3]).unwrap();
        assert!(matches!(
            read_idx_images(&path),
            Err(Error::Oversized { .. })
        ));
        write_gz(&path, &[4, 28, 28], &[1, 2, 3]).unwrap();
        assert!(matches!(
            read_idx_images(&path),
            Err(Error::Truncated {
                expected: 3136,
                got: 3,
                ..
            })
        ));
        // More inside than the header says: stops after one byte more.
        write_gz(&path, &[1, 2, 2], &vec![0; 1 << 20]).unwrap();
        assert!(matches!(read_idx_images(&path), Err(Error::Format { .. })));
        write_gz(
            &path,
            &[9, 9, 9],
            &(0..729).map(|i| (i * i % 251) as u8).collect::<Vec<_>>(),
        )
        .unwrap();
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(matches!(
            read_idx_images(&path),
            Err(Error::Truncated { expected: 729, .. })
        ));
    }

    #[test]
    fn labels_must_match_the_images() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(
            dir.path().join("train-images-idx3-ubyte"),
            file(&[3, 2, 5], 30),
        )
        .unwrap();
        fs::write(dir.path().join("train-labels-idx1-ubyte"), file(&[2], 2)).unwrap();
        let refused = Idx::find(dir.path())
            .unwrap()
            .read(dir.path(), Framing::default())
            .unwrap_err();
        assert!(
            refused.to_string().contains("2 labels for 3 images"),
            "{refused}"
        );
    }
}
