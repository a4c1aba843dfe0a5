//! Random streams that depend on nothing but what names them.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The stream of a purpose and its numbers (seed, epoch, index): equal names, equal draws.
pub(crate) fn stream(purpose: &str, numbers: &[u64]) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update((purpose.len() as u64).to_le_bytes());
    hash.update(purpose);
    for number in numbers {
        hash.update(number.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// An even draw from `0..n`. Own arithmetic, so that an upgrade of `rand` cannot change a run.
pub(crate) fn below(rng: &mut ChaCha8Rng, n: u32) -> u32 {
    ((u64::from(rng.next_u32()) * u64::from(n)) >> 32) as u32
}

/// A permutation of `0..n` (Fisher and Yates).
pub(crate) fn permutation(rng: &mut ChaCha8Rng, n: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n).rev() {
        order.swap(i, below(rng, i as u32 + 1) as usize);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINNED: [u32; 6] = [11, 38, 34, 49, 74, 57];

    #[test]
    fn streams_are_named() {
        let first = |purpose, numbers: &[u64]| stream(purpose, numbers).next_u64();
        assert_eq!(first("a", &[1, 2]), first("a", &[1, 2]));
        assert_ne!(first("a", &[1, 2]), first("a", &[2, 1]));
        assert_ne!(first("a", &[1, 2]), first("b", &[1, 2]));
    }

    #[test]
    fn a_permutation_has_everything_once_and_is_pinned() {
        let order = permutation(&mut stream("test", &[7]), 101);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..101).collect::<Vec<u32>>());
        assert_eq!(order[..6], PINNED); // changes the batches of every run made before
    }
}
