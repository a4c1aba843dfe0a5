//! Options of every command that draws.

use ar_core::Tempering;

use crate::values::{count, positive, seed, share};

/// How levels are drawn.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Draw {
    /// Divide logits by T: below 1 sharpens, above 1 flattens
    #[arg(long, value_name = "T", default_value = "1", value_parser = positive, allow_hyphen_values = true)]
    temperature: f64,

    /// Draw from the K most probable levels only
    #[arg(long, value_name = "K", value_parser = count, allow_hyphen_values = true)]
    top_k: Option<usize>,

    /// Draw from the most probable levels that together reach probability P
    #[arg(long, value_name = "P", value_parser = share, allow_hyphen_values = true)]
    top_p: Option<f64>,

    /// Seed; the same seed gives the same images
    #[arg(long, value_name = "S", default_value = "0", value_parser = seed, allow_hyphen_values = true)]
    pub(crate) seed: u64,
}

impl Draw {
    /// ar-core's word for it.
    pub(crate) fn tempering(&self) -> Tempering {
        Tempering {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
        }
    }
}
