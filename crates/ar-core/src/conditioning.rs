use candle_core::{DType, Device, Tensor};
use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::{Domain, Error, Result};

/// What a model is conditioned on besides the values before: the c of p(x | c).
///
/// A condition of a batch is one tensor; its first dimension is the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Conditioning {
    /// Nothing.
    #[default]
    None,
    /// One of a number of classes: `(B,)`, `u32` in `0..classes`.
    Class {
        /// How many there are.
        classes: usize,
    },
    /// Two classes at once, one of each of two kinds, such as a digit and a speaker (WaveNet's global
    /// conditions, arXiv:1609.03499, section 2.5): `(B,)`, `u32`, class a of the first kind and b of the second as
    /// a · `of[1]` + b. What each adds is learned on its own.
    Classes {
        /// How many there are of each kind.
        of: [usize; 2],
    },
    /// A vector that describes the whole image: `(B, size)`, a float type.
    Vector {
        /// Its length.
        size: usize,
    },
    /// Features of every pixel, or of every square of pixels, known before any value is drawn:
    /// `(B, features, ⌈H / every⌉, ⌈W / every⌉)`, a float type. Of a sequence, one row, they are features at a
    /// lower rate (WaveNet's local condition, arXiv:1609.03499, section 2.5).
    Map {
        /// Features of a square.
        features: usize,
        /// Its side, a power of two: 1 for features of every pixel.
        #[serde(default = "one")]
        every: usize,
    },
}

fn one() -> usize {
    1
}

impl Conditioning {
    /// Checks that `condition` is what a batch of `batch` images over `domain` needs.
    ///
    /// # Errors
    /// [`Error::Input`] when it is missing, superfluous, of another shape or type, or names a class
    /// that does not exist.
    pub fn check(&self, condition: Option<&Tensor>, batch: usize, domain: &Domain) -> Result<()> {
        let shape = self.shape(batch, domain);
        let fits = match (self, condition) {
            (Self::None, None) => true,
            (Self::None, Some(_)) | (_, None) => false,
            (Self::Class { .. } | Self::Classes { .. }, Some(t)) => {
                t.dtype() == DType::U32 && t.dims() == shape
            }
            (_, Some(t)) => t.dtype().is_float() && t.dims() == shape,
        };
        let expected = match self {
            Self::None => "none: the model is unconditional".to_owned(),
            _ => match self.classes() {
                Some(classes) => format!("u32 classes in 0..{classes} of shape {shape:?}"),
                None => format!("floats of shape {shape:?}"),
            },
        };
        let refuse = |got| {
            Err(Error::Input {
                what: "condition",
                expected,
                got,
            })
        };
        if !fits {
            return refuse(condition.map_or("none".to_owned(), |t| {
                format!("{:?} of shape {:?}", t.dtype(), t.dims())
            }));
        }
        if let (Some(classes), Some(t)) = (self.classes(), condition) {
            let all = t.to_vec1::<u32>()?;
            if let Some(class) = all.iter().find(|&&c| c as usize >= classes) {
                return refuse(format!("class {class}"));
            }
        }
        Ok(())
    }

    /// How many classes there are, of two kinds every pair; none for other conditions.
    pub fn classes(&self) -> Option<usize> {
        match *self {
            Self::Class { classes } => Some(classes),
            Self::Classes { of } => Some(of[0] * of[1]),
            _ => None,
        }
    }

    /// Rows of a table in which every class has its own: of two kinds one after the other.
    pub fn class_rows(&self) -> Option<usize> {
        match *self {
            Self::Classes { of } => Some(of[0] + of[1]),
            _ => self.classes(),
        }
    }

    /// The rows of such a table that `class` adds up.
    pub fn rows_of(&self, class: usize) -> impl Iterator<Item = usize> + use<> {
        let rows = match *self {
            Self::Classes { of } => [Some(class / of[1]), Some(of[0] + class % of[1])],
            _ => [Some(class), None],
        };
        rows.into_iter().flatten()
    }

    /// Numbers of an image, or of a square of a map.
    pub fn features(&self) -> usize {
        match *self {
            Self::None => 0,
            Self::Class { .. } | Self::Classes { .. } => 1,
            Self::Vector { size } => size,
            Self::Map { features, .. } => features,
        }
    }

    /// Shape of a batch's condition; empty without one.
    pub fn shape(&self, batch: usize, domain: &Domain) -> Vec<usize> {
        match *self {
            Self::None => Vec::new(),
            Self::Class { .. } | Self::Classes { .. } => vec![batch],
            Self::Vector { size } => vec![batch, size],
            Self::Map { features, every } => {
                let [rows, columns] =
                    [domain.height, domain.width].map(|n| n.div_ceil(every.max(1)));
                vec![batch, features, rows, columns]
            }
        }
    }

