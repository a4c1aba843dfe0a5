//! Seeded randomness: one seed, split by purpose, so that nothing draws from hidden state and no
//! purpose disturbs another.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// The stream of `seed` for `purpose` (such as `"sample"` or a parameter's name) and `indices`
/// (such as a sample's number). Different arguments give independent streams; the same arguments
/// give the same one on every platform.
pub fn stream(seed: u64, purpose: &str, indices: &[u64]) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((purpose.len() as u64).to_le_bytes());
    hash.update(purpose);
    for i in indices {
        hash.update(i.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngCore;

    #[test]
    fn streams_are_stable_and_apart() {
        assert_eq!(
            stream(7, "sample", &[0]).next_u64(),
            stream(7, "sample", &[0]).next_u64()
        );
        let first: Vec<u64> = [
            (7, "sample", 1),
            (7, "init", 0),
            (8, "sample", 0),
            (7, "sample", 0),
        ]
        .map(|(s, p, i)| stream(s, p, &[i]).next_u64())
        .into();
        for i in 0..4 {
            assert!(!first[..i].contains(&first[i]));
        }
    }
}
