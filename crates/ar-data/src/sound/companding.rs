//! Samples to fewer levels, finer where it is quiet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::amplitude::{SILENCE, amplitude, sample};
use crate::{Error, Result};

/// How the levels are spread over the amplitudes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Law {
    /// By the logarithm of the amplitude, as ITU-T G.711 and WaveNet do.
    MuLaw,
    /// Evenly, with silence on a level.
    Linear,
    /// Two values of 256 levels for a sample, its high byte and then its low byte: what is coarse, and what is
    /// fine given that.
    Bytes,
}

impl Law {
    /// "mu-law", "linear" or "bytes".
    pub const fn name(self) -> &'static str {
        match self {
            Self::MuLaw => "mu-law",
            Self::Linear => "linear",
            Self::Bytes => "bytes",
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Law {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::MuLaw, Self::Linear, Self::Bytes]
            .into_iter()
            .find(|law| law.name() == name)
            .ok_or(Error::Option {
                option: "companding",
                must: "mu-law, linear or bytes",
            })
    }
}

/// 16-bit samples to levels `0..levels`, and back. Encoding what was decoded gives the same level.
///
/// With `x` the amplitude of a sample, -1 to 1:
/// - mu-law, `μ = levels - 1`: `floor((sign(x) ln(1 + μ|x|) / ln(1 + μ) + 1) / 2 · μ + 0.5)`. With an even number of
///   levels silence is the upper of the two in the middle, as in G.711, and decodes to half a step from it.
/// - linear: `round(x · levels / 2) + floor(levels / 2)`, at most `levels - 1`. With 65536 levels both ways are
///   the identity.
/// - bytes: 256 levels of the high byte and 256 of the low one, all 16 bits.
///
/// ```
/// use ar_data::{Companding, Law};
///
/// let companding = Companding::new(Law::MuLaw, 256)?;
/// assert_eq!(companding.levels_of(&[32768, 65535]), [128, 255]); // silence first
/// assert_eq!(companding.samples_of(&[128]), [32771]);
/// # Ok::<(), ar_data::Error>(())
/// ```
///
/// # References
/// WaveNet, arXiv:1609.03499, section 2.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Fields")]
pub struct Companding {
    law: Law,
    levels: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    law: Law,
    levels: usize,
}

impl TryFrom<Fields> for Companding {
    type Error = Error;

    fn try_from(fields: Fields) -> Result<Self> {
        Self::new(fields.law, fields.levels)
    }
}

impl Companding {
    /// Levels that mu-law can have. The steps around silence are `2 ln(levels) / μ²` wide: 1.6 samples with 512
    /// levels, but 0.4 with 1024, so that several levels would share a sample and be lost in decoding.
    pub const MOST_MU_LAW: usize = 512;
    /// Levels that linear can have, one for each sample.
    pub const MOST_LINEAR: usize = 1 << 16;

    /// Of so many levels.
    ///
    /// # Errors
    /// When `levels` is below 2 or above [`Self::MOST_MU_LAW`] or [`Self::MOST_LINEAR`].
    pub fn new(law: Law, levels: usize) -> Result<Self> {
        let (most, option, must) = match law {
            Law::MuLaw => (
                Self::MOST_MU_LAW,
                "levels of mu-law",
                "between 2 and 512, as 16-bit samples cannot tell the quiet ones of more levels apart",
            ),
            Law::Linear => (
                Self::MOST_LINEAR,
                "levels of linear companding",
                "between 2 and 65536",
            ),
            Law::Bytes => (256, "levels of bytes", "256"),
        };
        if !(2..=most).contains(&levels) || law == Law::Bytes && levels != most {
            return Err(Error::Option { option, must });
        }
        Ok(Self { law, levels })
    }

    /// How the levels are spread.
    pub const fn law(self) -> Law {
        self.law
    }

    /// How many levels a value has.
    pub const fn levels(self) -> usize {
        self.levels
    }

    /// Values of a sample.
    pub const fn channels(self) -> usize {
        match self.law {
            Law::MuLaw | Law::Linear => 1,
            Law::Bytes => 2,
        }
    }

