//! A masked multi-layer perceptron over all values of an image at once: what each unit may see is
//! decided by degrees, not by positions.

mod config;
mod degrees;
mod layer;
mod mask;
mod network;
mod step;
#[cfg(test)]
mod tests;

pub use config::{InputCoding, MaskedConfig};
pub use degrees::Degrees;
pub use network::MaskedNetwork;
