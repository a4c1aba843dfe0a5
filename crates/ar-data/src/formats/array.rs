//! One array of integers in numpy's format, parsed here because a header is not to be believed.

use super::bytes::Bounded;
use super::npy_header::{Header, Kind};
use crate::{Error, Images, Result, Shape};

/// Sizes and raw elements.
#[derive(Debug)]
pub(crate) struct Array {
    shape: Vec<usize>,
    kind: Kind,
    fortran_order: bool,
    bytes: Vec<u8>,
}

impl Array {
    /// Reads header and elements.
    pub(crate) fn read(file: &mut Bounded<'_>) -> Result<Self> {
        let header = Header::read(file)?;
        let bytes = file.exactly(header.claimed())?;
        file.end()?;
        let shape = header.sizes.iter().map(|&size| size as usize).collect();
        let Header {
            kind,
            fortran_order,
            ..
        } = header;
        Ok(Self {
            shape,
            kind,
            fortran_order,
            bytes,
        })
    }

    /// Pixels in C order with the shape of an image: `(N, C, H, W)`, `(N, H, W)` or `(N, D)`, vectors being
    /// images of one row.
    pub(crate) fn pixels(&self, file: &Bounded<'_>) -> Result<(Shape, Vec<u16>)> {
        let shape = match *self.shape {
            [_, channels, height, width] => Shape::new(channels, height, width),
            [_, height, width] => Shape::new(1, height, width),
            [_, dims] => Shape::new(1, 1, dims),
            _ => {
                let problem = format!(
                    "an array of shape {:?}; images are (N, C, H, W), (N, H, W) or (N, D)",
                    self.shape
                );
                return Err(Error::format(file.path(), problem));
            }
        };
        if self.shape.contains(&0) {
            let expected = format!("its shape is {:?}", self.shape);
            return Err(Error::NoImages {
                path: file.path().to_path_buf(),
                expected,
            });
        }
        Ok((
            shape,
            self.values("a level must be between 0 and 65535", file)?,
        ))
    }

    /// Class numbers of an array of shape `(N)` or `(N, 1)`.
    pub(crate) fn labels(&self, file: &Bounded<'_>) -> Result<Vec<u32>> {
        if !matches!(*self.shape, [_] | [_, 1]) {
            let problem = format!("labels of shape {:?}; (N) expected", self.shape);
            return Err(Error::format(file.path(), problem));
        }
        let labels: Vec<u16> = self.values("a label must be between 0 and 65535", file)?;
        Ok(labels.into_iter().map(u32::from).collect())
    }

    fn values(&self, rule: &str, file: &Bounded<'_>) -> Result<Vec<u16>> {
        let Kind {
            size,
            signed,
            big_endian,
        } = self.kind;
        let mut values = Vec::with_capacity(self.bytes.len() / size);
        for element in self.bytes.chunks_exact(size) {
            let low = |i: usize| element[if big_endian { size - 1 - i } else { i }];
            let negative = signed && low(size - 1) >= 0x80;
            if negative || (2..size).any(|i| low(i) != 0) {
                return Err(Error::format(file.path(), rule));
            }
            values.push(u16::from_le_bytes([
                low(0),
                if size > 1 { low(1) } else { 0 },
            ]));
        }
        Ok(if self.fortran_order {
            to_c_order(&values, &self.shape)
        } else {
            values
        })
    }
}

/// First index fastest to last index fastest.
fn to_c_order(values: &[u16], shape: &[usize]) -> Vec<u16> {
    let mut index = vec![0; shape.len()];
    let mut out = Vec::with_capacity(values.len());
    for _ in 0..values.len() {
        let at = index
            .iter()
            .zip(shape)
            .rev()
            .fold(0, |at, (&i, &size)| at * size + i);
        out.push(values[at]);
        for (i, &size) in index.iter_mut().zip(shape).rev() {
            *i += 1;
            if *i < size {
                break;
            }
            *i = 0;
        }
    }
    out
}

/// Images of pixels that say nothing about their levels: two where no value is above 1, 256 where none is
/// above 255, else the next power of two.
pub(crate) fn native_levels(highest: u16) -> usize {
    match highest {
        0..=1 => 2,
        2..=255 => 256,
        _ => (usize::from(highest) + 1).next_power_of_two(),
    }
}

