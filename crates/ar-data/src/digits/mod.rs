//! The built-in data sets: digits 0 to 9, and ten letters, written by a pen that never existed.
//!
//! No file, no network, no end: image `index` of the set `seed` is a pure function of the two
//! numbers, the same bytes on every platform (the arithmetic is `+ - * /` and `sqrt` in `f32`,
//! nothing else). White strokes on black, 28x28, about 20 pixels high and centred by mass, as in
//! MNIST.
//!
//! From the inside out: `strokes` has the tables, `shape` mixes one shape from them, `hand` bends
//! it as a person would, `curve` runs a smooth line through its points and `pen` inks that line.

mod curve;
mod dice;
mod draw;
mod hand;
pub(crate) mod letters;
mod pen;
mod shape;
mod strokes;
#[cfg(test)]
mod tests;

pub use draw::{draw, draw_letter};
