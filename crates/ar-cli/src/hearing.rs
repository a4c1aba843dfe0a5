//! What recordings sound like, in numbers: to tell a voice from noise without ears.

use std::fmt;

use anyhow::Result;
use realfft::RealFftPlanner;
use serde::Serialize;

/// Of several recordings together.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Heard {
    /// Root mean square, decibels below full scale.
    pub(crate) loudness_db: f64,
    /// Share of frames of 32 ms below -50 dB.
    pub(crate) silent: f64,
    /// Changes of sign a second, in the frames that are not silent.
    pub(crate) crossings_per_second: f64,
    /// Share of the energy below 1 kHz.
    pub(crate) below_1_khz: f64,
    /// How much of a frame comes back a period of 60 to 400 Hz later, from 0 for noise to 1 for a steady tone:
    /// the mean over frames that are not silent, by their energy.
    pub(crate) periodicity: f64,
}

/// Of more, some evenly spread.
const MOST_FRAMES: usize = 4096;
const FRAME_SECONDS: f64 = 0.032;
const SILENT_DB: f64 = -50.0;
/// Hz of a voice.
const PITCHES: [f64; 2] = [60.0, 400.0];

impl Heard {
    /// Of 16-bit recordings, silence at 32768, of `rate` samples a second; of too few samples for a frame,
    /// nothing.
    ///
    /// # Errors
    /// Never for what fits in memory.
    pub(crate) fn of(recordings: &[&[u16]], rate: u32) -> Result<Option<Self>> {
        let rate = f64::from(rate);
        let frame = ((rate * FRAME_SECONDS) as usize).max(8);
        let transform = RealFftPlanner::<f32>::new().plan_fft_forward(frame);
        let (mut input, mut spectrum) = (transform.make_input_vec(), transform.make_output_vec());
        let (mut all, mut frames, mut loud, mut crossings) = (0.0, 0usize, 0usize, 0usize);
        let (mut low, mut power, mut heard, mut returning) = (0.0, 0.0, 0.0, 0.0);
        let whole = |r: &&[u16]| r.len() / frame;
        let stride = recordings.iter().map(whole).sum::<usize>() / MOST_FRAMES + 1;
        let chunks = recordings.iter().flat_map(|r| r.chunks_exact(frame));
        for frame_of in chunks.step_by(stride) {
            let samples: Vec<f32> = frame_of
                .iter()
                .map(|&s| (f32::from(s) - 32_768.0) / 32_768.0)
                .collect();
            let energy = dot(&samples, &samples);
            all += energy;
            frames += 1;
            if 10.0 * (energy / frame as f64).log10() < SILENT_DB {
                continue;
            }
            loud += 1;
            heard += energy;
            let signs = samples
                .windows(2)
                .filter(|pair| (pair[0] < 0.0) != (pair[1] < 0.0));
            crossings += signs.count();
            returning += energy * periodicity(&samples, rate);
            input.copy_from_slice(&samples);
            transform.process(&mut input, &mut spectrum)?;
            for (bin, value) in spectrum.iter().enumerate().skip(1) {
                let own = f64::from(value.norm_sqr());
                power += own;
                if bin as f64 * rate / (frame as f64) < 1000.0 {
                    low += own;
                }
            }
        }
        if frames == 0 {
            return Ok(None);
        }
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        Ok(Some(Self {
            loudness_db: 10.0 * (all / (frames * frame) as f64).max(1e-10).log10(),
            silent: (frames - loud) as f64 / frames as f64,
            crossings_per_second: share(crossings as f64 * rate, (loud * frame) as f64),
            below_1_khz: share(low, power),
            periodicity: share(returning, heard),
        }))
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.1} dB, {:.0} % silent, {:.0} crossings/s, {:.0} % of the energy below 1 kHz, periodicity {:.2}",
            self.loudness_db,
            100.0 * self.silent,
            self.crossings_per_second,
            100.0 * self.below_1_khz,
            self.periodicity
        )
    }
}

/// The largest normalised autocorrelation at the period of a voice.
fn periodicity(samples: &[f32], rate: f64) -> f64 {
    let [longest, shortest] = PITCHES.map(|hz| (rate / hz) as usize);
    let lags = shortest.max(1)..=longest.min(samples.len() * 2 / 3);
    let at = |lag: usize| {
        let (early, late) = (&samples[..samples.len() - lag], &samples[lag..]);
        let both = dot(early, early) * dot(late, late);
        if both > 0.0 {
            dot(early, late) / both.sqrt()
        } else {
            0.0
        }
    };
    lags.map(at).fold(0.0, f64::max)
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(of: impl Fn(usize) -> f64) -> Heard {
        let samples: Vec<u16> = (0..8000)
            .map(|t| (32_768.0 + 32_767.0 * of(t)) as u16)
            .collect();
        Heard::of(&[&samples], 8000).unwrap().unwrap()
    }

    #[test]
    fn a_tone_noise_and_silence_are_told_apart() {
        let tone = heard(|t| 0.5 * (t as f64 * 0.1).sin()); // 127 Hz
        assert!((tone.loudness_db + 9.0).abs() < 0.2, "{tone}");
        assert!(tone.periodicity > 0.98 && tone.below_1_khz > 0.98, "{tone}");
        assert!((tone.crossings_per_second - 255.0).abs() < 10.0, "{tone}");
        let scattered = |t: usize| (t as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        let noise = heard(|t| 0.5 * ((scattered(t * t + 7 * t) % 2001) as f64 / 1000.0 - 1.0));
        assert!(
            noise.periodicity < 0.5 && noise.below_1_khz < 0.5,
            "{noise}"
        );
        assert!(noise.crossings_per_second > 2500.0, "{noise}");
        let nothing = heard(|_| 0.0);
        assert_eq!((nothing.silent, nothing.periodicity), (1.0, 0.0));
        assert!(Heard::of(&[&[32_768; 9]], 8000).unwrap().is_none());
    }
}
