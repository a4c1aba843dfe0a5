//! How the same weight lies in another program's file.

use anyhow::{Result, ensure};
use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

/// How another program keeps a tensor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Layout {
    /// As here, but for axes of length 1.
    #[default]
    Same,
    /// `(out, in)` for our `(in, out)`.
    Transpose,
    /// `(out, in, rows, columns)`, `(out, in, taps)` or `(out, in)` for our `(taps, in, out)`: the first of
    /// its taps, row by row, are all that a causal kernel has; the others are dead and become zero.
    Conv,
}

impl Layout {
    /// As the mapping file has it.
    const fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Transpose => "transpose",
            Self::Conv => "conv",
        }
    }

    /// Another program's tensor as ours, of `shape`.
    ///
    /// # Errors
    /// When the shapes do not go together.
    pub(crate) fn to_ours(self, theirs: &Tensor, shape: &[usize]) -> Result<Tensor> {
        let theirs = theirs.to_dtype(DType::F32)?;
        let dims = theirs.dims().to_vec();
        let fits = |fits: bool| {
            let layout = self.name();
            ensure!(
                fits,
                "its shape {dims:?} does not become {shape:?} by the layout {layout}"
            );
            Ok(())
        };
        let ours = match (self, shape) {
            (Self::Same, _) => {
                fits(squeezed(&dims) == squeezed(shape))?;
                theirs.reshape(shape)?
            }
            (Self::Transpose, [n_in, n_out]) => {
                fits(dims == [*n_out, *n_in])?;
                theirs.t()?
            }
            (Self::Conv, [taps, n_in, n_out]) => {
                let has = dims.iter().skip(2).product::<usize>();
                fits(dims.len() >= 2 && dims[..2] == [*n_out, *n_in] && live(*taps, has))?;
                let flat = theirs.reshape((*n_out, *n_in, has))?; // (out, in, taps)
                flat.narrow(2, 0, *taps)?.permute((2, 1, 0))?
            }
            _ => {
                fits(false)?;
                theirs
            }
        };
        Ok(ours.contiguous()?)
    }

    /// Our tensor as another program keeps it; `kernel` has the lengths of a convolution's last axes.
    ///
    /// # Errors
    /// When the shapes do not go together.
    pub(crate) fn to_theirs(self, ours: &Tensor, kernel: &[usize]) -> Result<Tensor> {
        let dims = ours.dims().to_vec();
        let theirs = match (self, dims.as_slice()) {
            (Self::Same, _) => ours.clone(),
            (Self::Transpose, [_, _]) => ours.t()?,
            (Self::Conv, &[taps, n_in, n_out]) => {
                let has = kernel.iter().product::<usize>();
                ensure!(
                    live(taps, has),
                    "it has {taps} live taps, which are not those of a causal kernel of {kernel:?}"
                );
                let dead = Tensor::zeros((has - taps, n_in, n_out), DType::F32, &Device::Cpu)?;
                let all = Tensor::cat(&[ours, &dead], 0)?.permute((2, 1, 0))?; // (out, in, taps)
                all.reshape([&[n_out, n_in], kernel].concat())?
            }
            _ => anyhow::bail!(
                "its shape {dims:?} cannot be written by the layout {}",
                self.name()
            ),
        };
        Ok(theirs.contiguous()?)
    }
}

/// Whether `taps` of `has` live: all of them, or in a causal kernel what comes before its centre (type A),
/// or the centre too (type B).
fn live(taps: usize, has: usize) -> bool {
    [has, has / 2, has / 2 + 1].contains(&taps)
}

fn squeezed(shape: &[usize]) -> Vec<usize> {
    shape.iter().copied().filter(|&n| n != 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counting(shape: &[usize]) -> Tensor {
        let n = shape.iter().product::<usize>();
        let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    fn flat(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn a_kernel_keeps_its_first_taps() {
        let theirs = counting(&[2, 1, 3, 3]); // type A: the first 4 of 9 taps live
        let ours = Layout::Conv.to_ours(&theirs, &[4, 1, 2]).unwrap();
        assert_eq!(flat(&ours), [0.0, 9.0, 1.0, 10.0, 2.0, 11.0, 3.0, 12.0]);
        let back = Layout::Conv.to_theirs(&ours, &[3, 3]).unwrap();
        assert_eq!(back.dims(), [2, 1, 3, 3]);
        assert_eq!(
            flat(&back)[..9],
            [0.0, 1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        );
        let linear = Layout::Conv
            .to_ours(&counting(&[2, 3]), &[1, 3, 2])
            .unwrap();
        assert_eq!(flat(&linear), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        assert_eq!(Layout::Conv.to_theirs(&linear, &[]).unwrap().dims(), [2, 3]);
    }

    #[test]
    fn shapes_that_do_not_go_together_are_named() {
        for (layout, theirs, ours) in [
            (Layout::Same, vec![3, 2], vec![2, 3]),
            (Layout::Transpose, vec![3, 2], vec![3, 2]),
            (Layout::Conv, vec![2, 1, 3, 3], vec![10, 1, 2]),
            (Layout::Conv, vec![2, 1, 7, 7], vec![4, 1, 2]),
            (Layout::Conv, vec![2, 2, 3, 3], vec![4, 1, 2]),
            (Layout::Conv, vec![6], vec![6]),
        ] {
            let error = layout.to_ours(&counting(&theirs), &ours).unwrap_err();
            assert!(error.to_string().contains("does not become"), "{error}");
        }
        assert!(
            Layout::Conv
                .to_theirs(&counting(&[5, 1, 2]), &[2, 2])
                .is_err()
        );
        assert!(Layout::Transpose.to_theirs(&counting(&[5]), &[]).is_err());
    }

    #[test]
    fn axes_of_one_may_differ_and_types_are_widened() {
        let half = counting(&[2, 3]).to_dtype(DType::F16).unwrap();
        let ours = Layout::Same.to_ours(&half, &[1, 2, 3]).unwrap();
        assert_eq!((ours.dims(), ours.dtype()), (&[1, 2, 3][..], DType::F32));
        let there = Layout::Transpose
            .to_theirs(&counting(&[2, 3]), &[])
            .unwrap();
        let back = Layout::Transpose.to_ours(&there, &[2, 3]).unwrap();
        assert_eq!(flat(&back), flat(&counting(&[2, 3])));
    }
}
