//! Models by name: what a command line or a checkpoint asks for.

use std::any::TypeId;
use std::sync::{LazyLock, PoisonError, RwLock};

use ar_core::{Conditioning, Distribution, Domain, Error, Result};
use ar_nn::Network;
use ar_nn::init::Values;
use candle_nn::VarBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    GatedPixelCnnConfig, ImageGptConfig, ImageTransformerConfig, MadeConfig,
    MaskedTransformerConfig, MultiscaleConfig, PixelCnnConfig, PixelCnnPlainConfig,
    PixelCnnPpConfig, PixelRnnConfig, PixelSnailConfig, RnnConfig, WaveNetConfig,
};

/// A model: what it is called and how it is put together. `Default` is a size that a CPU trains in minutes.
pub trait Configuration: Serialize + DeserializeOwned + Default + 'static {
    /// Its name on the command line and in checkpoints: small letters, digits and hyphens.
    const NAME: &'static str;
    /// Other names it answers to.
    const ALIASES: &'static [&'static str] = &[];
    /// One line on what it is.
    const ABOUT: &'static str;
    /// Where it was published.
    const PAPER: &'static str;

    /// Named sizes beside the default, the paper's among them.
    fn presets() -> Vec<(&'static str, Self)>;

    /// # Errors
    /// [`Error::Config`] naming the field that is out of range, or what this model cannot be a
    /// distribution over or conditioned on.
    fn validate(&self, domain: &Domain, conditioning: Conditioning) -> Result<()>;

    /// Parameters, by their full names, that begin with these values; the others are drawn. Asked of a
    /// valid configuration.
    fn begin(&self, _: &Domain) -> Values {
        Values::new()
    }

    /// How many values before its own a conditional depends on at most, in an image of one row however long;
    /// none where that grows with the image. A model that says it learns from parts of recordings.
    fn reach(&self) -> Option<usize> {
        None
    }

    /// Puts the model together from parameters that `vb` makes or holds.
    ///
    /// # Errors
    /// As [`Configuration::validate`], or what `vb` gives for a parameter.
    fn build(
        &self,
        domain: &Domain,
        conditioning: Conditioning,
        vb: &VarBuilder<'_>,
    ) -> Result<Built>;
}

/// A model put together.
#[derive(Debug)]
pub enum Built {
    /// A program of primitives, which can change its route.
    Network(Network),
    /// Anything else.
    Other(Box<dyn Distribution>),
}

/// A model that can be asked for by name.
#[derive(Debug)]
pub struct ModelEntry {
    /// Its name on the command line and in checkpoints.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// One line on what it is.
    pub about: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    configuration: TypeId,
    pub(crate) functions: Functions,
}

