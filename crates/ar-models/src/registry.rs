//! Models by name: what a command line or a checkpoint needs to build one.

use std::collections::BTreeMap;

use ar_core::{Domain, Error, Model, Result};
use ar_nn::Network;
use ar_nn::init::{Initializer, existing};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{GatedPixelCnnConfig, PixelCnnConfig};

/// A model that can be asked for by name.
#[derive(Debug)]
pub struct Entry {
    /// Its name on the command line and in checkpoints.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// One line on what it is.
    pub about: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    default: fn() -> Result<Value>,
    resolve: fn(Value, &Domain) -> Result<Value>,
    build: fn(&Value, &Domain, &VarBuilder<'_>) -> Result<Network>,
}

const PIXEL_RNN: &str =
    "van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759";

static MODELS: [Entry; 3] = [
    Entry {
        name: "pixelcnn",
        aliases: &["pixel-cnn"],
        about: "masked convolutions in residual blocks, as in the paper",
        paper: PIXEL_RNN,
        default: || encode(&PixelCnnConfig::default()),
        resolve: |config, domain| {
            resolve(&PixelCnnConfig::default(), config, |c| c.validate(domain))
        },
        build: |config, domain, vb| decode::<PixelCnnConfig>(config)?.build(domain, vb),
    },
    Entry {
        name: "pixelcnn-plain",
        aliases: &[],
        about: "the tutorials' PixelCNN: a plain stack of 7x7 masked convolutions",
        paper: PIXEL_RNN,
        default: || encode(&PixelCnnConfig::plain()),
        resolve: |config, domain| resolve(&PixelCnnConfig::plain(), config, |c| c.validate(domain)),
        build: |config, domain, vb| decode::<PixelCnnConfig>(config)?.build(domain, vb),
    },
    Entry {
        name: "gated-pixelcnn",
        aliases: &["gated-pixel-cnn"],
        about: "vertical and horizontal stacks of gated convolutions, without a blind spot",
        paper: "van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, arXiv:1606.05328",
        default: || encode(&GatedPixelCnnConfig::default()),
        resolve: |config, domain| {
            resolve(&GatedPixelCnnConfig::default(), config, |c| {
                c.validate(domain)
            })
        },
        build: |config, domain, vb| decode::<GatedPixelCnnConfig>(config)?.build(domain, vb),
    },
];

/// Every model, in the order they are listed.
pub fn registry() -> &'static [Entry] {
    &MODELS
}

/// The model called `name`, by name or alias.
pub fn find(name: &str) -> Option<&'static Entry> {
    MODELS
        .iter()
        .find(|e| e.name == name || e.aliases.contains(&name))
}

fn encode(config: &impl Serialize) -> Result<Value> {
    serde_json::to_value(config).map_err(|e| Error::config("model", e.to_string()))
}

fn decode<T: for<'de> Deserialize<'de>>(config: &Value) -> Result<T> {
    T::deserialize(config).map_err(|e| Error::config("model", e.to_string()))
}

/// `partial` over `default`, checked, every field present.
fn resolve<T: Serialize + for<'de> Deserialize<'de>>(
    default: &T,
    partial: Value,
    validate: impl Fn(&T) -> Result<()>,
) -> Result<Value> {
    let mut all = encode(default)?;
    match (&mut all, partial) {
        (Value::Object(all), Value::Object(partial)) => all.extend(partial),
        (_, Value::Null) => {}
        (_, other) => {
            return Err(Error::config(
                "model",
                format!("expected fields, got {other}"),
            ));
        }
    }
    let config: T = decode(&all)?;
    validate(&config)?;
    encode(&config)
}

/// All that is needed to build a model, apart from its parameters; what a checkpoint stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The model's name in the [`registry`].
    pub model: String,
    /// Its configuration, every field.
    pub config: Value,
    /// What it is a distribution over.
    pub domain: Domain,
}

impl Spec {
    /// The configuration of `model` with every field at its default.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no such model.
    pub fn default_config(model: &str) -> Result<Value> {
        (entry(model)?.default)()
    }

    /// `config` may leave fields out; they get the model's defaults.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown model or field, or a value out of range.
    pub fn new(model: &str, config: Value, domain: Domain) -> Result<Self> {
        let entry = entry(model)?;
        Ok(Self {
            model: entry.name.to_owned(),
            config: (entry.resolve)(config, &domain)?,
            domain,
        })
    }

    /// New parameters (f32), each drawn from the seed and its name.
    ///
    /// # Errors
    /// [`Error::Config`] when the configuration does not make a network.
    pub fn initialise(&self, seed: u64, device: &Device) -> Result<BTreeMap<String, Var>> {
        let init = Initializer::new(seed);
        (entry(&self.model)?.build)(
            &self.config,
            &self.domain,
            &init.builder(DType::F32, device),
        )?;
        Ok(init.into_vars())
    }

    /// The model around exactly these parameters, sharing their storage. Their type and device are
    /// the model's; f32 on a CPU takes the fused route.
    ///
    /// # Errors
    /// [`Error::Config`] when a parameter is missing, superfluous or of another shape.
    pub fn build(&self, weights: &BTreeMap<String, Tensor>) -> Result<Box<dyn Model>> {
        Ok(Box::new(self.network(weights)?))
    }

    /// [`Spec::build`] as the concrete network, which can change its route.
    ///
    /// # Errors
    /// As [`Spec::build`].
    pub fn network(&self, weights: &BTreeMap<String, Tensor>) -> Result<Network> {
        let expected = self.shapes()?;
        if let Some(name) = weights.keys().find(|n| !expected.contains_key(*n)) {
            return Err(Error::config(
                "parameters",
                format!("{name} is not a parameter of {}", self.model),
            ));
        }
        for (name, shape) in &expected {
            let problem = match weights.get(name) {
                None => "is missing".to_owned(),
                Some(t) if t.dims() != shape => {
                    format!("has shape {:?}, {} needs {shape:?}", t.dims(), self.model)
                }
                Some(_) => continue,
            };
            return Err(Error::config("parameters", format!("{name} {problem}")));
        }
        let (dtype, device) = weights
            .values()
            .next()
            .map_or((DType::F32, Device::Cpu), |t| {
                (t.dtype(), t.device().clone())
            });
        (entry(&self.model)?.build)(
            &self.config,
            &self.domain,
            &existing(weights, dtype, &device),
        )
    }

    /// Shape of every parameter.
    ///
    /// # Errors
    /// As [`Spec::initialise`].
    pub fn shapes(&self) -> Result<BTreeMap<String, Vec<usize>>> {
        let vars = self.initialise(0, &Device::Cpu)?;
        Ok(vars
            .into_iter()
            .map(|(name, v)| (name, v.dims().to_vec()))
            .collect())
    }
}

fn entry(model: &str) -> Result<&'static Entry> {
    find(model).ok_or_else(|| {
        let names: Vec<&str> = MODELS.iter().map(|e| e.name).collect();
        Error::config(
            "model",
            format!("there is no {model}; there are {}", names.join(", ")),
        )
    })
}
