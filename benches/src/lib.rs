//! Set-up that the benches and the program `peer` share: networks, images, training steps.
//!
//! Everything is drawn from fixed seeds, so that two builds time the same numbers.

mod dense_twin;
mod inputs;
mod layer;
mod training;

pub use dense_twin::DenseTwin;
pub use inputs::{PEER_DOMAIN, SEED, default_spec, frozen, levels, peer_domain, peer_spec};
pub use layer::Layer;
pub use training::step_times;
