//! The fused routes as candle operations: a whole network, image by image, in one node of the graph.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, Weak};

use candle_core::{
    CpuStorage, CustomOp1, DType, Device, Error, Layout, Result, Shape, Tensor, TensorId,
};
use rayon::prelude::*;

use super::full::{Images, Workspace};
use super::{CONDITION, Program};
use crate::kernel::add_assign;
use crate::primitive::Training;
use crate::{lock, with_floats};

/// Into how many parts `batch` images are split for the gradient, each with a gradient of its own. It
/// follows from the program and the batch alone, so that sums have the same order on any number of
/// threads: fewer when a thread should take several images at once, or when the gradients would fill
/// the memory.
fn parts_of(program: &Program, batch: usize) -> usize {
    const PARTS: usize = 16;
    const FLOATS: usize = 1 << 26;
    let at_once = program.images_at_once().div_ceil(2);
    let most = batch.div_ceil(at_once).clamp(2, PARTS);
    (FLOATS / program.parameters.max(1)).clamp(2, most)
}

/// Buffers that nobody works in. All networks share them, for they rarely work at once: the averaged weights
/// that are scored while others are trained, the orders of a mixture. They go with the last network.
type Pool = Mutex<Vec<Workspace>>;

fn pool() -> Arc<Pool> {
    static POOL: Mutex<Weak<Pool>> = Mutex::new(Weak::new());
    let mut pool = lock(&POOL);
    pool.upgrade().unwrap_or_else(|| {
        let new = Arc::default();
        *pool = Arc::downgrade(&new);
        new
    })
}

/// A program with the buffers it works in.
pub(super) struct Fused {
    pub(super) program: Arc<Program>,
    idle: Arc<Pool>,
    partial: Mutex<Vec<Vec<f32>>>,
}

impl fmt::Debug for Fused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fused")
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

impl Fused {
    pub(super) fn new(program: Arc<Program>) -> Arc<Self> {
        Arc::new(Self {
            program,
            idle: pool(),
            partial: Mutex::default(),
        })
    }

    fn with_workspace<T>(&self, f: impl FnOnce(&mut Workspace) -> T) -> T {
        let mut idle = lock(&self.idle);
        let suits = idle.iter().rposition(|work| work.suits(&self.program));
        if suits.is_none() {
            // Networks of many sizes, as of recordings, leave one set of buffers after the other.
            let spare = idle.len().saturating_sub(2 * rayon::current_num_threads());
            idle.drain(..spare);
        }
        let mut work = suits.map(|i| idle.swap_remove(i)).unwrap_or_default();
        drop(idle);
        let result = f(&mut work);
        lock(&self.idle).push(work);
        result
    }

    /// All parameters one after the other, differentiable.
    fn flat_weights(&self) -> Result<Tensor> {
        let all = self.program.nodes.iter().flat_map(|n| &n.parameters);
        let flat = all.map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?;
        if flat.is_empty() {
            return Tensor::zeros(0, DType::F32, &Device::Cpu);
        }
        Tensor::cat(&flat, 0)
    }

    /// The numbers that describe every conditional, `(B, positions, C / V · P)`; no gradient.
    pub(super) fn conditionals(&self, all: Images<'_>) -> Result<Tensor> {
        let (program, output) = (&self.program, self.program.output);
        let (weights, many) = (self.weights()?.1, program.images_at_once());
        let batch = all.levels.len() / program.domain.dims();
        let (n, c) = (program.sites(output), program.width(output));
        let mut out = vec![0f32; batch * n * c];
        let parts = out.par_chunks_mut(many * n * c).enumerate();
        parts.for_each(|(i, out)| {
            let images = i * many..i * many + out.len() / (n * c);
            self.with_workspace(|work| {
                let some = self.some(all, images);
                out.copy_from_slice(program.forward(some, &weights, work));
            });
        });
        Tensor::from_vec(out, (batch, n, c), &Device::Cpu)
    }

    /// Negative log-likelihood of each image, `(B,)`, f64, in nats; differentiable.
    pub(super) fn nll(self: &Arc<Self>, levels: Vec<u32>, condition: Vec<f32>) -> Result<Tensor> {
        let operation = Nll {
            fused: self.clone(),
            levels,
            condition,
        };
        self.flat_weights()?.apply_op1(operation)
    }

    /// The mean negative log-likelihood of the images, and its gradient.
    pub(super) fn loss_and_gradient(
        &self,
        images: Images<'_>,
    ) -> Result<(f64, Vec<(TensorId, Tensor)>)> {
        let batch = images.levels.len() / self.program.domain.dims();
        let (flat, weights) = self.weights()?;
        let scales = vec![1.0 / batch as f32; batch];
        let (nll, gradient) = self.gradient(images, &flat, weights, &scales);
        let mut gradients = Vec::new();
        let mut rest = &gradient[..];
        for tensor in self.program.nodes.iter().flat_map(|node| &node.parameters) {
            let own = rest.split_off(..tensor.elem_count()).unwrap_or_default();
            let own = Tensor::from_slice(own, tensor.shape(), &Device::Cpu)?;
            gradients.push((tensor.id(), own));
        }
        Ok((nll.iter().sum::<f64>() / batch as f64, gradients))
    }

