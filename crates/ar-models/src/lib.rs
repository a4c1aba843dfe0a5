//! Deep autoregressive models, one file per paper, found by name in the [`registry`].
//!
//! A model file holds a configuration and how its network is put together from [`ar_nn`]'s
//! primitives; both passes, likelihoods and checks follow from that. This crate knows no data set
//! and no file.

mod begin;
mod gated_block;
mod gated_pixel_cnn;
mod image_gpt;
mod image_transformer;
mod limits;
mod made;
mod masked_transformer;
mod multiscale;
mod orders;
mod pixel_cnn;
mod pixel_cnn_pp;
mod pixel_rnn;
mod pixel_snail;
mod registry;
mod rnn;
mod spec;
mod transformer;
mod wavenet;

pub use gated_block::Head;
pub use gated_pixel_cnn::GatedPixelCnnConfig;
pub use image_gpt::ImageGptConfig;
pub use image_transformer::{Coordinates, ImageTransformerConfig};
pub use made::{DegreeRule, MadeConfig};
pub use masked_transformer::MaskedTransformerConfig;
pub use multiscale::MultiscaleConfig;
pub use pixel_cnn::{Layers, PixelCnnConfig, PixelCnnPlainConfig};
pub use pixel_cnn_pp::PixelCnnPpConfig;
pub use pixel_rnn::{PixelRnnConfig, Variant};
pub use pixel_snail::PixelSnailConfig;
pub use registry::{Built, Configuration, ModelEntry, find, register, registry};
pub use rnn::{RnnCell, RnnConfig};
pub use spec::Spec;
pub use wavenet::WaveNetConfig;

/// The examples of both READMEs are compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../README.md")]
struct Readme;