/// Images of the levels that [`native_levels`] finds.
pub(crate) fn images_of(
    shape: Shape,
    pixels: Vec<u16>,
    labels: Option<Vec<u32>>,
) -> Result<Images> {
    let native = native_levels(pixels.iter().copied().max().unwrap_or(0));
    Images::new(shape, native, pixels, labels)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::npy_header::MAGIC;
    use super::*;

    fn read(bytes: &[u8]) -> Result<(Shape, Vec<u16>)> {
        let mut file = Bounded::new(bytes, bytes.len() as u64, Path::new("x.npy"));
        let array = Array::read(&mut file)?;
        array.pixels(&file)
    }

    fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = [MAGIC, &[1, 0]].concat();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn integers_of_every_kind() {
        for (descr, data) in [
            ("|u1", vec![1, 2]),
            ("|b1", vec![1, 2]),
            ("<u2", vec![1, 0, 2, 0]),
            (">i4", vec![0, 0, 0, 1, 0, 0, 0, 2]),
            ("<i8", vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            let (shape, pixels) = read(&npy(descr, "False", "(1, 2)", &data)).unwrap();
            assert_eq!(
                (shape, pixels),
                (Shape::new(1, 1, 2), vec![1, 2]),
                "{descr}"
            );
        }
    }

    #[test]
    fn fortran_order_is_undone() {
        let (shape, pixels) = read(&npy("|u1", "True", "(1, 2, 3)", &[0, 3, 1, 4, 2, 5])).unwrap();
        assert_eq!(
            (shape, pixels),
            (Shape::new(1, 2, 3), vec![0, 1, 2, 3, 4, 5])
        );
    }

    #[test]
    fn bad_arrays_are_refused() {
        let problem = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(problem(&[]).contains("an empty file"));
        assert!(problem(b"PNG or other").contains("not an npy array"));
        assert!(problem(&npy("<f4", "False", "(1, 1)", &[0; 4])).contains("integers expected"));
        assert!(problem(&npy("|i1", "False", "(1, 1)", &[255])).contains("between 0 and 65535"));
        assert!(
            problem(&npy("<u4", "False", "(1, 1)", &[0, 0, 1, 0])).contains("between 0 and 65535")
        );
        assert!(problem(&npy("|u1", "False", "(2,)", &[0, 1])).contains("(N, C, H, W)"));
        assert!(problem(&npy("|u1", "False", "(1,1,1,1,1)", &[0])).contains("5 dimensions"));
        assert!(problem(&npy("|u1", "False", "(1, -1)", &[0])).contains("size \"-1\""));
        assert!(problem(&npy("|u1", "False", "(1, 1)", &[0, 0])).contains("more data"));
        assert!(matches!(
            read(&npy("|u1", "False", "(0, 3)", &[])),
            Err(Error::NoImages { .. })
        ));
        assert!(matches!(
            read(&npy("|u1", "False", "(2, 3)", &[0; 5])),
            Err(Error::Oversized { .. } | Error::Truncated { .. })
        ));
        let whole = npy("|u1", "False", "(2, 3)", &[0; 6]);
        for len in 0..whole.len() {
            assert!(read(&whole[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn enormous_claims_take_no_memory() {
        for shape in [
            "(4294967295, 4294967295)",
            "(18446744073709551615, 18446744073709551615, 3, 3)",
        ] {
            let claim = read(&npy("<u8", "False", shape, &[0; 4])).unwrap_err();
            assert!(matches!(claim, Error::Oversized { .. }), "{claim}");
        }
        let mut header = [MAGIC, &[2, 0]].concat();
        header.extend(u32::MAX.to_le_bytes());
        assert!(
            read(&header)
                .unwrap_err()
                .to_string()
                .contains("header of 4294967295 bytes")
        );
    }

    #[test]
    fn levels_are_rounded_up() {
        let found = [0, 1, 2, 255, 256, 511, 512, 65535].map(native_levels);
        assert_eq!(found, [2, 2, 256, 256, 512, 512, 1024, 65536]);
    }
}
