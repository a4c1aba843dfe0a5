//! Adam with decoupled weight decay and Muon, whose memory can be saved, and averaged weights.

mod gradients;
mod host;
mod muon;
mod tensors;
#[cfg(test)]
mod tests;

use ar_core::Weights;
use std::collections::BTreeMap;

use candle_core::{Device, Tensor, Var};
use rayon::prelude::*;

use crate::checkpoint::check_name;
use crate::container::Array;
use crate::state::{Arrays, Snapshot};
use crate::{Error, OptimizerKind, Result};

pub(crate) use gradients::Gradients;

/// Every parameter with its memory, sorted by name.
#[derive(Debug)]
pub(crate) struct Optimizer {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    name: String,
    var: Var,
    memory: Memory,
}

/// Moments and average of one parameter, where the parameter lives.
#[derive(Debug)]
enum Memory {
    Host(host::Memory),
    Tensors(tensors::Memory),
}

impl OptimizerKind {
    /// Whether this optimiser has something to do with parameters of these shapes.
    ///
    /// # Errors
    /// [`Error::NothingForMuon`].
    pub fn suits<'a>(self, shapes: impl IntoIterator<Item = &'a [usize]>) -> Result<()> {
        let any = shapes.into_iter().any(|shape| self.matrix(shape).is_some());
        if self == Self::Muon && !any {
            return Err(Error::NothingForMuon);
        }
        Ok(())
    }

    /// The matrix by which a parameter of `shape` is updated, if it is by its matrix.
    fn matrix(self, shape: &[usize]) -> Option<(usize, usize)> {
        match self {
            Self::Adam => None,
            Self::Muon => muon::matrix(shape),
        }
    }
}

/// One update in numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Update {
    pub(crate) learning_rate: f64,
    pub(crate) beta1: f64,
    pub(crate) beta2: f64,
    pub(crate) epsilon: f64,
    pub(crate) momentum: f64,
    pub(crate) weight_decay: f64,
    /// Factor of the gradient, from clipping.
    pub(crate) gradient_scale: f64,
    /// Decay of the averaged weights.
    pub(crate) ema_decay: f64,
    /// Which update, counted from 1.
    pub(crate) step: u64,
}

/// An [`Update`] as single-precision factors, so that every route does the same arithmetic.
#[derive(Debug, Clone, Copy)]
struct Factors {
    scale: f32,
    beta1: f32,
    beta2: f32,
    one_minus_beta1: f32,
    one_minus_beta2: f32,
    /// Learning rate over the bias correction of the first moment.
    rate: f32,
    /// One over the square root of the bias correction of the second.
    root: f32,
    epsilon: f32,
    /// What weight decay leaves.
    keep: f32,
    /// Share of the new weights in the average.
    blend: f32,
}

impl Update {
    fn factors(&self, rank: usize) -> Factors {
        let corrections = [self.beta1, self.beta2].map(|beta| 1.0 - beta.powf(self.step as f64));
        let decay = if rank >= 2 { self.weight_decay } else { 0.0 };
        Factors {
            scale: self.gradient_scale as f32,
            beta1: self.beta1 as f32,
            beta2: self.beta2 as f32,
            one_minus_beta1: (1.0 - self.beta1) as f32,
            one_minus_beta2: (1.0 - self.beta2) as f32,
            rate: (self.learning_rate / corrections[0]) as f32,
            root: corrections[1].sqrt().recip() as f32,
            epsilon: self.epsilon as f32,
            keep: (1.0 - self.learning_rate * decay) as f32,
            blend: (1.0 - self.ema_decay) as f32,
        }
    }
}

impl Optimizer {
    /// Fresh moments; the average starts at the weights.
    pub(crate) fn new(
        vars: &BTreeMap<String, Var>,
        kind: OptimizerKind,
        averaging: bool,
    ) -> Result<Self> {
        kind.suits(vars.values().map(|var| var.dims()))?;
        let mut weights = Arrays::new();
        for (name, var) in vars {
            check_name(name)?;
            weights.insert(name.clone(), Array::from_tensor(name, var)?);
        }
        let zeros = |a: &Array| Array {
            shape: a.shape.clone(),
            values: vec![0.0; a.values.len()],
        };
        let zeros: Arrays = weights
            .iter()
            .map(|(name, array)| (name.clone(), zeros(array)))
            .collect();
        let averaged = averaging.then(|| weights.clone());
        Self::with_vars(
            vars,
            kind,
            Snapshot {
                weights,
                averaged,
                first: zeros.clone(),
                second: zeros,
            },
        )
    }

