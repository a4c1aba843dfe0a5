use std::sync::Arc;

use candle_core::{
    CpuStorage, CustomOp2, Device, Error, Layout, Result, Shape, Storage, Tensor, WithDType,
};
use rayon::prelude::*;

use super::product::product;

/// Which weights `(in, out)` are live: those from a unit that is known no later than the other.
///
/// Applied in the graph, so that the weights that are masked keep their values (another mask may
/// use them) and get zero gradients. Never stored: two rows of degrees say it all.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    from: Arc<[u32]>,
    to: Arc<[u32]>,
}

impl Mask {
    pub(super) fn new(from: &Arc<[u32]>, to: &Arc<[u32]>) -> Self {
        Self {
            from: from.clone(),
            to: to.clone(),
        }
    }

    /// `x (B, in)` by the live weights, `(B, out)`. On a CPU it is one operation, which neither
    /// keeps the masked weight nor computes the gradient of an `x` that needs none.
    pub(super) fn product(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        if x.device().is_cpu() {
            return x.contiguous()?.apply_op2(weight, self.clone());
        }
        product(x, &self.of_tensors(weight)?)
    }

    /// `weight` with zeros where the mask is, a constant, on a CPU.
    fn apply(&self, weight: &Tensor) -> Result<Tensor> {
        let (storage, layout) = weight.storage_and_layout();
        match &*storage {
            Storage::Cpu(CpuStorage::F32(w)) => self.select(dense(w, layout)?),
            Storage::Cpu(CpuStorage::F64(w)) => self.select(dense(w, layout)?),
            _ => Err(other_type()),
        }
    }

    /// The same as differentiable tensor operations.
    fn of_tensors(&self, weight: &Tensor) -> Result<Tensor> {
        let device = weight.device();
        let from = Tensor::from_slice(&self.from, (self.from.len(), 1), device)?;
        let to = Tensor::from_slice(&self.to, (1, self.to.len()), device)?;
        weight.mul(&from.broadcast_le(&to)?.to_dtype(weight.dtype())?)
    }

    /// Of plain numbers.
    fn select<T: WithDType>(&self, weight: &[T]) -> Result<Tensor> {
        let (rows, n) = (self.from.len(), self.to.len());
        let mut out = vec![T::zero(); rows * n];
        out.par_chunks_mut(n)
            .zip(weight.par_chunks(n))
            .zip(self.from.par_iter())
            .with_min_len(64)
            .for_each(|((out, weight), &from)| {
                for ((out, w), &to) in out.iter_mut().zip(weight).zip(self.to.iter()) {
                    *out = if from <= to { *w } else { T::zero() };
                }
            });
        Tensor::from_vec(out, (rows, n), &Device::Cpu)
    }

    fn forward<T: WithDType>(&self, x: &[T], shape: &Shape, weight: &[T]) -> Result<Vec<T>> {
        let x = Tensor::from_slice(x, shape, &Device::Cpu)?;
        product(&x, &self.select(weight)?)?.flatten_all()?.to_vec1()
    }
}

/// The elements of a contiguous operand.
fn dense<'a, T>(all: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => Err(Error::Msg("a masked product needs dense operands".into())),
    }
}

fn other_type() -> Error {
    Error::Msg("a masked product on a CPU is of f32 or f64".into())
}

impl CustomOp2 for Mask {
    fn name(&self) -> &'static str {
        "masked-product"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = x_layout.shape();
        let out = match (x, weight) {
            (CpuStorage::F32(x), CpuStorage::F32(w)) => CpuStorage::F32(self.forward(
                dense(x, x_layout)?,
                shape,
                dense(w, weight_layout)?,
            )?),
            (CpuStorage::F64(x), CpuStorage::F64(w)) => CpuStorage::F64(self.forward(
                dense(x, x_layout)?,
                shape,
                dense(w, weight_layout)?,
            )?),
            _ => return Err(other_type()),
        };
        Ok((out, Shape::from((shape.dims()[0], self.to.len()))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let by_x = || grad.matmul(&self.apply(weight)?.t()?);
        let by_weight = self.apply(&x.detach().t()?.matmul(grad)?)?;
        Ok((x.track_op().then(by_x).transpose()?, Some(by_weight)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    #[test]
    fn one_operation_agrees_with_several() {
        let (from, to): ([u32; 4], [u32; 3]) = ([3, 1, 1, 2], [1, 0, 2]);
        let mask = Mask::new(&from.into(), &to.into());
        let vars = |n: usize, m: usize| {
            let all: Vec<f64> = (0..n * m).map(|i| (i as f64 * 1.3 + 0.4).sin()).collect();
            Var::from_tensor(&Tensor::from_vec(all, (n, m), &Device::Cpu).unwrap()).unwrap()
        };
        let (x, weight) = (vars(5, 4), vars(4, 3));
        let fused = mask.product(&x, &weight).unwrap();
        let several = product(&x, &mask.of_tensors(&weight).unwrap()).unwrap();
        let all = |t: &Tensor| t.to_vec2::<f64>().unwrap();
        assert_eq!(all(&fused), all(&several));
        let of = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        let (fused, several) = (of(&fused), of(&several));
        for var in [&x, &weight] {
            assert_eq!(all(fused.get(var).unwrap()), all(several.get(var).unwrap()));
        }
        let gradient = all(fused.get(&weight).unwrap());
        let live = |i: usize, j: usize| from[i] <= to[j];
        assert!((0..12).all(|k| live(k / 3, k % 3) == (gradient[k / 3][k % 3] != 0.0)));
    }
}
