//! Which model an archive was made by, and that model for images of any size.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use ar_core::{Distribution, Scan, Weights};
use ar_models::Spec;
use candle_core::DType;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::run::{Run, in_order};

/// What an archive tells people of the model it was made by.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct About {
    /// Its name in the registry.
    pub(crate) model: String,
    /// Where it was, as it was given: looked at where nothing else is said.
    pub(crate) run: String,
    /// Updates made.
    pub(crate) step: u64,
    /// The data it was trained on.
    pub(crate) data: String,
    /// Levels of each value.
    pub(crate) levels: usize,
    /// In which of its orders it codes, where that was chosen.
    pub(crate) order: Option<String>,
}

/// SHA-256 over all that decides what a model says: architecture, domain, how pixels become levels, and weights.
///
/// # Errors
/// When a weight cannot be read.
pub(crate) fn identity(run: &Run) -> Result<[u8; 32]> {
    let (mut hash, spec) = (Sha256::new(), &run.spec);
    let said = serde_json::to_vec(&(
        &spec.model,
        &spec.config,
        spec.domain,
        spec.conditioning,
        &run.encoding,
    ))?;
    hash.update((said.len() as u64).to_le_bytes());
    hash.update(said);
    for (name, tensor) in run.weights.iter() {
        hash.update(name.as_bytes());
        hash.update(format!("{:?}", tensor.dims()).as_bytes());
        let values: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        for value in values {
            hash.update(value.to_le_bytes());
        }
    }
    Ok(hash.finalize().into())
}

/// Bytes as text.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A run's model for images of any size that it can be of, each put together once.
pub(crate) struct Coding {
    spec: Spec,
    weights: Weights,
    order: Option<Scan>,
    known: Mutex<BTreeMap<[usize; 2], Arc<dyn Distribution>>>,
}

impl Coding {
    pub(crate) fn new(run: &Run, order: Option<Scan>) -> Self {
        Self {
            spec: run.spec.clone(),
            weights: run.weights.clone(),
            order,
            known: Mutex::default(),
        }
    }

    /// # Errors
    /// When a parameter ties the model to another size, or it does not know the order.
    pub(crate) fn of_size(&self, size: [usize; 2]) -> ar_core::Result<Arc<dyn Distribution>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = known.get(&size) {
            return Ok(Arc::clone(model));
        }
        let trained = [self.spec.domain.height, self.spec.domain.width];
        let spec = if size == trained {
            self.spec.clone()
        } else {
            self.spec.of_size(size[0], size[1])?
        };
        let mut model: Arc<dyn Distribution> = Arc::from(spec.build(&self.weights)?);
        if let Some(scan) = self.order
            && let Some(alone) = in_order(&*model, scan)?
        {
            model = Arc::new(alone);
        }
        // Sizes come one after the other, as a rule; plans of large images are large.
        if known.len() >= 8 {
            known.pop_first();
        }
        known.insert(size, Arc::clone(&model));
        Ok(model)
    }
}

impl About {
    /// Of `run`, opened as `path`.
    pub(crate) fn of(run: &Run, path: &str, order: Option<Scan>) -> Self {
        Self {
            model: run.spec.model.clone(),
            run: path.to_owned(),
            step: run.step,
            data: run.data.name.clone(),
            levels: run.spec.domain.levels,
            order: order.map(|scan| scan.to_string()),
        }
    }

    /// A line for people.
    pub(crate) fn line(&self, identity: &[u8; 32]) -> String {
        format!(
            "{} {} of {} levels, trained on {} for {} steps ({})",
            self.model,
            // Enough for people to tell models apart.
            hex(&identity[..6]),
            self.levels,
            self.data,
            self.step,
            self.run
        )
    }

    pub(crate) fn scan(&self) -> Result<Option<Scan>> {
        let parse = |name: &String| {
            name.parse()
                .map_err(|error| anyhow!("its order {name}: {error}"))
        };
        self.order.as_ref().map(parse).transpose()
    }
}
