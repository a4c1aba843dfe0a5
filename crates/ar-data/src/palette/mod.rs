//! Colours as levels: a table of k colours found by k-means.

mod colours;
mod fit;
mod k_means;
mod nearest;
#[cfg(test)]
mod tests;

pub use colours::Palette;
