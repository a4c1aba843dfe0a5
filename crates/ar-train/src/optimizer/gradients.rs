use candle_core::{CpuStorage, Storage, Tensor};
use rayon::prelude::*;

use super::Optimizer;
use crate::{Error, Result};

/// Values summed at a time: a fixed split, so that the norm does not depend on the thread count.
const CHUNK: usize = 1 << 14;

/// A gradient for every parameter, sorted by name.
#[derive(Debug)]
pub(crate) struct Gradients(Vec<Tensor>);

impl Gradients {
    /// Takes the gradients of the optimiser's parameters.
    pub(crate) fn take(all: &mut ar_core::Gradients, optimizer: &Optimizer) -> Result<Self> {
        let take = |(name, var): (&str, &Tensor)| match all.take(var) {
            Some(gradient) => Ok(gradient.contiguous()?),
            None => Err(Error::NoGradient {
                name: name.to_owned(),
            }),
        };
        optimizer.named().map(take).collect::<Result<_>>().map(Self)
    }

    /// The gradients, in the order of the parameters.
    pub(crate) fn tensors(&self) -> &[Tensor] {
        &self.0
    }

    /// Global L2 norm over all parameters.
    pub(crate) fn norm(&self) -> Result<f64> {
        let squares: Option<Vec<f64>> = self.0.par_iter().map(host_squares).collect();
        let sum: f64 = match squares {
            Some(squares) => squares.iter().sum(),
            None => self.device_squares()?,
        };
        Ok(sum.sqrt())
    }

    /// The sum over all parameters, with one transfer from the device.
    fn device_squares(&self) -> Result<f64> {
        let sums = self
            .0
            .iter()
            .map(|g| g.sqr()?.sum_all())
            .collect::<candle_core::Result<Vec<_>>>()?;
        let sums = Tensor::stack(&sums, 0)?.to_vec1::<f32>()?;
        Ok(sums.into_iter().map(f64::from).sum())
    }
}

/// The sum over one parameter, in double precision, where its gradient is in this machine's memory.
fn host_squares(tensor: &Tensor) -> Option<f64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(values)) = &*storage else {
        return None;
    };
    let (start, end) = layout.contiguous_offsets()?;
    let partial: Vec<f64> = values[start..end]
        .par_chunks(CHUNK)
        .map(chunk_squares)
        .collect();
    Some(partial.iter().sum())
}

/// Eight sums side by side, which the compiler turns into vectors.
fn chunk_squares(values: &[f32]) -> f64 {
    let mut sums = [0f64; 8];
    let (eights, rest) = values.as_chunks::<8>();
    for eight in eights {
        for (sum, &v) in sums.iter_mut().zip(eight) {
            *sum += f64::from(v) * f64::from(v);
        }
    }
    let rest: f64 = rest.iter().map(|&v| f64::from(v) * f64::from(v)).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn the_norm_is_global_and_the_same_on_every_route() {
        let long: Vec<f32> = (0..40_003).map(|i| (i as f32).sin()).collect();
        let expected = (long
            .iter()
            .map(|&v| f64::from(v) * f64::from(v))
            .sum::<f64>()
            + 25.0)
            .sqrt();
        let tensor = |values: &[f32]| Tensor::new(values, &Device::Cpu).unwrap();
        let gradients = Gradients(vec![tensor(&long), tensor(&[3.0, -4.0])]);
        assert!((gradients.norm().unwrap() - expected).abs() < 1e-9);
        assert!((gradients.device_squares().unwrap().sqrt() - expected).abs() < 1e-3);
        assert!(
            Gradients(vec![tensor(&[1.0, f32::NAN])])
                .norm()
                .unwrap()
                .is_nan()
        );
    }
}
