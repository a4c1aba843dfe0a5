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
    /// A vector that describes the whole image: `(B, size)`, a float type.
    Vector {
        /// Its length.
        size: usize,
    },
    /// Features of every pixel, known before any value is drawn: `(B, features, H, W)`, a float type.
    Map {
        /// Features of a pixel.
        features: usize,
    },
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
            (Self::Class { .. }, Some(t)) => t.dtype() == DType::U32 && t.dims() == shape,
            (_, Some(t)) => t.dtype().is_float() && t.dims() == shape,
        };
        let expected = match self {
            Self::None => "none: the model is unconditional".to_owned(),
            Self::Class { classes } => format!("u32 classes in 0..{classes} of shape {shape:?}"),
            _ => format!("floats of shape {shape:?}"),
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
        if let (Self::Class { classes }, Some(t)) = (self, condition) {
            let all = t.to_vec1::<u32>()?;
            if let Some(class) = all.iter().find(|&&c| c as usize >= *classes) {
                return refuse(format!("class {class}"));
            }
        }
        Ok(())
    }

    /// Shape of a batch's condition; empty without one.
    pub fn shape(&self, batch: usize, domain: &Domain) -> Vec<usize> {
        match *self {
            Self::None => Vec::new(),
            Self::Class { .. } => vec![batch],
            Self::Vector { size } => vec![batch, size],
            Self::Map { features } => vec![batch, features, domain.height, domain.width],
        }
    }

    /// The condition of images with these labels: none where the model needs none.
    ///
    /// # Errors
    /// [`Error::Config`] when there are no labels, or the model needs what labels do not give.
    pub fn of_labels(&self, labels: Option<Vec<u32>>, device: &Device) -> Result<Option<Tensor>> {
        let problem = match (self, labels) {
            (Self::None, _) => return Ok(None),
            (Self::Class { .. }, Some(labels)) => {
                let n = labels.len();
                return Ok(Some(Tensor::from_vec(labels, n, device)?));
            }
            (Self::Class { .. }, None) => {
                "the model is conditioned on classes, and these images have no labels".to_owned()
            }
            (other, _) => {
                format!("labels do not give {other:?}")
            }
        };
        Err(Error::config("condition", problem))
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
        Ok(match *self {
            Self::None => None,
            Self::Class { classes } => {
                let all: Vec<u32> = (0..n)
                    .map(|_| rng.random_range(0..classes as u32))
                    .collect();
                Some(Tensor::from_vec(all, shape, device)?)
            }
            Self::Vector { .. } | Self::Map { .. } => {
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
        let vector = Conditioning::Vector { size: 2 };
        assert!(vector.of_labels(Some(vec![1]), &Device::Cpu).is_err());
        let none = Conditioning::None.of_labels(None, &Device::Cpu);
        assert!(none.unwrap().is_none());
        let mut rng = crate::random::stream(0, "test", &[]);
        for kind in [
            Conditioning::None,
            class,
            Conditioning::Vector { size: 2 },
            Conditioning::Map { features: 2 },
        ] {
            let one = kind.random(5, &domain, &mut rng, &Device::Cpu).unwrap();
            kind.check(one.as_ref(), 5, &domain).unwrap();
        }
    }
}
