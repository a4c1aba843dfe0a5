//! How loud a recording is in bands of frequency, every few samples: what a model is told of a sound it is to
//! draw.

use std::f64::consts::PI;

use realfft::RealFftPlanner;

use super::amplitude::amplitude;
use crate::{Error, Result};

/// Energies in bands that are narrow below and wide above, as ears have them (the mel scale, as it lies at
/// 8 kHz), of stretches of samples. A stretch knows its own samples alone, so that a window of a recording that
/// begins where a stretch does says what the whole says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bands {
    /// How many bands.
    pub count: usize,
    /// Samples of a stretch, a power of two.
    pub every: usize,
}

/// Decibels from silence to the loudest.
const RANGE_DB: f64 = 90.0;
/// The mel scale is linear up to here, in shares of the highest frequency.
const BEND: f64 = 700.0 / 4000.0;

impl Bands {
    /// Whether there can be such bands.
    ///
    /// # Errors
    /// When a stretch is no power of two from 16 to 8192, or has fewer frequencies than bands are asked for.
    pub fn validate(self) -> Result<()> {
        let option = "--bands";
        if !self.every.is_power_of_two() || !(16..=8192).contains(&self.every) {
            let must = "of stretches of 16, 32, 64, .. or 8192 samples";
            return Err(Error::Option { option, must });
        }
        if !(1..=self.every / 2).contains(&self.count) {
            let must = "at least 1 and at most half the samples of a stretch";
            return Err(Error::Option { option, must });
        }
        Ok(())
    }

    /// The energies of 16-bit `samples`, `(bands, stretches)`, from -1 for silence to 1; the last stretch may be
    /// shorter.
    pub fn of(self, samples: &[u16]) -> Vec<f32> {
        let (n, every) = (samples.len().div_ceil(self.every), self.every);
        let transform = RealFftPlanner::<f64>::new().plan_fft_forward(every);
        let (mut input, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
        let window = |i: usize| 0.5 - 0.5 * (2.0 * PI * (i as f64 + 0.5) / every as f64).cos();
        let whole: f64 = (0..every).map(window).sum();
        let shares = self.shares();
        let mut all = vec![0.0; self.count * n];
        for (at, stretch) in samples.chunks(every).enumerate() {
            input.fill(0.0);
            for (i, (input, &sample)) in input.iter_mut().zip(stretch).enumerate() {
                *input = amplitude(sample) * window(i) / whole;
            }
            // The lengths are those it asked for.
            if transform.process(&mut input, &mut spectrum).is_err() {
                continue;
            }
            for (band, shares) in shares.iter().enumerate() {
                let power = shares
                    .iter()
                    .map(|&(bin, share)| share * spectrum[bin].norm_sqr());
                let db = 10.0 * (power.sum::<f64>() + 10f64.powf(-RANGE_DB / 10.0)).log10();
                all[band * n + at] = (1.0 + 2.0 * db / RANGE_DB).clamp(-1.0, 1.0) as f32;
            }
        }
        all
    }

    /// Of each band, the bins it counts and how much: a triangle that ends where its neighbours are at their tops.
    fn shares(self) -> Vec<Vec<(usize, f64)>> {
        let bins = self.every / 2;
        let top = |i: usize| {
            let mel = (1.0 + 1.0 / BEND).powf(i as f64 / (self.count + 1) as f64) - 1.0;
            mel * BEND * bins as f64
        };
        let of = |band: usize| {
            let [low, own, high] = [band, band + 1, band + 2].map(top);
            let (below, above) = ((own - low).max(1.0), (high - own).max(1.0));
            let share = |bin: usize| {
                let off = bin as f64 - own;
                1.0 - if off < 0.0 { -off / below } else { off / above }
            };
            let all = (0..=bins).map(|bin| (bin, share(bin)));
            all.filter(|&(_, share)| share > 0.0).collect()
        };
        (0..self.count).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::amplitude::{SILENCE, sample};

    const BANDS: Bands = Bands {
        count: 8,
        every: 128,
    };

    fn tone(hz: f64, samples: usize) -> Vec<u16> {
        let at = |t: usize| sample(0.5 * (2.0 * PI * hz * t as f64 / 8000.0).sin());
        (0..samples).map(at).collect()
    }

    #[test]
    fn silence_is_lowest_and_a_tone_is_in_its_band() {
        assert!(BANDS.of(&[SILENCE; 300]).iter().all(|&v| v == -1.0));
        let loudest = |hz| {
            let all = BANDS.of(&tone(hz, 256));
            assert_eq!(all.len(), 16);
            (0..8).max_by(|&a, &b| all[2 * a].total_cmp(&all[2 * b]))
        };
        let bands: Vec<_> = [100.0, 500.0, 1200.0, 2200.0, 3700.0].map(loudest).to_vec();
        assert!(
            bands.is_sorted() && bands.windows(2).all(|b| b[0] != b[1]),
            "{bands:?}"
        );
        assert_eq!((bands[0], bands[4]), (Some(0), Some(7)));
    }

    #[test]
    fn a_stretch_knows_its_own_samples_alone() {
        let all = tone(440.0, 700);
        let (whole, part) = (BANDS.of(&all), BANDS.of(&all[128..512]));
        for band in 0..8 {
            assert_eq!(
                whole[band * 6 + 1..band * 6 + 4],
                part[band * 3..band * 3 + 3]
            );
        }
        assert!((0..8).all(|band| whole[band * 6 + 5].is_finite()));
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        assert!(BANDS.validate().is_ok());
        for (count, every) in [(0, 128), (65, 128), (4, 100), (4, 8), (4, 16_384)] {
            let refused = Bands { count, every }.validate().unwrap_err().to_string();
            assert!(refused.starts_with("--bands must be"), "{refused}");
        }
        assert!(
            Bands {
                count: 64,
                every: 128
            }
            .shares()
            .iter()
            .all(|s| !s.is_empty())
        );
    }
}