    /// All parameters and all weights, one after the other.
    pub(super) fn weights(&self) -> Result<(Vec<f32>, Vec<f32>)> {
        let mut flat = Vec::with_capacity(self.program.parameters);
        for tensor in self.program.nodes.iter().flat_map(|n| &n.parameters) {
            with_floats(&tensor.contiguous()?, |all| flat.extend_from_slice(all))?;
        }
        let weights = self.program.prepare(&flat);
        Ok((flat, weights))
    }

    /// Floats of the condition of one image.
    fn condition_width(&self) -> usize {
        self.program.sites(CONDITION) * self.program.width(CONDITION)
    }

    /// Images `range` of a batch.
    fn some<'a>(&self, all: Images<'a>, range: Range<usize>) -> Images<'a> {
        let (dims, f) = (self.program.domain.dims(), self.condition_width());
        Images {
            levels: &all.levels[range.start * dims..range.end * dims],
            condition: &all.condition[range.start * f..range.end * f],
            training: Training {
                first: all.training.first + range.start,
                ..all.training
            },
            scored: all.scored.map(|scored| &scored[range]),
        }
    }

    /// Likelihood of every image and the sum over images of `scales[i]` times the gradient with respect
    /// to the parameters `flat`.
    fn gradient(
        &self,
        images: Images<'_>,
        flat: &[f32],
        weights: Vec<f32>,
        scales: &[f32],
    ) -> (Vec<f64>, Vec<f32>) {
        let many = self.program.images_at_once();
        let per_part = scales.len().div_ceil(parts_of(&self.program, scales.len()));
        let mut partials = std::mem::take(&mut *lock(&self.partial));
        let parts = scales.len().div_ceil(per_part);
        partials.resize_with(parts, || vec![0.0; weights.len()]);
        let mut nll = vec![0f64; scales.len()];
        let parts = nll.par_chunks_mut(per_part).zip(&mut partials).enumerate();
        parts.for_each(|(part, (nll, grads))| {
            grads.fill(0.0);
            self.with_workspace(|work| {
                for (i, nll) in nll.chunks_mut(many).enumerate() {
                    let first = part * per_part + i * many;
                    let range = first..first + nll.len();
                    let (some, scales) = (self.some(images, range.clone()), &scales[range]);
                    self.program
                        .gradient_of(some, &weights, scales, nll, grads, work);
                }
            });
        });
        let mut total = weights;
        let pieces = total.par_chunks_mut(4096).enumerate();
        pieces.for_each(|(i, total)| {
            total.fill(0.0);
            for part in &partials {
                add_assign(total, &part[i * 4096..][..total.len()]);
            }
        });
        *lock(&self.partial) = partials;
        (nll, self.program.prepare_backward(flat, &total))
    }
}

/// Likelihoods of images as an operation on all parameters. Its backward pass goes through the images
/// again.
struct Nll {
    fused: Arc<Fused>,
    levels: Vec<u32>,
    condition: Vec<f32>,
}

impl CustomOp1 for Nll {
    fn name(&self) -> &'static str {
        "autoregressive-nll"
    }

    fn cpu_fwd(&self, w: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (fused, program) = (&self.fused, &self.fused.program);
        let weights = program.prepare(contiguous(w.as_slice::<f32>()?, layout)?);
        let many = program.images_at_once();
        let images = Images::of(&self.levels, &self.condition, None);
        let batch = self.levels.len() / program.domain.dims();
        let mut nll = vec![0f64; batch];
        nll.par_chunks_mut(many).enumerate().for_each(|(i, nll)| {
            let some = fused.some(images, i * many..i * many + nll.len());
            fused.with_workspace(|work| program.nll_of(some, &weights, nll, work));
        });
        Ok((CpuStorage::F64(nll), batch.into()))
    }

    fn bwd(&self, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let scales = grad.to_dtype(DType::F32)?.to_vec1::<f32>()?;
        let flat = w.to_vec1::<f32>()?;
        let weights = self.fused.program.prepare(&flat);
        let images = Images::of(&self.levels, &self.condition, None);
        let (_, total) = self.fused.gradient(images, &flat, weights, &scales);
        Ok(Some(Tensor::from_vec(total, w.shape(), w.device())?))
    }
}

fn contiguous<'a, T>(data: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    let offsets = layout.contiguous_offsets();
    let own = offsets.map(|(start, end)| &data[start..end]);
    own.ok_or_else(|| Error::Msg("expected contiguous data".into()))
}
