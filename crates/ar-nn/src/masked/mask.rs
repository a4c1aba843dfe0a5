use std::sync::{Arc, Mutex};

use candle_core::{
    CpuStorage, CustomOp2, DType, Device, Error, Layout, Result, Shape, Storage, Tensor,
};
use rayon::prelude::*;

use super::layer::Units;
use crate::kernel::{GRADIENT_ROWS, SIDE, Staircase, outer};
use crate::lock;

/// Which weights `(in, out)` are live: those from a unit that is known no later than the other.
///
/// Applied in the graph, so that the weights that are masked keep their values (another mask may
/// use them) and get zero gradients. Never stored: with the units of both sides in order of degrees
/// what is live is a staircase.
#[derive(Debug, Clone)]
pub(super) struct Mask {
    from: Units,
    to: Units,
}

impl Mask {
    pub(super) fn new([from, to]: [&Units; 2]) -> Self {
        Self {
            from: from.clone(),
            to: to.clone(),
        }
    }

    /// `x (B, in)` by the live weights, `(B, out)`. In f32 on a CPU the others are not touched, neither here
    /// nor for the gradient, which then goes to `apart` where there is one.
    pub(super) fn product(
        &self,
        x: &Tensor,
        weight: &Tensor,
        apart: Option<&Apart>,
    ) -> Result<Tensor> {
        if x.device().is_cpu() && weight.dtype() == DType::F32 {
            let op = Live {
                mask: self.clone(),
                packed: Mutex::default(),
                apart: apart.cloned(),
            };
            return x.contiguous()?.apply_op2(weight, op);
        }
        x.matmul(&self.of_tensors(weight)?)
    }

    /// `weight` with zeros where the mask is, as differentiable tensor operations.
    fn of_tensors(&self, weight: &Tensor) -> Result<Tensor> {
        let device = weight.device();
        let from = Tensor::from_slice(&self.from.degrees, (self.from.len(), 1), device)?;
        let to = Tensor::from_slice(&self.to.degrees, (1, self.to.len()), device)?;
        weight.mul(&from.broadcast_le(&to)?.to_dtype(weight.dtype())?)
    }

    /// The live part of `weight`.
    fn pack(&self, weight: &[f32]) -> Staircase {
        let live = self.to.sorted.iter().map(|d| self.from.below(d + 1));
        let row = |i: usize| &weight[self.from.unit(i) * self.to.len()..][..self.to.len()];
        Staircase::pack(live.collect(), self.to.order.as_deref(), row)
    }

    /// Writes the gradient of the weight, zero so far, from its input `x (B, in)` and the gradient `g (B, out)`
    /// of its output.
    fn gradient(&self, x: &[f32], g: &[f32], batch: usize, all: &mut [f32]) {
        let (k, n) = (self.from.len(), self.to.len());
        let mut rows = vec![0.0; k * batch]; // (in, B) in order of degrees
        for (i, row) in rows.chunks_exact_mut(batch).enumerate() {
            let own = x[self.from.unit(i)..].iter().step_by(k);
            row.iter_mut().zip(own).for_each(|(out, x)| *out = *x);
        }
        let blocks = n.div_ceil(SIDE);
        let mut columns = vec![0.0; blocks * batch * SIDE]; // (out / SIDE, B, SIDE)
        for (block, own) in columns.chunks_exact_mut(batch * SIDE).enumerate() {
            let of = block * SIDE..n.min((block + 1) * SIDE);
            for (out, g) in own.chunks_exact_mut(SIDE).zip(g.chunks_exact(n)) {
                let g = of.clone().map(|p| g[self.to.unit(p)]);
                out.iter_mut().zip(g).for_each(|(out, g)| *out = g);
            }
        }
        let mut by_degree: Vec<Option<&mut [f32]>> = all.chunks_exact_mut(n).map(Some).collect();
        let sorted = (0..k).filter_map(|i| by_degree[self.from.unit(i)].take());
        let mut sorted: Vec<&mut [f32]> = sorted.collect();
        sorted
            .par_chunks_mut(GRADIENT_ROWS)
            .zip(rows.par_chunks(GRADIENT_ROWS * batch))
            .enumerate()
            .with_min_len(8)
            .for_each_init(Vec::new, |line: &mut Vec<f32>, (group, (out, x))| {
                let first = |r| self.to.below(self.from.sorted[group * GRADIENT_ROWS + r]);
                line.resize(GRADIENT_ROWS * blocks * SIDE, 0.0);
                let line = &mut line[..out.len() * blocks * SIDE];
                outer(x, batch, &columns, first(0) / SIDE..blocks, line);
                let rows = out.iter_mut().zip(line.chunks_exact(blocks * SIDE));
                for (r, (out, line)) in rows.enumerate() {
                    let first = first(r);
                    match &self.to.places {
                        None => out[first..].copy_from_slice(&line[first..n]),
                        Some(places) => {
                            for (out, &place) in out.iter_mut().zip(places.iter()) {
                                let place = place as usize;
                                *out = if place < first { 0.0 } else { line[place] };
                            }
                        }
                    }
                }
            });
    }
}

