use std::collections::BTreeMap;
use std::fmt::Debug;

use ar_core::Distribution;
use candle_core::{Tensor, Var};

/// Parameters by name, sorted: everything a model needs beside its configuration.
#[derive(Debug, Clone, Default)]
pub struct Weights(BTreeMap<String, Tensor>);

/// How to make the model of a run from its weights.
pub trait Blueprint: Debug + Sync {
    /// The model whose parameters are exactly these tensors. It must hold the tensors themselves,
    /// not copies: where they are variables, the optimiser's updates have to be seen.
    ///
    /// # Errors
    /// When a parameter is missing, left over or of another shape.
    fn build(&self, weights: &Weights) -> ar_core::Result<Box<dyn Distribution>>;
}

impl Weights {
    /// These tensors.
    pub fn new(tensors: BTreeMap<String, Tensor>) -> Self {
        Self(tensors)
    }

    /// The variables themselves, sharing their storage and their gradients.
    pub fn from_vars(vars: &BTreeMap<String, Var>) -> Self {
        Self(
            vars.iter()
                .map(|(name, var)| (name.clone(), var.as_tensor().clone()))
                .collect(),
        )
    }

    /// The parameter called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// Every parameter, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
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

    /// The map itself.
    pub fn into_map(self) -> BTreeMap<String, Tensor> {
        self.0
    }
}
