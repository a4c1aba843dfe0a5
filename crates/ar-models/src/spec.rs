use std::collections::BTreeMap;

use ar_core::{Blueprint, Conditioning, Distribution, Domain, Error, Result, Weights};
use ar_nn::init::{Initializer, Shapes, existing};
use candle_core::{DType, Device, Var};
use candle_nn::VarBuilder;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Configuration;
use crate::registry::{Built, check, encode, entry, entry_of};

/// All that is needed to build a model, apart from its parameters; what a checkpoint stores.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The model's name in the [`registry`](crate::registry).
    pub model: String,
    /// Its configuration, every field.
    pub config: Value,
    /// What it is a distribution over.
    pub domain: Domain,
    /// What it is conditioned on.
    #[serde(default)]
    pub conditioning: Conditioning,
}

/// Parameters of the largest model: 16 GiB of them in f32.
const MOST_NUMBERS: u64 = 1 << 32;

impl Spec {
    /// The configuration of `model` with every field at its default.
    ///
    /// # Errors
    /// [`Error::Config`] when there is no such model.
    pub fn default_config(model: &str) -> Result<Value> {
        (entry(model)?.functions.default)()
    }

    /// `config` may leave fields out; they get the model's defaults.
    ///
    /// # Errors
    /// [`Error::Config`] for an unknown model or field, or a value out of range.
    pub fn new(
        model: &str,
        config: Value,
        domain: Domain,
        conditioning: Conditioning,
    ) -> Result<Self> {
        let entry = entry(model)?;
        Ok(Self {
            model: entry.name.to_owned(),
            config: (entry.functions.resolve)(config, &domain, conditioning)?,
            domain,
            conditioning,
        })
    }

    /// The model that a typed configuration is of.
    ///
    /// ```
    /// use ar_core::{Conditioning, Domain};
    /// use ar_models::{PixelCnnConfig, Spec};
    ///
    /// let config = PixelCnnConfig { hidden: 16, ..PixelCnnConfig::default() };
    /// let spec = Spec::of(&config, Domain::new(1, 8, 8, 4)?, Conditioning::None)?;
    /// assert_eq!(spec.model, "pixelcnn");
    /// # Ok::<(), ar_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Config`] for a value out of range, or a model that is not [registered](crate::register).
    pub fn of<C: Configuration>(
        config: &C,
        domain: Domain,
        conditioning: Conditioning,
    ) -> Result<Self> {
        let entry = entry_of::<C>()?;
        check(config, &domain, conditioning)?;
        Ok(Self {
            model: entry.name.to_owned(),
            config: encode(config)?,
            domain,
            conditioning,
        })
    }

    /// Refuses a network that no memory holds, before anything of it is made.
    fn fits(&self) -> Result<()> {
        let of = |shape: &Vec<usize>| {
            let sizes = shape.iter().map(|&size| size as u64);
            sizes.fold(1, u64::saturating_mul)
        };
        let numbers = self.shapes()?.values().map(of).fold(0, u64::saturating_add);
        if numbers > MOST_NUMBERS {
            return Err(Error::config(
                self.model.as_str(),
                format!("in this size it has {numbers} parameters, more than {MOST_NUMBERS}"),
            ));
        }
        Ok(())
    }

    fn assemble(&self, vb: &VarBuilder<'_>) -> Result<Built> {
        let build = entry(&self.model)?.functions.build;
        build(&self.config, &self.domain, self.conditioning, vb)
    }

    /// New parameters (f32): each drawn from the seed and its name, but for those that the model
    /// gives ([`Configuration::begin`](crate::Configuration::begin)).
    ///
    /// # Errors
    /// [`Error::Config`] when the configuration does not make a network.
    pub fn initialise(&self, seed: u64, device: &Device) -> Result<BTreeMap<String, Var>> {
        self.fits()?;
        let begin = entry(&self.model)?.functions.begin;
        let given = begin(&self.config, &self.domain, self.conditioning)?;
        let init = Initializer::starting_from(seed, given);
        self.assemble(&init.builder(DType::F32, device))?;
        if let Some(name) = init.unused() {
            return Err(Error::config(
                "parameters",
                format!("{} begins with a {name} that it does not have", self.model),
            ));
        }
        Ok(init.into_vars())
    }

    /// The model around exactly these parameters, sharing their storage. Their type and device are
    /// the model's; f32 on a CPU takes the fused route.
    ///
    /// # Errors
    /// [`Error::Config`] when a parameter is missing, superfluous or of another shape.
    pub fn build(&self, weights: &Weights) -> Result<Box<dyn Distribution>> {
        Ok(match self.built(weights)? {
            Built::Network(network) => Box::new(network),
            Built::Other(other) => other,
        })
    }

    /// [`Spec::build`] as what it is: a network can change its route.
    ///
    /// # Errors
    /// As [`Spec::build`].
    pub fn built(&self, weights: &Weights) -> Result<Built> {
        let expected = self.shapes()?;
        if let Some(name) = weights.names().find(|n| !expected.contains_key(*n)) {
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
        self.assemble(&existing(weights))
    }

    /// The same model over images of another size, around the same parameters.
    ///
    /// # Errors
    /// [`Error::Config`] naming a parameter that would have another shape, such as a table of positions.
    pub fn of_size(&self, height: usize, width: usize) -> Result<Self> {
        let domain = Domain::new(self.domain.channels, height, width, self.domain.levels)?;
        let other = Self::new(&self.model, self.config.clone(), domain, self.conditioning)?;
        let (own, needed) = (self.shapes()?, other.shapes()?);
        let differs = own
            .iter()
            .find(|(name, shape)| needed.get(*name) != Some(*shape));
        let Some((name, shape)) = differs else {
            return Ok(other);
        };
        let (h, w) = (self.domain.height, self.domain.width);
        let remedy = match self.config.get("position") {
            Some(Value::Bool(true)) => "; trained with position=false it would not be",
            _ => "",
        };
        Err(Error::config(
            "size",
            format!(
                "{} is tied to images of {h}x{w} by its parameter {name} {shape:?}{remedy}",
                self.model
            ),
        ))
    }

    /// Shape of every parameter.
    ///
    /// # Errors
    /// As [`Spec::initialise`].
    pub fn shapes(&self) -> Result<BTreeMap<String, Vec<usize>>> {
        let shapes = Shapes::default();
        self.assemble(&shapes.builder())?;
        Ok(shapes.into_map())
    }
}

impl Blueprint for Spec {
    fn build(&self, weights: &Weights) -> Result<Box<dyn Distribution>> {
        Self::build(self, weights)
    }
}
