use std::collections::BTreeMap;
use std::fmt::Debug;

use candle_core::{DType, Device, Tensor, Var};

use crate::{Distribution, Result};

/// Parameters by name, sorted: everything a model needs beside its configuration.
#[derive(Debug, Clone, Default)]
pub struct Weights(BTreeMap<String, Tensor>);

/// How to make a model around weights: what a trainer needs to know of one.
pub trait Blueprint: Debug + Sync {
    /// The model whose parameters are exactly these tensors. It must hold the tensors themselves,
    /// not copies: where they are variables, the optimiser's updates have to be seen.
    ///
    /// # Errors
    /// When a parameter is missing, left over or of another shape.
    fn build(&self, weights: &Weights) -> Result<Box<dyn Distribution>>;
}

impl From<BTreeMap<String, Tensor>> for Weights {
    fn from(tensors: BTreeMap<String, Tensor>) -> Self {
        Self(tensors)
    }
}

impl FromIterator<(String, Tensor)> for Weights {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(named: I) -> Self {
        Self(named.into_iter().collect())
    }
}

impl Weights {
    /// The variables themselves, sharing their storage and their gradients.
    pub fn from_vars(vars: &BTreeMap<String, Var>) -> Self {
        vars.iter()
            .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
            .collect()
    }

    /// The same storage without a graph: how to sample and score.
    pub fn detached(&self) -> Self {
        self.iter()
            .map(|(name, tensor)| (name.to_owned(), tensor.detach()))
            .collect()
    }

    /// The parameter called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// Every parameter, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Every name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of scalars over all tensors.
    pub fn elements(&self) -> usize {
        self.0.values().map(Tensor::elem_count).sum()
    }

    /// The type of the tensors; f32 where there are none.
    pub fn dtype(&self) -> DType {
        self.0.values().next().map_or(DType::F32, Tensor::dtype)
    }

    /// Where the tensors live; the CPU where there are none.
    pub fn device(&self) -> Device {
        let first = self.0.values().next();
        first.map_or(Device::Cpu, |tensor| tensor.device().clone())
    }

    /// Puts `tensor` in the place of the parameter called `name`, or adds it.
    pub fn insert(&mut self, name: String, tensor: Tensor) {
        self.0.insert(name, tensor);
    }
}
