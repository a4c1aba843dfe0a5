//! The fused routes as candle operations: a whole network, image by image, in one node of the graph.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, Error, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;

use super::full::{Images, Workspace};
use super::{CONDITION, Program};

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

/// A program with the buffers it works in.
pub(super) struct Fused {
    pub(super) program: Arc<Program>,
    idle: Mutex<Vec<Workspace>>,
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
            idle: Mutex::default(),
            partial: Mutex::default(),
        })
    }

    fn with_workspace<T>(&self, f: impl FnOnce(&mut Workspace) -> T) -> T {
        let mut work = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop()
            .unwrap_or_default();
        let result = f(&mut work);
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(work);
        result
    }

    /// All parameters one after the other, differentiable.
    fn flat_weights(&self) -> Result<Tensor> {
        let all = self.program.nodes.iter().flat_map(|n| &n.weights);
        Tensor::cat(
            &all.map(Tensor::flatten_all).collect::<Result<Vec<_>>>()?,
            0,
        )
    }

    /// Conditionals of every conditional, `(B, positions, C · P)`; no gradient.
    pub(super) fn conditionals(
        self: &Arc<Self>,
        levels: &Tensor,
        condition: Vec<f32>,
    ) -> Result<Tensor> {
        let operation = Conditionals {
            fused: self.clone(),
            condition,
        };
        levels
            .contiguous()?
            .apply_op2(&self.flat_weights()?.detach(), operation)
    }

    /// Negative log-likelihood of each image, `(B,)`, in nats.
    pub(super) fn nll(self: &Arc<Self>, levels: &Tensor, condition: Vec<f32>) -> Result<Tensor> {
        let weights = self.flat_weights()?;
        let gradient = weights.track_op().then(Mutex::default);
        levels.contiguous()?.apply_op2(
            &weights,
            Nll {
                fused: self.clone(),
                condition,
                gradient,
            },
        )
    }

    fn masked(&self, flat: &[f32]) -> Vec<f32> {
        let mut weights = flat.to_vec();
        self.program.mask_weights(&mut weights);
        weights
    }

    /// Floats of the condition of one image.
    fn condition_width(&self) -> usize {
        self.program.positions(CONDITION) * self.program.width(CONDITION)
    }

    /// Images `range` of a batch.
    fn some<'a>(&self, all: Images<'a>, range: std::ops::Range<usize>) -> Images<'a> {
        let (dims, f) = (self.program.domain.dims(), self.condition_width());
        Images {
            levels: &all.levels[range.start * dims..range.end * dims],
            condition: &all.condition[range.start * f..range.end * f],
        }
    }

    /// Likelihood of every image and the sum over images of `scales[i]` times the gradient.
    fn gradient(&self, images: Images<'_>, flat: &[f32], scales: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (weights, many) = (self.masked(flat), self.program.images_at_once());
        let per_part = scales.len().div_ceil(parts_of(&self.program, scales.len()));
        let mut partials =
            std::mem::take(&mut *self.partial.lock().unwrap_or_else(PoisonError::into_inner));
        let parts = scales.len().div_ceil(per_part);
        partials.resize_with(parts, || vec![0.0; weights.len()]);
        let mut nll = vec![0f32; scales.len()];
        nll.par_chunks_mut(per_part)
            .zip(&mut partials)
            .enumerate()
            .for_each(|(part, (nll, grads))| {
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
        total
            .par_chunks_mut(4096)
            .enumerate()
            .for_each(|(i, total)| {
                total.fill(0.0);
                for part in &partials {
                    crate::kernel::add_assign(total, &part[i * 4096..][..total.len()]);
                }
            });
        self.program.mask_weights(&mut total);
        *self.partial.lock().unwrap_or_else(PoisonError::into_inner) = partials;
        (nll, total)
    }
}

/// The levels, all of them below K: they are used as indices.
fn levels_of<'a>(program: &Program, data: &'a CpuStorage, layout: &Layout) -> Result<&'a [u32]> {
    let levels = contiguous(data.as_slice::<u32>()?, layout)?;
    program.domain.check_levels(levels).map_err(Error::wrap)?;
    Ok(levels)
}

