//! A recording at another rate.

use std::path::Path;

use rubato::audioadapter_buffers::owned::InterleavedOwned;
use rubato::{Fft, FixedSync, Resampler as _};

use super::amplitude::{amplitude, sample};
use super::wav::{Recording, check_rate};
use crate::{Error, Result};

/// Length of the low-pass in samples of the lower rate: what is below 0.95 of its band stays.
const FILTER: usize = 512;
/// Nine hours at 8 kHz. A rate in a header must not fill the memory.
const MOST_SAMPLES: u64 = 1 << 28;

/// The sound of the file at `path` at `rate` samples a second: band-limited, in place to a fraction of a sample, of
/// `len · rate / from` samples to the nearest, but at least one where there was one.
///
/// # Errors
/// When a rate is 0 or above 768000, or it would be more than 2^28 samples; the latter names the file.
pub(crate) fn resampled(path: &Path, recording: Recording, rate: u32) -> Result<Recording> {
    check_rate(recording.rate)?;
    check_rate(rate)?;
    let from = recording.rate;
    if from == rate || recording.samples.is_empty() {
        return Ok(Recording { rate, ..recording });
    }
    let len = recording.samples.len();
    let refused = || Error::Format {
        path: path.to_owned(),
        problem: format!(
            "its {len} samples at {from} Hz would be more than {MOST_SAMPLES} at {rate} Hz, or cannot be resampled"
        ),
    };
    let new_len = (len as u64 * u64::from(rate) + u64::from(from / 2)) / u64::from(from);
    if new_len > MOST_SAMPLES {
        return Err(refused());
    }
    let common = common_divisor(from, rate);
    let [block, new_block] = [from, rate].map(|rate| (rate / common) as usize);
    // An even number: half a filter of odd length would be half a sample out of place.
    let blocks = FILTER.div_ceil(block.min(new_block)).next_multiple_of(2);
    let chunk = blocks * block;
    let amplitudes = recording.samples.into_iter().map(amplitude).collect();
    let input = InterleavedOwned::<f64>::new_from(amplitudes, 1, len).map_err(|_| refused())?;
    let mut output = Fft::new(from as usize, rate as usize, chunk, 1, FixedSync::Both)
        .map_err(|_| refused())?
        .process_all(&input, len, None)
        .map_err(|_| refused())?
        .take_data();
    output.resize(new_len.max(1) as usize, 0.0);
    let samples = output.into_iter().map(sample).collect();
    Ok(Recording {
        samples,
        rate,
        exact: false,
    })
}

fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;

    fn sine(hertz: f64, rate: u32, len: usize) -> Recording {
        let at = |i| 0.5 * (TAU * hertz * i as f64 / f64::from(rate)).sin();
        let samples = (0..len).map(|i| sample(at(i))).collect();
        Recording {
            samples,
            rate,
            exact: false,
        }
    }

    fn resampled_here(recording: Recording, rate: u32) -> Result<Recording> {
        resampled(Path::new("a.wav"), recording, rate)
    }

    /// Largest difference between the middle of a resampled sine and what it should be.
    fn error(hertz: f64, from: u32, to: u32) -> f64 {
        let got = resampled_here(sine(hertz, from, from as usize), to).unwrap();
        assert_eq!((got.samples.len(), got.rate), (to as usize, to));
        let want = sine(hertz, to, to as usize).samples;
        let middle = to as usize / 10..to as usize * 9 / 10;
        let far = |i: usize| (amplitude(got.samples[i]) - amplitude(want[i])).abs();
        middle.map(far).fold(0.0, f64::max)
    }

    #[test]
    fn a_sine_stays_the_sine_it_was() {
        let step = 2.0 / 32_768.0;
        for (from, to) in [
            (44_100, 8000),
            (8000, 44_100),
            (16_000, 8000),
            (8000, 8001),
            (48_000, 11_025),
        ] {
            assert!(
                error(440.0, from, to) < step,
                "{from} to {to}: {}",
                error(440.0, from, to)
            );
        }
        assert!(error(3700.0, 44_100, 8000) < 2.0 * step);
    }

    #[test]
    fn what_is_too_high_is_gone() {
        let got = resampled_here(sine(4100.0, 44_100, 44_100), 8000).unwrap();
        let middle = &got.samples[800..7200];
        assert!(middle.iter().all(|&s| amplitude(s).abs() < 1e-3));
    }

    #[test]
    fn a_click_stays_where_it_was() {
        let mut samples = vec![32_768; 3001];
        samples[1500] = 65_535;
        let rate = 16_000;
        let got = resampled_here(
            Recording {
                samples,
                rate,
                exact: false,
            },
            8000,
        )
        .unwrap();
        let loudest = (0..got.samples.len()).max_by_key(|&i| got.samples[i]);
        assert_eq!(loudest, Some(750));
    }

    #[test]
    fn lengths_are_rounded_and_short_ones_work() {
        for (len, from, to, want) in [
            (1, 44_100, 8000, 1),
            (3, 44_100, 8000, 1),
            (14, 44_100, 8000, 3),
            (1001, 16_000, 8000, 501),
            (2, 8000, 44_100, 11),
            (5, 767_999, 768_000, 5),
            (0, 8000, 16_000, 0),
        ] {
            let got = resampled_here(sine(100.0, from, len), to).unwrap();
            assert_eq!((got.samples.len(), got.rate), (want, to), "{len}");
        }
        let same = sine(100.0, 8000, 77);
        assert_eq!(resampled_here(same.clone(), 8000).unwrap(), same);
    }

    #[test]
    fn impossible_rates_are_refused() {
        assert!(resampled_here(sine(1.0, 8000, 9), 0).is_err());
        assert!(resampled_here(sine(1.0, 8000, 9), 768_001).is_err());
        let problem = resampled_here(sine(1.0, 1, 400), 768_000).unwrap_err();
        let problem = problem.to_string();
        assert!(
            problem.contains("a.wav: its 400 samples at 1 Hz") && problem.contains("268435456")
        );
    }
}
