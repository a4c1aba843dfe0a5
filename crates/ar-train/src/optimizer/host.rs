//! The update on a CPU: one pass over five arrays, in place.

use std::cell::RefCell;

use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Shape, Tensor, Var, bail};
use rayon::prelude::*;

use super::Factors;
use crate::Result;
use crate::container::Array;

/// Values updated at a time: their five arrays stay in the second-level cache.
const CHUNK: usize = 1 << 13;

/// Values of a chunk that rest together until one of them has a gradient.
const LINE: usize = 1 << 8;

#[derive(Debug)]
pub(super) struct Memory {
    first: Vec<f32>,
    second: Vec<f32>,
    averaged: Option<Vec<f32>>,
    /// Of each [`LINE`], whether no gradient was ever there: moments are zero and the average is the weights.
    /// Half the weights under a triangular mask rest for good, and are not read for each update.
    rests: Vec<bool>,
}

impl Memory {
    pub(super) fn new(first: Array, second: Array, averaged: Option<Array>) -> Self {
        let lines = first.values.chunks(LINE).zip(second.values.chunks(LINE));
        let rests = lines.map(|(m, v)| is_zero(m) && is_zero(v)).collect();
        Self {
            rests,
            first: first.values,
            second: second.values,
            averaged: averaged.map(|array| array.values),
        }
    }

    pub(super) fn averaged(&self, shape: &Shape) -> Result<Option<Tensor>> {
        let tensor = |values: &Vec<f32>| Tensor::from_slice(values, shape, &Device::Cpu);
        Ok(self.averaged.as_ref().map(tensor).transpose()?)
    }

    pub(super) fn save(&self, shape: &[usize]) -> (Array, Option<Array>, Option<Array>) {
        let array = |values: &Vec<f32>| Array {
            shape: shape.to_vec(),
            values: values.clone(),
        };
        (
            array(&self.first),
            Some(array(&self.second)),
            self.averaged.as_ref().map(array),
        )
    }

    pub(super) fn update(&mut self, var: &Var, gradient: &Tensor, factors: Factors) -> Result<()> {
        Ok(var.inplace_op2(
            gradient,
            &Fused {
                memory: RefCell::new(self),
                factors,
            },
        )?)
    }
}

/// The library's way to write into a variable without a copy. It takes `&self`, hence the cell.
struct Fused<'a> {
    memory: RefCell<&'a mut Memory>,
    factors: Factors,
}

impl InplaceOp2 for Fused<'_> {
    fn name(&self) -> &'static str {
        "adam"
    }

    fn cpu_fwd(
        &self,
        weights: &mut CpuStorage,
        weights_layout: &Layout,
        gradient: &CpuStorage,
        gradient_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (CpuStorage::F32(weights), CpuStorage::F32(gradient)) = (weights, gradient) else {
            bail!("adam: weights and gradients must be f32");
        };
        let (Some(w), Some(g)) = (
            weights_layout.contiguous_offsets(),
            gradient_layout.contiguous_offsets(),
        ) else {
            bail!("adam: weights and gradients must be contiguous");
        };
        let (weights, gradient) = (&mut weights[w.0..w.1], &gradient[g.0..g.1]);
        let mut memory = self.memory.borrow_mut();
        let Memory {
            first,
            second,
            averaged,
            rests,
        } = &mut **memory;
        if [gradient.len(), first.len(), second.len()] != [weights.len(); 3] {
            bail!(
                "adam: a gradient of {} values for {} weights",
                gradient.len(),
                weights.len()
            );
        }
        let factors = self.factors;
        let averages: Vec<Option<&mut [f32]>> = match averaged {
            Some(averaged) => averaged.chunks_mut(CHUNK).map(Some).collect(),
            None => weights.chunks(CHUNK).map(|_| None).collect(),
        };
        weights
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(first.par_chunks_mut(CHUNK))
            .zip(second.par_chunks_mut(CHUNK))
            .zip(rests.par_chunks_mut(CHUNK / LINE))
            .zip(averages)
            .for_each(|(((((w, g), m), v), rests), mut e)| {
                for (i, rests) in rests.iter_mut().enumerate() {
                    let line = i * LINE..w.len().min((i + 1) * LINE);
                    *rests &= factors.keep == 1.0 && is_zero(&g[line.clone()]);
                    if *rests {
                        continue;
                    }
                    let w = &mut w[line.clone()];
                    adam(
                        w,
                        &g[line.clone()],
                        &mut m[line.clone()],
                        &mut v[line.clone()],
                        factors,
                    );
                    if let Some(e) = &mut e {
                        for (e, w) in e[line].iter_mut().zip(w) {
                            *e += factors.blend * (*w - *e);
                        }
                    }
                }
            });
        Ok(())
    }
}

/// Never for NaN. Counted, so that it is done in vectors.
fn is_zero(values: &[f32]) -> bool {
    values.iter().map(|&v| u32::from(v != 0.0)).sum::<u32>() == 0
}

fn adam(weights: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], f: Factors) {
    for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
        let g = g * f.scale;
        // Stored together: arrays as large as these begin at the same place of a page each, and a load that
        // follows a store to the same place of another waits for it.
        let moments = (
            *m * f.beta1 + g * f.one_minus_beta1,
            *v * f.beta2 + g * g * f.one_minus_beta2,
        );
        *w = *w * f.keep - moments.0 * f.rate / (moments.1.sqrt() * f.root + f.epsilon);
        (*m, *v) = moments;
    }
}