    /// The saved weights as new variables on `device`, with their memory.
    pub(crate) fn restore(
        snapshot: Snapshot,
        kind: OptimizerKind,
        device: &Device,
    ) -> Result<Self> {
        let mut vars = BTreeMap::new();
        for (name, array) in &snapshot.weights {
            vars.insert(name.clone(), Var::from_tensor(&array.to_tensor(device)?)?);
        }
        Self::with_vars(&vars, kind, snapshot)
    }

    fn with_vars(
        vars: &BTreeMap<String, Var>,
        kind: OptimizerKind,
        snapshot: Snapshot,
    ) -> Result<Self> {
        let Snapshot {
            mut averaged,
            mut first,
            mut second,
            ..
        } = snapshot;
        let mut slots = Vec::with_capacity(vars.len());
        for (name, var) in vars {
            let missing = || Error::parameter(name, "has no moments");
            let first = first.remove(name).ok_or_else(missing)?;
            let averaged = averaged
                .as_mut()
                .map(|all| all.remove(name).ok_or_else(missing))
                .transpose()?;
            let device = var.device();
            let memory = if let Some(matrix) = kind.matrix(var.dims()) {
                let averaged = averaged.as_ref();
                Memory::Tensors(tensors::Memory::muon(&first, matrix, averaged, device)?)
            } else {
                let second = second.remove(name).ok_or_else(missing)?;
                if device.is_cpu() {
                    Memory::Host(host::Memory::new(first, second, averaged))
                } else {
                    let averaged = averaged.as_ref();
                    Memory::Tensors(tensors::Memory::adam(&first, &second, averaged, device)?)
                }
            };
            slots.push(Slot {
                name: name.clone(),
                var: var.clone(),
                memory,
            });
        }
        Ok(Self { slots })
    }

    /// The variables themselves, for the model that is trained.
    pub(crate) fn weights(&self) -> Weights {
        let own = self.slots.iter();
        own.map(|s| (s.name.clone(), s.var.as_tensor().clone()))
            .collect()
    }

    /// Copies to validate and sample with: averaged where averaging is on. No graph leads to them.
    pub(crate) fn detached(&self) -> Result<Weights> {
        let mut weights = BTreeMap::new();
        for slot in &self.slots {
            let averaged = match &slot.memory {
                Memory::Host(memory) => memory.averaged(slot.var.shape())?,
                Memory::Tensors(memory) => memory.averaged.clone(),
            };
            let tensor = match averaged {
                Some(averaged) => averaged,
                None => slot.var.as_tensor().copy()?.detach(),
            };
            weights.insert(slot.name.clone(), tensor);
        }
        Ok(Weights::from(weights))
    }

    /// One update of every parameter, its moments and its average.
    pub(crate) fn update(&mut self, gradients: &Gradients, update: &Update) -> Result<()> {
        let one = |(slot, gradient): (&mut Slot, &Tensor)| {
            let var = &slot.var;
            match &mut slot.memory {
                Memory::Host(memory) => memory.update(var, gradient, update.factors(var.rank())),
                Memory::Tensors(memory) => memory.update(var, gradient, update),
            }
        };
        // A device queues its work from one thread.
        if self.slots.iter().all(|slot| slot.var.device().is_cpu()) {
            self.slots
                .par_iter_mut()
                .zip(gradients.tensors())
                .try_for_each(one)
        } else {
            self.slots
                .iter_mut()
                .zip(gradients.tensors())
                .try_for_each(one)
        }
    }

    /// A copy of everything, to be saved.
    pub(crate) fn snapshot(&self) -> Result<Snapshot> {
        let (mut weights, mut averages) = (Arrays::new(), Arrays::new());
        let (mut first, mut second) = (Arrays::new(), Arrays::new());
        for Slot { name, var, memory } in &self.slots {
            let (mean, square, average) = match memory {
                Memory::Host(memory) => memory.save(var.dims()),
                Memory::Tensors(memory) => memory.save(name)?,
            };
            weights.insert(name.clone(), Array::from_tensor(name, var)?);
            first.insert(name.clone(), mean);
            second.extend(square.map(|array| (name.clone(), array)));
            averages.extend(average.map(|array| (name.clone(), array)));
        }
        let averaged = (!averages.is_empty()).then_some(averages);
        Ok(Snapshot {
            weights,
            averaged,
            first,
            second,
        })
    }

    fn named(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.slots
            .iter()
            .map(|slot| (slot.name.as_str(), slot.var.as_tensor()))
    }
}
