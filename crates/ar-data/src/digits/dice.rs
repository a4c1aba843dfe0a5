//! Random numbers whose values no upgrade of a distribution crate can change.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// What a stream of random numbers is for; streams of different purposes never share a number.
#[derive(Clone, Copy, Debug)]
pub(super) enum Purpose {
    /// The order of the labels in one run of ten images.
    Labels = 1,
    /// Everything about one image's shape.
    Shape = 2,
}

/// The random numbers of one stream, a pure function of `(seed, purpose, stream)`.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    pub(super) fn new(seed: u64, purpose: Purpose, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose as u8;
        key[16..22].copy_from_slice(b"digits");
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self(rng)
    }

    /// Uniform over `0..n`; the bias of at most `n / 2^32` does not matter for the handful of
    /// choices here.
    pub(super) fn below(&mut self, n: usize) -> usize {
        ((u64::from(self.0.next_u32()) * n as u64) >> 32) as usize
    }

    /// Uniform over `[0, 1)`, in steps of 2^-24.
    pub(super) fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / 16_777_216.0
    }

    /// Uniform over `[low, high)`.
    pub(super) fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped around 0 with standard deviation 1, never beyond ±3: a sum of three uniforms,
    /// which needs no logarithm and has no tail that would break a glyph.
    pub(super) fn bell(&mut self) -> f32 {
        2.0 * (self.unit() + self.unit() + self.unit() - 1.5)
    }
}