    /// The levels of samples: all first values, and then the second ones if there are any.
    pub fn levels_of(self, samples: &[u16]) -> Vec<u32> {
        match self.law {
            Law::MuLaw | Law::Linear => samples.iter().map(|&s| self.level(s)).collect(),
            Law::Bytes => {
                let bytes = |i: usize| samples.iter().map(move |s| u32::from(s.to_be_bytes()[i]));
                bytes(0).chain(bytes(1)).collect()
            }
        }
    }

    /// The reverse of [`Self::levels_of`], of as many recordings as there are in a row of one channel each; of
    /// one recording where a sample has several values.
    pub fn samples_of(self, levels: &[u32]) -> Vec<u16> {
        match self.law {
            Law::MuLaw | Law::Linear => levels.iter().map(|&l| self.sample(l)).collect(),
            Law::Bytes => {
                let (high, low) = levels.split_at(levels.len() / 2);
                let byte = |level: u32| level.min(255) as u8;
                let pairs = high.iter().zip(low);
                pairs
                    .map(|(&high, &low)| u16::from_be_bytes([byte(high), byte(low)]))
                    .collect()
            }
        }
    }

    /// Whether two samples look the same to a model.
    pub(crate) fn same(self, a: u16, b: u16) -> bool {
        match self.law {
            Law::MuLaw | Law::Linear => self.level(a) == self.level(b),
            Law::Bytes => a == b,
        }
    }

    /// The level of a sample, of which there is one. Mu-law takes two logarithms; who needs millions makes a table of the 65536.
    fn level(self, sample: u16) -> u32 {
        let top = self.levels as u32 - 1;
        match self.law {
            Law::MuLaw => {
                let (x, mu) = (amplitude(sample), f64::from(top));
                let y = ((mu * x.abs()).ln_1p() / mu.ln_1p()).copysign(x);
                // Never negative, so the cast is the floor.
                (((y + 1.0) * mu / 2.0 + 0.5) as u32).min(top)
            }
            Law::Linear | Law::Bytes => {
                let offset = i64::from(sample) - i64::from(SILENCE);
                let level = rounded(offset * self.levels as i64, 1 << 16) + self.middle();
                level.clamp(0, i64::from(top)) as u32
            }
        }
    }

    /// The sample in the middle of a level; levels past the end count as the last.
    fn sample(self, level: u32) -> u16 {
        let top = self.levels as u32 - 1;
        let level = level.min(top);
        match self.law {
            Law::MuLaw => {
                let mu = f64::from(top);
                let y = 2.0 * f64::from(level) / mu - 1.0;
                let x = ((y.abs() * mu.ln_1p()).exp_m1() / mu).copysign(y);
                sample(x)
            }
            Law::Linear | Law::Bytes => {
                let steps = i64::from(level) - self.middle();
                let offset = rounded(steps << 16, self.levels as i64);
                (offset + i64::from(SILENCE)).clamp(0, i64::from(u16::MAX)) as u16
            }
        }
    }

    /// The linear level of silence.
    const fn middle(self) -> i64 {
        (self.levels / 2) as i64
    }
}

