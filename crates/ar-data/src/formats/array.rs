//! One array of numbers in numpy's format, parsed here because a header is not to be believed.

use super::bytes::Bounded;
use super::npy_header::{Header, Kind, Number};
use crate::native::{BYTES, Nature};
use crate::{Error, Layout, LoadOptions, Result, Shape};

/// What every value must be that is taken as it is.
const WHOLE: &str = "not a whole number between 0 and 65535";

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

    /// Pixels in C order with the shape of an image: `(N, C, H, W)`, `(N, H, W, C)` if that is the
    /// layout, `(N, H, W)` or `(N, D)`, vectors being images of one row.
    pub(crate) fn pixels(
        &self,
        options: &LoadOptions,
        file: &Bounded<'_>,
    ) -> Result<(Shape, Vec<u16>)> {
        let mut channels_last = false;
        let shape = match *self.shape {
            [n, a, b, c] => {
                channels_last = options.layout == Some(Layout::Nhwc);
                if options.layout.is_none() && Layout::is_doubtful([n, a, b, c]) {
                    let problem = format!(
                        "an array of shape {:?} looks like (N, H, W, C); give --layout nhwc, or --layout nchw \
                         if it is (N, C, H, W)",
                        self.shape
                    );
                    return Err(Error::format(file.path(), problem));
                }
                if channels_last {
                    Shape::new(c, a, b)
                } else {
                    Shape::new(a, b, c)
                }
            }
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
        let values = if let Some(range) = options.data_range {
            let native = options.native_levels.unwrap_or(BYTES).min(1 << 16);
            let level = |value| range.level(value, native);
            self.values(level, &format!("outside --data-range {range}"), file)
        } else {
            let problem =
                format!("{WHOLE}; say what range of values there is with --data-range LOW..HIGH");
            self.values(whole, &problem, file)
        }?;
        Ok(if channels_last {
            (shape, to_planes(&values, shape))
        } else {
            (shape, values)
        })
    }

    /// Class numbers of an array of shape `(N)` or `(N, 1)`.
    pub(crate) fn labels(&self, file: &Bounded<'_>) -> Result<Vec<u32>> {
        if !matches!(*self.shape, [_] | [_, 1]) {
            let problem = format!("labels of shape {:?}; (N) expected", self.shape);
            return Err(Error::format(file.path(), problem));
        }
        let problem = format!("{WHOLE}, as a label must be");
        let labels: Vec<u16> = self.values(whole, &problem, file)?;
        Ok(labels.into_iter().map(u32::from).collect())
    }

    /// The level of every value in C order; one that has none is a `problem`.
    fn values(
        &self,
        level: impl Fn(f64) -> Option<u16>,
        problem: &str,
        file: &Bounded<'_>,
    ) -> Result<Vec<u16>> {
        let mut values = Vec::with_capacity(self.bytes.len() / self.kind.size);
        for element in self.bytes.chunks_exact(self.kind.size) {
            let value = number(element, self.kind);
            let Some(level) = level(value) else {
                let at = self.index(values.len());
                let problem = if value.is_finite() {
                    problem
                } else {
                    "not finite, as values must be"
                };
                let problem = format!("value {value} at {at:?} is {problem}");
                return Err(Error::format(file.path(), problem));
            };
            values.push(level);
        }
        Ok(if self.fortran_order {
            to_c_order(&values, &self.shape)
        } else {
            values
        })
    }

    /// Where on the axes the element is that is stored in this place.
    fn index(&self, place: usize) -> Vec<usize> {
        let mut index = vec![0; self.shape.len()];
        let mut rest = place;
        let mut step = |axis: usize| {
            index[axis] = rest % self.shape[axis];
            rest /= self.shape[axis];
        };
        if self.fortran_order {
            (0..self.shape.len()).for_each(&mut step);
        } else {
            (0..self.shape.len()).rev().for_each(&mut step);
        }
        index
    }
}

/// An element as a number. Integers too large for it to be exact are no levels either way.
fn number(element: &[u8], kind: Kind) -> f64 {
    let mut bytes = [0; 8];
    let used = &mut bytes[..kind.size];
    used.copy_from_slice(element);
    if kind.big_endian {
        used.reverse();
    }
    let bits = u64::from_le_bytes(bytes);
    match kind.number {
        Number::Unsigned => bits as f64,
        Number::Signed => {
            let unused = 64 - 8 * kind.size as u32;
            ((bits << unused) as i64 >> unused) as f64
        }
        Number::Float if kind.size == 4 => f32::from_bits(bits as u32).into(),
        Number::Float => f64::from_bits(bits),
    }
}

/// A value that is a level itself.
fn whole(value: f64) -> Option<u16> {
    let level = value as u16;
    (f64::from(level) == value).then_some(level)
}

/// What an array says of its levels.
pub(crate) fn nature(options: &LoadOptions) -> Nature {
    options.data_range.map_or(Nature::Values, Nature::Range)
}

/// `(N, H, W, C)` to `(N, C, H, W)`, the shape of an image of which is given.
fn to_planes(values: &[u16], shape: Shape) -> Vec<u16> {
    let mut out = Vec::with_capacity(values.len());
    for image in values.chunks_exact(shape.dims()) {
        for channel in 0..shape.channels {
            out.extend(image.iter().skip(channel).step_by(shape.channels));
        }
    }
    out
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

#[cfg(test)]
mod tests;