    /// The condition of images with these labels: none where the model needs none.
    ///
    /// # Errors
    /// [`Error::Config`] when there are no labels, or the model needs what labels do not give.
    pub fn of_labels(&self, labels: Option<Vec<u32>>, device: &Device) -> Result<Option<Tensor>> {
        let problem = match (self, labels) {
            (Self::None, _) => return Ok(None),
            (Self::Class { .. } | Self::Classes { .. }, Some(labels)) => {
                let n = labels.len();
                return Ok(Some(Tensor::from_vec(labels, n, device)?));
            }
            (Self::Class { .. } | Self::Classes { .. }, None) => {
                "the model is conditioned on classes, and these images have no labels".to_owned()
            }
            _ => "the model is conditioned on numbers, which labels do not give".to_owned(),
        };
        Err(Error::config("condition", problem))
    }

    /// The condition that is a map of these features, `(B, features, squares)`.
    ///
    /// # Errors
    /// [`Error::Config`] when the model needs none.
    pub fn of_features(
        &self,
        features: Vec<f32>,
        batch: usize,
        domain: &Domain,
        device: &Device,
    ) -> Result<Tensor> {
        if !matches!(self, Self::Map { .. }) {
            let problem = "the model is not conditioned on the features of a map";
            return Err(Error::config("condition", problem));
        }
        let shape = self.shape(batch, domain);
        Ok(Tensor::from_vec(features, shape, device)?)
    }

    /// A random condition of a batch, to prove models with; none where there is nothing to draw.
    ///
    /// # Errors
    /// When the tensor cannot be made.
    pub fn random(
        &self,
        batch: usize,
        domain: &Domain,
        rng: &mut impl Rng,
        device: &Device,
    ) -> Result<Option<Tensor>> {
        let shape = self.shape(batch, domain);
        let n = shape.iter().product();
        Ok(match (*self, self.classes()) {
            (Self::None, _) => None,
            (_, Some(classes)) => {
                let all: Vec<u32> = (0..n)
                    .map(|_| rng.random_range(0..classes as u32))
                    .collect();
                Some(Tensor::from_vec(all, shape, device)?)
            }
            (_, None) => {
                let all: Vec<f32> = (0..n).map(|_| rng.random_range(-1.0..1.0)).collect();
                Some(Tensor::from_vec(all, shape, device)?)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_checked() {
        let domain = Domain::new(1, 2, 3, 4).unwrap();
        let class = Conditioning::Class { classes: 3 };
        let of = |v: Vec<u32>| Tensor::new(v, &Device::Cpu).unwrap();
        assert!(class.check(Some(&of(vec![0, 2])), 2, &domain).is_ok());
        for (condition, says) in [
            (Some(of(vec![0, 3])), "class 3"),
            (None, "none"),
            (Some(of(vec![0])), "[1]"),
        ] {
            let error = class.check(condition.as_ref(), 2, &domain).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(
            Conditioning::None
                .check(Some(&of(vec![0])), 1, &domain)
                .is_err()
        );
        let labels = class.of_labels(Some(vec![2, 0]), &Device::Cpu).unwrap();
        assert_eq!(labels.unwrap().to_vec1::<u32>().unwrap(), [2, 0]);
        assert!(class.of_labels(None, &Device::Cpu).is_err());
        let two = Conditioning::Classes { of: [2, 3] };
        assert_eq!((two.classes(), two.class_rows()), (Some(6), Some(5)));
        assert_eq!(two.rows_of(5).collect::<Vec<_>>(), [1, 4]);
        assert_eq!(class.rows_of(2).collect::<Vec<_>>(), [2]);
        let vector = Conditioning::Vector { size: 2 };
        assert!(vector.of_labels(Some(vec![1]), &Device::Cpu).is_err());
        let none = Conditioning::None.of_labels(None, &Device::Cpu);
        assert!(none.unwrap().is_none());
        let mut rng = crate::random::stream(0, "test", &[]);
        for kind in [
            Conditioning::None,
            class,
            Conditioning::Classes { of: [2, 3] },
            Conditioning::Vector { size: 2 },
            Conditioning::Map {
                features: 2,
                every: 2,
            },
        ] {
            let one = kind.random(5, &domain, &mut rng, &Device::Cpu).unwrap();
            kind.check(one.as_ref(), 5, &domain).unwrap();
        }
    }
}
