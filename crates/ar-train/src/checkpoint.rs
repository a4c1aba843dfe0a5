use ar_core::Weights;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use candle_core::Device;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::container::{Array, Container, FORMAT_VERSION, encode};
use crate::names::MODEL;
use crate::{Error, Result};

/// Start of the names of averaged weights.
const AVERAGED: &str = "ema.";

/// What a checkpoint needs beside weights to be opened without any flag. This crate stores it and
/// reads none of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Name of the model in the registry.
    pub model: String,
    /// The model's configuration.
    pub config: Value,
    /// What it is a distribution over.
    pub domain: Value,
    /// What it is conditioned on; no value in files older than conditions.
    #[serde(default)]
    pub conditioning: Value,
    /// The generation order; of a mixture, that of each member.
    pub order: Value,
    /// The data it was trained on: name, fingerprint, levels, binarization, colours.
    pub dataset: Value,
}

/// A trained model in one safetensors file: weights under their names, averaged weights under
/// `ema.` and their names, and a description in the header.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    /// What the weights belong to.
    pub manifest: Manifest,
    /// Updates made.
    pub step: u64,
    /// Weights as the optimiser left them.
    pub weights: Weights,
    /// Averaged weights, unless averaging was off.
    pub averaged: Option<Weights>,
}

/// A checkpoint without its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// What the weights belong to.
    pub manifest: Manifest,
    /// Updates made.
    pub step: u64,
    /// How many numbers are trained.
    pub parameters: usize,
}

impl Checkpoint {
    /// Opens a checkpoint file, or the last checkpoint of a run directory, with its tensors on `device`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Truncated`], [`Error::NotACheckpoint`], [`Error::Version`] and
    /// [`Error::Damaged`], all naming the file. No header is trusted with an allocation.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        let path = &resolve(path);
        Self::read(path, open(path)?, device)
    }

    /// Opens the bytes of a checkpoint file, as [`Checkpoint::to_bytes`] gives them or a program embeds them.
    ///
    /// # Errors
    /// As [`Checkpoint::open`]; the file is called `model.safetensors`.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self> {
        let path = Path::new(MODEL);
        let container = Container::new(path, bytes, bytes.len() as u64)?;
        Self::read(path, of_a_model(container)?, device)
    }

    fn read(path: &Path, container: Container<'_, impl Read>, device: &Device) -> Result<Self> {
        let (manifest, step) = (container.field("manifest")?, container.field("step")?);
        let mut weights = BTreeMap::new();
        let mut averaged = BTreeMap::new();
        for (name, array) in container.arrays()? {
            let tensor = array.to_tensor(device)?;
            match name.strip_prefix(AVERAGED) {
                Some(name) => averaged.insert(name.to_owned(), tensor),
                None => weights.insert(name, tensor),
            };
        }
        let same = weights.len() == averaged.len()
            && weights
                .iter()
                .zip(&averaged)
                .all(|((n, w), (m, a))| n == m && w.dims() == a.dims());
        if !averaged.is_empty() && !same {
            return Err(Error::damaged(
                path,
                "weights and averaged weights do not match",
            ));
        }
        let averaged = (!averaged.is_empty()).then(|| Weights::from(averaged));
        Ok(Self {
            manifest,
            step,
            weights: Weights::from(weights),
            averaged,
        })
    }

    /// Whether the file at `path` is one that a run keeps: a checkpoint or a training state.
    pub fn is_kept(path: &Path) -> bool {
        // Damaged ones, and those of other versions, are somebody's weights still.
        !matches!(
            Container::open(path),
            Err(Error::NotACheckpoint { .. } | Error::Io { .. })
        )
    }

    /// What the file at `path` says of itself, without its numbers: the header alone is read, and a run that
    /// trains is not disturbed.
    ///
    /// # Errors
    /// As [`Checkpoint::open`].
    pub fn describe(path: &Path) -> Result<Described> {
        let path = &resolve(path);
        let container = open(path)?;
        Ok(Described {
            manifest: container.field("manifest")?,
            step: container.field("step")?,
            parameters: container.count(|name| !name.starts_with(AVERAGED)),
        })
    }

    /// The bytes of a checkpoint file that holds these weights and no others.
    ///
    /// # Errors
    /// When a weight is not f32, or a tensor error.
    pub fn to_bytes(manifest: &Manifest, step: u64, weights: &Weights) -> Result<Vec<u8>> {
        let arrays = weights.iter().map(|(name, tensor)| {
            let array = Array::from_tensor(name, tensor)?;
            Ok((name.to_owned(), array))
        });
        let arrays = arrays.collect::<Result<BTreeMap<_, _>>>()?;
        encode_checkpoint(Path::new(MODEL), manifest, step, &arrays, None)
    }

    /// The weights to sample and score with: averaged where there are any.
    pub fn best_weights(&self) -> &Weights {
        self.averaged.as_ref().unwrap_or(&self.weights)
    }
}

/// The step of the checkpoint at `path`, from its header.
pub(crate) fn step_of(path: &Path) -> Result<u64> {
    open(path)?.field("step")
}

/// The bytes of a checkpoint.
pub(crate) fn encode_checkpoint(
    path: &Path,
    manifest: &Manifest,
    step: u64,
    weights: &BTreeMap<String, Array>,
    averaged: Option<&BTreeMap<String, Array>>,
) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Header<'a> {
        format_version: u64,
        kind: &'static str,
        step: u64,
        manifest: &'a Manifest,
    }
    let header = Header {
        format_version: FORMAT_VERSION,
        kind: "model",
        step,
        manifest,
    };
    let plain = weights.iter().map(|(name, array)| (name.clone(), array));
    let averaged = averaged
        .into_iter()
        .flatten()
        .map(|(name, array)| (format!("{AVERAGED}{name}"), array));
    encode(path, &header, plain.chain(averaged))
}

/// Whether a parameter may be called `name`.
pub(crate) fn check_name(name: &str) -> Result<()> {
    if name.starts_with(AVERAGED) {
        return Err(Error::parameter(
            name,
            format!("may not begin with `{AVERAGED}`"),
        ));
    }
    Ok(())
}

fn resolve(path: &Path) -> PathBuf {
    if path.is_dir() {
        path.join(MODEL)
    } else {
        path.to_path_buf()
    }
}

fn open(path: &Path) -> Result<Container<'_>> {
    of_a_model(Container::open(path)?)
}

/// Refuses what is of another kind.
fn of_a_model<R: Read>(container: Container<'_, R>) -> Result<Container<'_, R>> {
    let path = container.path();
    match container.field::<String>("kind")?.as_str() {
        "model" => Ok(container),
        "state" => Err(Error::NotACheckpoint {
            path: path.to_path_buf(),
            problem: format!("it is the training state; open {MODEL} beside it"),
        }),
        kind => Err(Error::NotACheckpoint {
            path: path.to_path_buf(),
            problem: format!("it holds `{kind}`"),
        }),
    }
}
