//! Everything the program draws: sample grids, completions, animations, terminal previews, loss
//! curves and diagrams of masks.
//!
//! Pictures are 8-bit, made from integer levels that the caller has already mapped to `0..=255`.
//! Nothing here knows a model, a data set or standard output.

mod animation;
mod axes;
mod bars;
mod canvas;
mod cell;
mod curve;
mod file;
mod grid;
mod heat;
mod masks;
mod sound;
mod still;
mod surprise;
mod terminal;
mod text;

pub use animation::save_apng;
pub(crate) use bars::bars;
pub use canvas::Picture;
pub(crate) use curve::save_share_curve;
pub use curve::{Curve, save_loss_curve};
pub use file::write_whole;
pub use grid::{Sheet, masked_input};
pub use masks::heat_grid;
pub(crate) use sound::{astonishing, columns_of, sounds};
pub(crate) use surprise::beside;
pub use terminal::{preview, preview_samples};
