//! Two levels from many.

use std::fmt;

use rand::RngCore;
use serde::{Deserialize, Serialize};

use crate::{Split, random};

/// How a native value becomes 0 or 1. The stochastic kinds give 1 with probability `v / (native - 1)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Binarization {
    /// Drawn once: depends on the seed, the split and the image, never on the epoch.
    Fixed {
        /// Seed of the draw.
        seed: u64,
    },
    /// Drawn anew every epoch.
    Fresh {
        /// Seed of the draws.
        seed: u64,
    },
    /// 1 when `2 v >= native`.
    Threshold,
}

impl Binarization {
    /// "fixed", "fresh" or "threshold".
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fixed { .. } => "fixed",
            Self::Fresh { .. } => "fresh",
            Self::Threshold => "threshold",
        }
    }

    /// Appends the binary levels of one image, whose identity is `(split, id)`.
    pub(crate) fn encode(
        self,
        native: usize,
        image: &[u16],
        (split, id, epoch): (Split, u32, u64),
        out: &mut Vec<u32>,
    ) {
        let (seed, epoch) = match self {
            Self::Fixed { seed } => (seed, None),
            Self::Fresh { seed } => (seed, Some(epoch)),
            Self::Threshold => {
                out.extend(image.iter().map(|&v| above_half(native, v)));
                return;
            }
        };
        let part = split as u64;
        let mut rng = match epoch {
            None => random::stream("binarize fixed", &[seed, part, u64::from(id)]),
            Some(epoch) => random::stream("binarize fresh", &[seed, epoch, part, u64::from(id)]),
        };
        // 1 with probability v / top, exact at both ends: the draw is in 0..top.
        let top = native as u64 - 1;
        out.extend(image.iter().map(|&v| {
            let draw = (u64::from(rng.next_u32()) * top) >> 32;
            u32::from(draw < u64::from(v))
        }));
    }
}

/// What [`Binarization::Threshold`] makes of a value.
pub(crate) fn above_half(native: usize, value: u16) -> u32 {
    u32::from(2 * usize::from(value) >= native)
}

impl fmt::Display for Binarization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(how: Binarization, image: &[u16], id: u32, epoch: u64) -> Vec<u32> {
        let mut out = Vec::new();
        how.encode(256, image, (Split::Train, id, epoch), &mut out);
        out
    }

    const PIN_FIXED: [u32; 24] = [
        0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 0, 1, 1,
    ];
    const PIN_FRESH: [u32; 24] = [
        0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ];

    #[test]
    fn frequencies_follow_the_value() {
        for v in [0u16, 64, 200, 255] {
            let n = 40_000;
            let ones: u32 = encode(Binarization::Fixed { seed: 3 }, &vec![v; n], 0, 0)
                .iter()
                .sum();
            let (p, got) = (f64::from(v) / 255.0, f64::from(ones) / n as f64);
            assert!(
                (got - p).abs() <= 5.0 * (p * (1.0 - p) / n as f64).sqrt(),
                "{got} for {p}"
            );
        }
    }

    #[test]
    fn fixed_ignores_the_epoch_and_fresh_does_not() {
        let image = [128u16; 64];
        let fixed = Binarization::Fixed { seed: 1 };
        assert_eq!(encode(fixed, &image, 5, 0), encode(fixed, &image, 5, 9));
        assert_ne!(encode(fixed, &image, 5, 0), encode(fixed, &image, 6, 0));
        assert_ne!(
            encode(fixed, &image, 5, 0),
            encode(Binarization::Fixed { seed: 2 }, &image, 5, 0)
        );
        let fresh = Binarization::Fresh { seed: 1 };
        assert_eq!(encode(fresh, &image, 5, 3), encode(fresh, &image, 5, 3));
        assert_ne!(encode(fresh, &image, 5, 3), encode(fresh, &image, 5, 4));
    }

    #[test]
    fn the_threshold_is_half() {
        assert_eq!(
            encode(Binarization::Threshold, &[0, 127, 128, 255], 0, 0),
            [0, 0, 1, 1]
        );
    }

    #[test]
    fn binary_data_stays_what_it_is() {
        for how in [
            Binarization::Fixed { seed: 1 },
            Binarization::Fresh { seed: 1 },
            Binarization::Threshold,
        ] {
            let mut out = Vec::new();
            how.encode(2, &[0, 1, 1, 0], (Split::Test, 0, 0), &mut out);
            assert_eq!(out, [0, 1, 1, 0]);
        }
    }

    #[test]
    fn draws_are_pinned() {
        // A change here changes the data that earlier runs were scored on.
        let image: Vec<u16> = (0..24).map(|i| i * 11).collect();
        assert_eq!(
            encode(Binarization::Fixed { seed: 1 }, &image, 2, 0),
            PIN_FIXED
        );
        assert_eq!(
            encode(Binarization::Fresh { seed: 1 }, &image, 2, 3),
            PIN_FRESH
        );
    }
}