/// Rows `(B, units)` with units in order of degrees and images side by side: `(B / SIDE, units, SIDE)`.
fn side_by_side(rows: &[f32], units: &Units) -> Vec<f32> {
    let n = units.len().max(1);
    let batch = rows.len() / n;
    let mut all = vec![0.0; batch.div_ceil(SIDE) * n * SIDE];
    let blocks = all.chunks_exact_mut(n * SIDE);
    for (block, rows) in blocks.zip(rows.chunks(SIDE * n)) {
        for (i, out) in block.chunks_exact_mut(SIDE).enumerate() {
            let own = rows[units.unit(i)..].iter().step_by(n);
            out.iter_mut().zip(own).for_each(|(out, x)| *out = *x);
        }
    }
    all
}

/// The other way round, for `batch` images.
fn one_by_one(blocks: &[f32], units: &Units, batch: usize) -> Vec<f32> {
    let n = units.len();
    let mut rows = vec![0.0; batch * n];
    let blocks = blocks.chunks_exact((n * SIDE).max(1));
    for (rows, block) in rows.chunks_mut(SIDE * n).zip(blocks) {
        for (i, own) in block.chunks_exact(SIDE).enumerate() {
            let out = rows[units.unit(i)..].iter_mut().step_by(n);
            out.zip(own).for_each(|(out, x)| *out = *x);
        }
    }
    rows
}

/// Gradients of weights that the backward pass of one graph leaves here, each with its weight. The tensor
/// library adds every gradient it is given to zeros of the same shape: with large weights a third of a step.
#[derive(Debug, Clone, Default)]
pub(super) struct Apart(Arc<Mutex<Vec<(Tensor, Tensor)>>>);

impl Apart {
    pub(super) fn take(&self) -> Vec<(Tensor, Tensor)> {
        std::mem::take(&mut lock(&self.0))
    }

    fn put(&self, weight: &Tensor, gradient: Tensor) {
        lock(&self.0).push((weight.clone(), gradient));
    }
}

/// [`Mask::product`] on the host.
struct Live {
    mask: Mask,
    apart: Option<Apart>,
    /// The weight as the forward pass packed it, for the backward pass of the same graph.
    packed: Mutex<Option<Arc<Staircase>>>,
}

impl CustomOp2 for Live {
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
        let (x, weight) = (dense(x, x_layout)?, dense(weight, weight_layout)?);
        let Mask { from, to } = &self.mask;
        let batch = x_layout.dims()[0];
        let packed = Arc::new(self.mask.pack(weight));
        let x = side_by_side(x, from);
        let mut y = vec![0.0; batch.div_ceil(SIDE) * to.len() * SIDE];
        packed.product(&x, from.len(), &mut y);
        *lock(&self.packed) = Some(packed);
        let rows = one_by_one(&y, to, batch);
        Ok((CpuStorage::F32(rows), Shape::from((batch, to.len()))))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Mask { from, to } = &self.mask;
        let (batch, grad) = (x.dim(0)?, grad.contiguous()?);
        let (x_storage, x_layout) = x.storage_and_layout();
        let (g_storage, g_layout) = grad.storage_and_layout();
        let (Storage::Cpu(xs), Storage::Cpu(g)) = (&*x_storage, &*g_storage) else {
            return Err(not_here());
        };
        let (xs, g) = (dense(xs, x_layout)?, dense(g, g_layout)?);
        let by_x = || {
            let packed = lock(&self.packed);
            let packed = packed.as_ref().ok_or_else(not_here)?;
            let mut back = vec![0.0; batch.div_ceil(SIDE) * from.len() * SIDE];
            packed.product_back(&side_by_side(g, to), from.len(), &mut back);
            Tensor::from_vec(one_by_one(&back, from, batch), x.shape(), &Device::Cpu)
        };
        // The zeros meanwhile: they are most of what is written.
        let (mut by_weight, by_x) = rayon::join(
            || vec![0.0; weight.elem_count()],
            || x.track_op().then(by_x).transpose(),
        );
        self.mask.gradient(xs, g, batch, &mut by_weight);
        let by_weight = Tensor::from_vec(by_weight, weight.shape(), &Device::Cpu)?;
        let Some(apart) = &self.apart else {
            return Ok((by_x?, Some(by_weight)));
        };
        apart.put(weight, by_weight);
        Ok((by_x?, None))
    }
}