fn contiguous<'a, T>(data: &'a [T], layout: &Layout) -> Result<&'a [T]> {
    let (start, end) = layout
        .contiguous_offsets()
        .ok_or_else(|| Error::Msg("expected contiguous data".into()))?;
    Ok(&data[start..end])
}

struct Conditionals {
    fused: Arc<Fused>,
    condition: Vec<f32>,
}

impl CustomOp2 for Conditionals {
    fn name(&self) -> &'static str {
        "autoregressive-conditionals"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let program = &self.fused.program;
        let (levels, flat) = (
            levels_of(program, x, lx)?,
            contiguous(w.as_slice::<f32>()?, lw)?,
        );
        let all = Images {
            levels,
            condition: &self.condition,
        };
        let (weights, many) = (self.fused.masked(flat), program.images_at_once());
        let (batch, n, c) = (
            levels.len() / program.domain.dims(),
            program.domain.positions(),
            program.width(program.output),
        );
        let mut out = vec![0f32; batch * n * c];
        out.par_chunks_mut(many * n * c)
            .enumerate()
            .for_each(|(i, out)| {
                let images = i * many..i * many + out.len() / (n * c);
                self.fused.with_workspace(|work| {
                    let some = self.fused.some(all, images);
                    out.copy_from_slice(program.forward(some, &weights, work));
                });
            });
        Ok((CpuStorage::F32(out), (batch, n, c).into()))
    }
}

/// With `gradient`, the forward pass goes on to the gradient of the sum over images while an
/// image's activations are still in the cache; the backward pass then only scales it.
struct Nll {
    fused: Arc<Fused>,
    condition: Vec<f32>,
    gradient: Option<Mutex<Option<Vec<f32>>>>,
}

impl CustomOp2 for Nll {
    fn name(&self) -> &'static str {
        "autoregressive-nll"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        lx: &Layout,
        w: &CpuStorage,
        lw: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let program = &self.fused.program;
        let (levels, flat) = (
            levels_of(program, x, lx)?,
            contiguous(w.as_slice::<f32>()?, lw)?,
        );
        let images = Images {
            levels,
            condition: &self.condition,
        };
        let batch = levels.len() / program.domain.dims();
        let nll = if let Some(stash) = &self.gradient {
            let (nll, gradient) = self.fused.gradient(images, flat, &vec![1.0; batch]);
            *stash.lock().unwrap_or_else(PoisonError::into_inner) = Some(gradient);
            nll
        } else {
            let (weights, many) = (self.fused.masked(flat), program.images_at_once());
            let mut nll = vec![0f32; batch];
            nll.par_chunks_mut(many).enumerate().for_each(|(i, nll)| {
                let some = self.fused.some(images, i * many..i * many + nll.len());
                self.fused
                    .with_workspace(|work| program.nll_of(some, &weights, nll, work));
            });
            nll
        };
        Ok((CpuStorage::F32(nll), batch.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let scales = grad.to_vec1::<f32>()?;
        let stashed = self
            .gradient
            .as_ref()
            .and_then(|g| g.lock().unwrap_or_else(PoisonError::into_inner).take());
        let uniform = scales.iter().all(|s| *s == scales[0]);
        let total = match stashed {
            Some(mut gradient) if uniform => {
                crate::kernel::scale(&mut gradient, scales[0]);
                gradient
            }
            // Images weigh differently, or this is a second backward pass: compute it again.
            _ => {
                let ((x, lx), (w, lw)) = (x.storage_and_layout(), w.storage_and_layout());
                let (Storage::Cpu(x), Storage::Cpu(w)) = (&*x, &*w) else {
                    return Err(Error::Msg("the fused route runs on a CPU only".into()));
                };
                let (levels, flat) = (
                    contiguous(x.as_slice::<u32>()?, lx)?,
                    contiguous(w.as_slice::<f32>()?, lw)?,
                );
                let images = Images {
                    levels,
                    condition: &self.condition,
                };
                self.fused.gradient(images, flat, &scales).1
            }
        };
        Ok((None, Some(Tensor::from_vec(total, w.shape(), w.device())?)))
    }
}
