//! Models by name: what a command line or a checkpoint asks for.

use ar_core::{Conditioning, Distribution, Domain, Error, Result};
use ar_nn::Network;
use ar_nn::init::Values;
use candle_nn::VarBuilder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    GatedPixelCnnConfig, ImageGptConfig, MadeConfig, PixelCnnConfig, PixelCnnPlainConfig,
    PixelRnnConfig, RnnConfig, WaveNetConfig,
};

/// What every model's configuration can do. `Default` is a size that a CPU trains in minutes.
pub trait Configuration: Serialize + DeserializeOwned + Default {
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
pub struct Entry {
    /// Its name on the command line and in checkpoints.
    pub name: &'static str,
    /// Other names it answers to.
    pub aliases: &'static [&'static str],
    /// One line on what it is.
    pub about: &'static str,
    /// Where it was published.
    pub paper: &'static str,
    pub(crate) functions: Functions,
}

/// A [`Configuration`] without its type.
#[derive(Debug)]
pub(crate) struct Functions {
    pub(crate) default: fn() -> Result<Value>,
    pub(crate) presets: fn() -> Result<Vec<(&'static str, Value)>>,
    pub(crate) resolve: fn(Value, &Domain, Conditioning) -> Result<Value>,
    pub(crate) begin: fn(&Value, &Domain, Conditioning) -> Result<Values>,
    pub(crate) build: fn(&Value, &Domain, Conditioning, &VarBuilder<'_>) -> Result<Built>,
}

impl Functions {
    const fn of<C: Configuration>() -> Self {
        Self {
            default: || encode(&C::default()),
            presets: || {
                let all = C::presets().into_iter();
                all.map(|(name, config)| Ok((name, encode(&config)?)))
                    .collect()
            },
            resolve: resolve::<C>,
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

impl Entry {
    /// The sizes it knows by name, each with every field.
    ///
    /// # Errors
    /// [`Error::Config`] when a configuration cannot be written as data.
    pub fn presets(&self) -> Result<Vec<(&'static str, Value)>> {
        (self.functions.presets)()
    }
}

const PIXEL_RNN: &str =
    "van den Oord et al. 2016, Pixel Recurrent Neural Networks, arXiv:1601.06759";

static MODELS: &[Entry] = &[
    Entry {
        name: "pixelcnn",
        aliases: &["pixel-cnn"],
        about: "masked convolutions in residual blocks, as in the paper",
        paper: PIXEL_RNN,
        functions: Functions::of::<PixelCnnConfig>(),
    },
    Entry {
        name: "pixelcnn-plain",
        aliases: &[],
        about: "the tutorials' PixelCNN: a plain stack of 7x7 masked convolutions",
        paper: PIXEL_RNN,
        functions: Functions::of::<PixelCnnPlainConfig>(),
    },
    Entry {
        name: "gated-pixelcnn",
        aliases: &["gated-pixel-cnn", "conditional-pixelcnn"],
        about: "vertical and horizontal stacks of gated convolutions, without a blind spot",
        paper: "van den Oord et al. 2016, Conditional Image Generation with PixelCNN Decoders, arXiv:1606.05328",
        functions: Functions::of::<GatedPixelCnnConfig>(),
    },
    Entry {
        name: "wavenet",
        aliases: &["wave-net"],
        about: "dilated causal convolutions along the pixels as one sequence",
        paper: "van den Oord et al. 2016, WaveNet: A Generative Model for Raw Audio, arXiv:1609.03499",
        functions: Functions::of::<WaveNetConfig>(),
    },
    Entry {
        name: "imagegpt",
        aliases: &["image-gpt", "igpt"],
        about: "a transformer over the pixels as a sequence, with a key/value cache",
        paper: "Chen et al. 2020, Generative Pretraining from Pixels, ICML",
        functions: Functions::of::<ImageGptConfig>(),
    },
    Entry {
        name: "made",
        aliases: &[],
        about: "a masked multi-layer perceptron over all pixels, or any vector",
        paper: "Germain et al. 2015, MADE: Masked Autoencoder for Distribution Estimation, arXiv:1502.03509",
        functions: Functions::of::<MadeConfig>(),
    },
    Entry {
        name: "pixelrnn",
        aliases: &["pixel-rnn"],
        about: "LSTMs over the rows or the diagonals of an image (Row LSTM, Diagonal BiLSTM)",
        paper: PIXEL_RNN,
        functions: Functions::of::<PixelRnnConfig>(),
    },
    Entry {
        name: "rnn",
        aliases: &[],
        about: "an LSTM or a GRU that reads an image value by value",
        paper: "Graves 2013, Generating Sequences With Recurrent Neural Networks, arXiv:1308.0850",
        functions: Functions::of::<RnnConfig>(),
    },
];

/// Every model, in the order they are listed.
pub fn registry() -> &'static [Entry] {
    MODELS
}

/// The model called `name`, by name or alias.
pub fn find(name: &str) -> Option<&'static Entry> {
    MODELS
        .iter()
        .find(|e| e.name == name || e.aliases.contains(&name))
}

pub(crate) fn entry(model: &str) -> Result<&'static Entry> {
    find(model).ok_or_else(|| {
        let names: Vec<&str> = MODELS.iter().map(|e| e.name).collect();
        Error::config(
            "model",
            format!("there is no {model}; there are {}", names.join(", ")),
        )
    })
}

fn encode(config: &impl Serialize) -> Result<Value> {
    serde_json::to_value(config).map_err(|e| Error::config("model", e.to_string()))
}

fn decode<T: DeserializeOwned>(config: &Value) -> Result<T> {
    T::deserialize(config).map_err(|e| Error::config("model", e.to_string()))
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
    config.validate(domain, conditioning)?;
    encode(&config)
}