/// `a / b` to the nearest, halves away from zero, so that loud and quiet go the same way on both sides.
const fn rounded(a: i64, b: i64) -> i64 {
    (a.abs() + b / 2) / b * a.signum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each() -> impl Iterator<Item = Companding> {
        let mu_law = 2..=Companding::MOST_MU_LAW;
        let linear = (2..=300).chain([1000, 4096, 32_767, 32_768, 65_535, 65_536]);
        mu_law
            .map(|levels| Companding::new(Law::MuLaw, levels).unwrap())
            .chain(linear.map(|levels| Companding::new(Law::Linear, levels).unwrap()))
    }

    #[test]
    fn what_was_decoded_encodes_to_the_same_level() {
        for companding in each() {
            for level in 0..companding.levels() as u32 {
                let sample = companding.sample(level);
                assert_eq!(companding.level(sample), level, "{companding:?}");
            }
            let top = companding.levels() as u32 - 1;
            assert_eq!(companding.sample(top + 9), companding.sample(top));
        }
    }

    #[test]
    fn twice_as_many_mu_law_levels_would_not_come_back() {
        let companding = Companding {
            law: Law::MuLaw,
            levels: 2 * Companding::MOST_MU_LAW,
        };
        assert!((0..1024).any(|level| companding.level(companding.sample(level)) != level));
    }

    #[test]
    fn levels_rise_with_the_samples_and_use_the_whole_range() {
        for companding in each().filter(|c| [2, 3, 16, 255, 256, 65_536].contains(&c.levels())) {
            let levels: Vec<u32> = (0..=u16::MAX).map(|s| companding.level(s)).collect();
            assert!(levels.is_sorted(), "{companding:?}");
            let top = companding.levels() as u32 - 1;
            assert_eq!((levels[0], levels[65_535]), (0, top), "{companding:?}");
        }
    }

    #[test]
    fn loud_and_quiet_are_mirrored() {
        for companding in each().filter(|c| [2, 3, 16, 255, 256].contains(&c.levels())) {
            // An even number of linear levels has one more below silence than above it.
            let even = companding.levels().is_multiple_of(2);
            let sum = match companding.law() {
                Law::Linear if even => companding.levels() as u32,
                _ => companding.levels() as u32 - 1,
            };
            for sample in 1..SILENCE {
                let (low, high) = (
                    companding.level(sample),
                    companding.level(0u16.wrapping_sub(sample)),
                );
                let clipped = companding.law() == Law::Linear && even && low == 0;
                assert!(low + high == sum || clipped, "{companding:?} {sample}");
            }
        }
    }

    #[test]
    fn silence_stays_silent() {
        for companding in each() {
            let level = companding.level(SILENCE);
            let back = companding.sample(level);
            match companding.law() {
                Law::Linear | Law::Bytes => {
                    assert_eq!((level, back), (companding.middle() as u32, SILENCE));
                }
                Law::MuLaw if companding.levels() % 2 == 1 => assert_eq!(back, SILENCE),
                Law::MuLaw => {
                    let step = back - companding.sample(level - 1);
                    assert!(back - SILENCE <= step.div_ceil(2), "{companding:?}");
                }
            }
        }
    }

    #[test]
    fn all_the_linear_levels_are_the_samples() {
        let companding = Companding::new(Law::Linear, 65_536).unwrap();
        assert!((0..=u16::MAX).all(|s| companding.level(s) == u32::from(s)));
        assert!((0..=u16::MAX).all(|s| companding.sample(s.into()) == s));
    }

    #[test]
    fn bytes_are_the_samples_coarse_and_fine() {
        let companding = Companding::new(Law::Bytes, 256).unwrap();
        let samples = [0, SILENCE, 0x1234, u16::MAX];
        let levels = companding.levels_of(&samples);
        assert_eq!(levels, [0, 0x80, 0x12, 0xff, 0, 0, 0x34, 0xff]);
        assert_eq!(companding.samples_of(&levels), samples);
        assert!(companding.same(7, 7) && !companding.same(7, 8));
        assert!(Companding::new(Law::Bytes, 255).is_err());
    }

    #[test]
    fn names_and_json_and_what_is_refused() {
        for law in [Law::MuLaw, Law::Linear, Law::Bytes] {
            assert_eq!(law.to_string().parse::<Law>().unwrap(), law);
            let json = serde_json::to_string(&law).unwrap();
            assert_eq!(json, format!("\"{law}\""));
            assert!(Companding::new(law, 1).is_err());
        }
        assert!("mulaw".parse::<Law>().is_err());
        assert!(Companding::new(Law::Linear, 65_537).is_err());
        let problem = Companding::new(Law::MuLaw, 1024).unwrap_err().to_string();
        assert!(problem.contains("between 2 and 512"), "{problem}");
        let read = serde_json::from_str::<Companding>;
        let json = r#"{"law":"mu-law","levels":256}"#;
        assert_eq!(serde_json::to_string(&read(json).unwrap()).unwrap(), json);
        assert!(read(r#"{"law":"mu-law","levels":513}"#).is_err());
        assert!(read(r#"{"law":"mu-law","levels":256,"x":1}"#).is_err());
    }
}
