//! `.npy` files of levels.

use std::io::Write as _;
use std::path::Path;

use super::array::{Array, nature};
use super::bytes::{Bounded, file_name};
use super::npy_header::MAGIC;
use crate::assemble::Found;
use crate::atomic::write_atomically;
use crate::pile::Pile;
use crate::{Error, Framing, LoadOptions, Result};

/// Bytes before the text of a header: magic, version, length.
const PREFIX: usize = 10;

/// The images of one array.
pub(crate) fn read_npy(path: &Path, options: &LoadOptions, framing: Framing) -> Result<Pile> {
    let mut file = Bounded::open(path)?;
    let array = Array::read(&mut file)?;
    let (shape, pixels) = array.pixels(options, &file)?;
    Pile::of_array(framing, path, shape, pixels)
}

/// A set of one array.
pub(crate) fn find_npy(path: &Path, options: &LoadOptions) -> Result<Found> {
    let pile = read_npy(path, options, options.framing)?;
    let said = format!("array {}", path.display());
    Ok(Found::only(file_name(path), said, nature(options), pile))
}

/// Writes levels of shape `(N, C, H, W)` as a `.npy` file, whole or not at all: as bytes where no level is
/// above 255, else as 16-bit integers. [`read_images`](crate::read_images) gives the same levels back.
///
/// # Errors
/// When the count does not fit the shape, a level is above 65535, or the file cannot be written.
pub fn write_npy(path: impl AsRef<Path>, shape: [usize; 4], levels: &[u32]) -> Result<()> {
    let path = path.as_ref();
    let expected = shape.iter().product();
    if levels.len() != expected {
        return Err(Error::Count {
            what: "levels",
            expected,
            got: levels.len(),
        });
    }
    let highest = highest(levels);
    if highest > u32::from(u16::MAX) {
        return Err(Error::LevelOutOfRange {
            value: highest,
            levels: 1 << 16,
        });
    }
    let [n, c, h, w] = shape;
    let wide = highest > u32::from(u8::MAX);
    let descr = if wide { "<u2" } else { "|u1" };
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': ({n}, {c}, {h}, {w}), }}");
    // Padded so that the data begin at a multiple of 64, as the format asks; the line feed counts.
    let padded = (PREFIX + header.len() + 1).next_multiple_of(64) - PREFIX - 1;
    write_atomically(path, |out| {
        out.write_all(MAGIC)?;
        out.write_all(&[1, 0])?;
        out.write_all(&(padded as u16 + 1).to_le_bytes())?;
        writeln!(out, "{header:padded$}")?;
        for &level in levels {
            let bytes = (level as u16).to_le_bytes();
            out.write_all(if wide { &bytes } else { &bytes[..1] })?;
        }
        Ok(())
    })
}

fn highest(levels: &[u32]) -> u32 {
    levels.iter().copied().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Shape, Source, load, read_images};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn written_levels_are_read_back(top in 1u32..65536, n in 1usize..4, c in 1usize..4, h in 1usize..5, w in 1usize..6) {
            let dir = tempfile::tempdir()?;
            let path = dir.path().join("x.npy");
            let levels: Vec<u32> = (0..(n * c * h * w) as u32).map(|i| i * 7919 % (top + 1)).collect();
            write_npy(&path, [n, c, h, w], &levels)?;
            let images = read_images(&path, &LoadOptions::default())?;
            prop_assert_eq!((images.len(), images.shape()), (n, Shape::new(c, h, w)));
            let back: Vec<u32> = images.pixels().iter().map(|&level| level.into()).collect();
            prop_assert_eq!(&back, &levels);
            // Another program reads the same.
            let other = npyz::NpyFile::new(std::fs::File::open(&path)?)?;
            prop_assert_eq!(other.shape(), [n, c, h, w].map(|size| size as u64));
            let other: Vec<u32> = if highest(&levels) > 255 {
                other.into_vec::<u16>()?.into_iter().map(u32::from).collect()
            } else {
                other.into_vec::<u8>()?.into_iter().map(u32::from).collect()
            };
            prop_assert_eq!(other, levels);
        }
    }

    #[test]
    fn bytes_are_used_where_they_do() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        for (highest, size) in [(255, 1), (256, 2)] {
            write_npy(&path, [1, 1, 1, 2], &[0, highest]).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(bytes.len(), 128 + 2 * size);
        }
    }

    #[test]
    fn wrong_counts_and_levels_write_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.npy");
        let count = write_npy(&path, [1, 1, 2, 2], &[0; 3]);
        assert!(matches!(
            count,
            Err(Error::Count {
                expected: 4,
                got: 3,
                ..
            })
        ));
        let level = write_npy(&path, [1, 1, 1, 1], &[65536]);
        assert!(matches!(
            level,
            Err(Error::LevelOutOfRange { value: 65536, .. })
        ));
        assert!(!path.exists());
    }

    #[test]
    fn a_set_of_one_array_has_splits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("set.npy");
        write_npy(&path, [40, 1, 1, 2], &(0..80).collect::<Vec<_>>()).unwrap();
        let set = load(&Source::Path(path), &LoadOptions::default()).unwrap();
        assert_eq!(
            (set.train.len(), set.validation.len(), set.test.len()),
            (33, 3, 4)
        );
        assert_eq!((set.name.as_str(), set.native_levels()), ("set.npy", 256));
    }
}