/// The elements of a contiguous operand.
fn dense<'a>(all: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    match (all, layout.contiguous_offsets()) {
        (CpuStorage::F32(all), Some((start, end))) => Ok(&all[start..end]),
        _ => Err(not_here()),
    }
}

fn not_here() -> Error {
    Error::Msg("a masked product on a CPU needs dense operands of f32".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    fn vars(n: usize, m: usize) -> Var {
        let all: Vec<f32> = (0..n * m).map(|i| (i as f32 * 1.3 + 0.4).sin()).collect();
        Var::from_tensor(&Tensor::from_vec(all, (n, m), &Device::Cpu).unwrap()).unwrap()
    }

    fn degrees(n: usize, most: u32, by: u32) -> Units {
        Units::new((0..n as u32).map(|i| i * by % (most + 1)).collect())
    }

    #[test]
    fn live_weights_alone_give_what_masked_weights_give() {
        for (batch, k, n, by) in [
            (1, 1, 1, 1),
            (5, 4, 3, 5),
            (33, 70, 45, 7),
            (16, 9, 130, 1),
            (2, 131, 16, 11),
        ] {
            let mask = Mask::new([&degrees(k, 9, by), &degrees(n, 8, by)]);
            let (x, weight) = (vars(batch, k), vars(k, n));
            let live = mask.product(&x, &weight, None).unwrap();
            let several = x.matmul(&mask.of_tensors(&weight).unwrap()).unwrap();
            let all = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            let close = |a: &Tensor, b: &Tensor| {
                let (a, b) = (all(a), all(b));
                a.iter()
                    .zip(&b)
                    .all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs()))
            };
            assert!(close(&live, &several), "{batch} {k} {n}");
            let of = |t: &Tensor| t.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let (by_live, by_several) = (of(&live), of(&several));
            for var in [&x, &weight] {
                let (a, b) = (by_live.get(var).unwrap(), by_several.get(var).unwrap());
                assert!(close(a, b), "{batch} {k} {n}");
            }
            let apart = Apart::default();
            let mut elsewhere = of(&mask.product(&x, &weight, Some(&apart)).unwrap());
            assert!(elsewhere.remove(&weight).is_none());
            let [(of_weight, gradient)] = &apart.take()[..] else {
                panic!("one gradient of one weight")
            };
            assert_eq!(of_weight.id(), weight.id());
            let gradient = all(gradient);
            assert_eq!(gradient, all(by_live.get(&weight).unwrap()));
            for (i, from) in mask.from.degrees.iter().enumerate() {
                for (j, to) in mask.to.degrees.iter().enumerate() {
                    assert!(from <= to || gradient[i * n + j] == 0.0);
                }
            }
        }
    }

    #[test]
    fn a_row_does_not_know_its_neighbours() {
        let mask = Mask::new([&degrees(90, 9, 7), &degrees(33, 9, 3)]);
        let (x, weight) = (vars(50, 90), vars(90, 33));
        let all = mask.product(&x, &weight, None).unwrap();
        let all = all.to_vec2::<f32>().unwrap();
        for (first, rows) in [(0, 1), (7, 1), (3, 16), (1, 17), (9, 41)] {
            let some = mask.product(&x.narrow(0, first, rows).unwrap(), &weight, None);
            assert_eq!(
                some.unwrap().to_vec2::<f32>().unwrap(),
                all[first..first + rows]
            );
        }
    }
}
