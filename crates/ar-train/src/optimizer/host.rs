//! The update on a CPU: one pass over five arrays, in place.

use std::cell::RefCell;

use candle_core::{CpuStorage, Device, InplaceOp2, Layout, Shape, Tensor, Var, bail};
use rayon::prelude::*;

use super::Factors;
use crate::Result;
use crate::container::Array;

/// Values updated at a time: their five arrays stay in the second-level cache.
const CHUNK: usize = 1 << 13;

#[derive(Debug)]
pub(super) struct Memory {
    first: Vec<f32>,
    second: Vec<f32>,
    averaged: Option<Vec<f32>>,
}

impl Memory {
    pub(super) fn new(first: Array, second: Array, averaged: Option<Array>) -> Self {
        Self {
            first: first.values,
            second: second.values,
            averaged: averaged.map(|array| array.values),
        }
    }

    pub(super) fn averaged(&self, shape: &Shape) -> Result<Option<Tensor>> {
        let tensor = |values: &Vec<f32>| Tensor::from_slice(values, shape, &Device::Cpu);
        Ok(self.averaged.as_ref().map(tensor).transpose()?)
    }

    pub(super) fn save(&self, shape: &[usize]) -> (Array, Array, Option<Array>) {
        let array = |values: &Vec<f32>| Array {
            shape: shape.to_vec(),
            values: values.clone(),
        };
        (
            array(&self.first),
            array(&self.second),
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
        } = &mut **memory;
        if [gradient.len(), first.len(), second.len()] != [weights.len(); 3] {
            bail!(
                "adam: a gradient of {} values for {} weights",
                gradient.len(),
                weights.len()
            );
        }
        let factors = self.factors;
        let adam = weights
            .par_chunks_mut(CHUNK)
            .zip(gradient.par_chunks(CHUNK))
            .zip(first.par_chunks_mut(CHUNK))
            .zip(second.par_chunks_mut(CHUNK));
        if let Some(averaged) = averaged {
            adam.zip(averaged.par_chunks_mut(CHUNK))
                .for_each(|((((w, g), m), v), e)| {
                    adam_chunk(w, g, m, v, factors);
                    for (e, w) in e.iter_mut().zip(w) {
                        *e += factors.blend * (*w - *e);
                    }
                });
        } else {
            adam.for_each(|(((w, g), m), v)| adam_chunk(w, g, m, v, factors));
        }
        Ok(())
    }
}

fn adam_chunk(
    weights: &mut [f32],
    gradient: &[f32],
    first: &mut [f32],
    second: &mut [f32],
    f: Factors,
) {
    for (((w, g), m), v) in weights.iter_mut().zip(gradient).zip(first).zip(second) {
        let g = g * f.scale;
        *m = *m * f.beta1 + g * f.one_minus_beta1;
        *v = *v * f.beta2 + g * g * f.one_minus_beta2;
        *w = *w * f.keep - *m * f.rate / (v.sqrt() * f.root + f.epsilon);
    }
}