/// A [`Configuration`] without its type.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) default: fn() -> Result<Value>,
    pub(crate) presets: fn() -> Result<Vec<(&'static str, Value)>>,
    pub(crate) resolve: fn(Value, &Domain, Conditioning) -> Result<Value>,
    pub(crate) reach: fn(&Value) -> Result<Option<usize>>,
    pub(crate) begin: fn(&Value, &Domain, Conditioning) -> Result<Values>,
    pub(crate) build: fn(&Value, &Domain, Conditioning, &VarBuilder<'_>) -> Result<Built>,
}

impl Functions {
    fn of<C: Configuration>() -> Self {
        Self {
            default: || encode(&C::default()),
            presets: || {
                let all = C::presets().into_iter();
                all.map(|(name, config)| Ok((name, encode(&config)?)))
                    .collect()
            },
            resolve: resolve::<C>,
            reach: |config| Ok(decode::<C>(config)?.reach()),
            begin: |config, domain, conditioning| {
                let config = decode::<C>(config)?;
                config.validate(domain, conditioning)?;
                Ok(config.begin(domain))
            },
            build: |config, domain, conditioning, vb| {
                decode::<C>(config)?.build(domain, conditioning, vb)
            },
        }
    }
}

impl ModelEntry {
    fn of<C: Configuration>() -> Self {
        Self {
            name: C::NAME,
            aliases: C::ALIASES,
            about: C::ABOUT,
            paper: C::PAPER,
            configuration: TypeId::of::<C>(),
            functions: Functions::of::<C>(),
        }
    }

    /// [`Configuration::reach`] of a model with this configuration; what it leaves out is as by default.
    ///
    /// # Errors
    /// [`Error::Config`](ar_core::Error::Config) when it is not one of this model.
    pub fn reach(&self, config: &Value) -> Result<Option<usize>> {
        (self.functions.reach)(config)
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    fn answers_to(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }

    /// The sizes it knows by name, each with every field.
    ///
    /// # Errors
    /// [`Error::Config`] when a configuration cannot be written as data.
    pub fn presets(&self) -> Result<Vec<(&'static str, Value)>> {
        (self.functions.presets)()
    }
}

/// The models of this crate, in the order they are listed.
fn built_in() -> [ModelEntry; 13] {
    [
        ModelEntry::of::<PixelCnnConfig>(),
        ModelEntry::of::<PixelCnnPlainConfig>(),
        ModelEntry::of::<GatedPixelCnnConfig>(),
        ModelEntry::of::<WaveNetConfig>(),
        ModelEntry::of::<ImageGptConfig>(),
        ModelEntry::of::<MadeConfig>(),
        ModelEntry::of::<PixelRnnConfig>(),
        ModelEntry::of::<RnnConfig>(),
        ModelEntry::of::<PixelCnnPpConfig>(),
        ModelEntry::of::<MultiscaleConfig>(),
        ModelEntry::of::<MaskedTransformerConfig>(),
        ModelEntry::of::<ImageTransformerConfig>(),
        ModelEntry::of::<PixelSnailConfig>(),
    ]
}

/// One for the process, as names are: a checkpoint holds a name, and whoever opens it has to find the model.
/// It only grows.
static MODELS: LazyLock<RwLock<Vec<&'static ModelEntry>>> =
    LazyLock::new(|| RwLock::new(built_in().map(leaked).to_vec()));

fn leaked(entry: ModelEntry) -> &'static ModelEntry {
    Box::leak(Box::new(entry))
}

/// Every model: those of this crate, then those [registered](register), in the order they are listed.
pub fn registry() -> Vec<&'static ModelEntry> {
    // A thread that panicked while it held the lock left a list that is whole: a push is its only change.
    MODELS
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Makes a model known by its name to everything that asks for one: [`Spec`](crate::Spec), checkpoints, the
/// command line. To be called once for each model before anything else.
///
/// # Errors
/// [`Error::Config`] when a name or an alias is another model's already, or is none that a file or a shell
/// takes as one word (small letters, digits and hyphens).
pub fn register<C: Configuration>() -> Result<()> {
    let entry = ModelEntry::of::<C>();
    let mut models = MODELS.write().unwrap_or_else(PoisonError::into_inner);
    for name in entry.names() {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(plain) {
            let problem =
                format!("{name:?} is no name: small letters, digits and hyphens make one");
            return Err(Error::config("model", problem));
        }
        if models.iter().any(|known| known.answers_to(name)) {
            return Err(Error::config("model", format!("there is a {name} already")));
        }
    }
    models.push(leaked(entry));
    Ok(())
}

/// The model called `name`, by name or alias.
pub fn find(name: &str) -> Option<&'static ModelEntry> {
    registry().into_iter().find(|entry| entry.answers_to(name))
}

pub(crate) fn entry(model: &str) -> Result<&'static ModelEntry> {
    find(model).ok_or_else(|| {
        let names: Vec<&str> = registry().iter().map(|e| e.name).collect();
        Error::config(
            "model",
            format!("there is no {model}; there are {}", names.join(", ")),
        )
    })
}

/// The model that `C` configures.
pub(crate) fn entry_of<C: Configuration>() -> Result<&'static ModelEntry> {
    let found = registry()
        .into_iter()
        .find(|entry| entry.configuration == TypeId::of::<C>());
    found.ok_or_else(|| {
        let problem = format!(
            "{} is not registered: call ar_models::register first",
            C::NAME
        );
        Error::config("model", problem)
    })
}

pub(crate) fn encode(config: &impl Serialize) -> Result<Value> {
    serde_json::to_value(config).map_err(|e| Error::config("model", e.to_string()))
}

fn decode<T: DeserializeOwned>(config: &Value) -> Result<T> {
    T::deserialize(config).map_err(|e| Error::config("model", e.to_string()))
}

/// Whether `config` makes a model of `domain` given `conditioning`.
pub(crate) fn check<C: Configuration>(
    config: &C,
    domain: &Domain,
    conditioning: Conditioning,
) -> Result<()> {
    if conditioning.classes() == Some(0) {
        return Err(Error::config("classes", "must be at least 1"));
    }
    config.validate(domain, conditioning)
}

/// `partial` over the default, checked, every field present.
fn resolve<C: Configuration>(
    partial: Value,
    domain: &Domain,
    conditioning: Conditioning,
) -> Result<Value> {
    let mut all = encode(&C::default())?;
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
    let config: C = decode(&all)?;
    check(&config, domain, conditioning)?;
    encode(&config)
}
