//! The built-in sounds: vowels sung by a throat that never existed.
//!
//! A band-limited train of pulses, its pitch wavering, goes through three resonators at the formants of a vowel
//! (source and filter: Fant, Acoustic Theory of Speech Production, 1960; a cascade of resonators: Klatt, J.
//! Acoust. Soc. Am. 67, 1980). The arithmetic is `+ - * /` in `f64`, nothing else, so that recording `index` of
//! the set `seed` is the same samples on every machine.

use std::f64::consts::{PI, TAU};

use rand::RngCore;
use rand_chacha::ChaCha8Rng;

use super::amplitude::{SILENCE, sample};
use crate::random::{below, stream};

/// Samples a second.
pub(crate) const RATE: u32 = 8000;
/// The vowels, by class.
pub(crate) const CLASSES: [&str; 5] = ["a", "e", "i", "o", "u"];

/// Hertz of the first three formants of a man's vowels (Peterson and Barney, J. Acoust. Soc. Am. 24, 1952).
const FORMANTS: [[f64; 3]; 5] = [
    [730.0, 1090.0, 2440.0],
    [530.0, 1840.0, 2480.0],
    [270.0, 2290.0, 3010.0],
    [570.0, 840.0, 2410.0],
    [300.0, 870.0, 2240.0],
];
/// Their bandwidths in hertz.
const BANDWIDTHS: [f64; 3] = [70.0, 100.0, 150.0];
/// Lowest and highest pitch in hertz, and how much higher than a man's the formants are.
const VOICES: [[f64; 3]; 3] = [
    [90.0, 140.0, 1.0],
    [140.0, 220.0, 1.08],
    [200.0, 320.0, 1.16],
];
/// Samples of silence before and after.
const SILENT: [f64; 2] = [200.0, 600.0];
/// Samples of the vowel.
const SUNG: [f64; 2] = [1600.0, 3600.0];
/// The most that vibrato and jitter raise the pitch.
const WAVER: f64 = 1.035;

/// Recording number `index` of the endless set `seed`, 2000 to 4800 samples at [`RATE`], and its class.
pub(crate) fn draw(seed: u64, index: u64) -> (Vec<u16>, usize) {
    let mut dice = Dice(stream("tones", &[seed, index]));
    let class = dice.below(CLASSES.len());
    let silent = [(); 2].map(|()| dice.between(SILENT) as usize);
    let mut sound = sing(class, &mut dice);
    let peak = sound.iter().fold(0.0, |peak: f64, x| peak.max(x.abs()));
    let gain = dice.between([0.5, 0.8]) / peak;
    let mut samples = vec![SILENCE; silent[0]];
    samples.extend(sound.drain(..).map(|x| sample(gain * x)));
    samples.resize(samples.len() + silent[1], SILENCE);
    (samples, class)
}

/// One vowel, as loud as it comes.
fn sing(class: usize, dice: &mut Dice) -> Vec<f64> {
    let [lowest, highest, size] = VOICES[dice.below(VOICES.len())];
    let size = size * (1.0 + 0.02 * dice.bell());
    let mut throat = [0, 1, 2].map(|i| {
        let hertz = FORMANTS[class][i] * size * (1.0 + 0.015 * dice.bell());
        Resonator::new(hertz, BANDWIDTHS[i])
    });
    let pitch = dice.between([lowest, highest]) / f64::from(RATE); // periods a sample
    let harmonics = (0.5 / (pitch * WAVER)).floor();
    let [vibrato, depth] = [[4.5, 6.5], [0.004, 0.015]].map(|range| dice.between(range));
    let vibrato = vibrato / f64::from(RATE);
    let breath = dice.between([0.02, 0.1]);
    let len = dice.between(SUNG);
    let [attack, release] = [[160.0, 400.0], [400.0, 900.0]].map(|range| dice.between(range));

    let (mut phase, mut jitter, mut glottis) = (0.0, 1.0, 0.0);
    let mut at = |i: f64| {
        phase += pitch * jitter * (1.0 + depth * sine(vibrato * i));
        if phase >= 1.0 {
            phase -= 1.0;
            jitter = 1.0 + 0.006 * dice.bell();
        }
        // A leak of the integral keeps it around zero.
        glottis = 0.98 * glottis + pulse(phase, harmonics) * pitch;
        let source = glottis + breath * (dice.unit() - 0.5);
        let sound = throat.iter_mut().fold(source, |x, tube| tube.next(x));
        sound * ramp(i / attack) * ramp((len - i) / release)
    };
    (0..len as usize).map(|i| at(i as f64)).collect()
}

/// A pulse a period as the sum of the cosines of its harmonics, so that nothing folds back from above the band.
fn pulse(phase: f64, harmonics: f64) -> f64 {
    let below = sine(phase / 2.0);
    if below.abs() < 1e-6 {
        return harmonics;
    }
    (sine((harmonics + 0.5) * phase) / below - 1.0) / 2.0
}

/// A resonance: poles at a frequency, as wide as a bandwidth.
struct Resonator {
    gain: f64,
    feedback: [f64; 2],
    past: [f64; 2],
}

impl Resonator {
    fn new(hertz: f64, bandwidth: f64) -> Self {
        let radius = decay(PI * bandwidth / f64::from(RATE));
        let cosine = sine(hertz / f64::from(RATE) + 0.25);
        let feedback = [2.0 * radius * cosine, -radius * radius];
        Self {
            gain: 1.0 - feedback[0] - feedback[1],
            feedback,
            past: [0.0; 2],
        }
    }

    fn next(&mut self, x: f64) -> f64 {
        let [a, b] = self.feedback;
        let y = self.gain * x + a * self.past[0] + b * self.past[1];
        self.past = [y, self.past[0]];
        y
    }
}

/// From 0 to 1, flat at both ends.
fn ramp(x: f64) -> f64 {
    let x = x.clamp(0.0, 1.0);
    x * x * (3.0 - 2.0 * x)
}

/// The sine of so many turns, to 1e-9.
fn sine(turns: f64) -> f64 {
    let part = turns - turns.floor();
    let folded = match part {
        _ if part > 0.75 => part - 1.0,
        _ if part > 0.25 => 0.5 - part,
        _ => part,
    };
    let x = TAU * folded;
    let taylor = [12.0 * 13.0, 10.0 * 11.0, 8.0 * 9.0, 6.0 * 7.0, 20.0, 6.0];
    x * taylor.iter().fold(1.0, |sum, n| 1.0 - x * x / n * sum)
}

/// `exp(-x)` for small `x`, to 1e-6 below 0.2 (Padé).
fn decay(x: f64) -> f64 {
    let even = 1.0 + x * x / 12.0;
    (even - x / 2.0) / (even + x / 2.0)
}

/// The draws of one recording.
struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        below(&mut self.0, n as u32) as usize
    }

    /// Uniform over `[0, 1)`.
    fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / 4_294_967_296.0
    }

    fn between(&mut self, [low, high]: [f64; 2]) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Around 0 with standard deviation 1, never beyond ±3.
    fn bell(&mut self) -> f64 {
        2.0 * (self.unit() + self.unit() + self.unit() - 1.5)
    }
}

#[cfg(test)]
mod tests {
    use super::super::amplitude::amplitude;
    use super::*;

    #[test]
    fn lengths_loudness_and_silence() {
        let mut seen = [0; 5];
        for index in 0..200 {
            let (samples, class) = draw(1, index);
            seen[class] += 1;
            assert!((2000..=4800).contains(&samples.len()));
            let loud = |samples: &[u16]| {
                let each = samples.iter().map(|&s| amplitude(s).abs());
                each.fold(0.0, f64::max)
            };
            assert!((0.499..0.801).contains(&loud(&samples)));
            assert!(loud(&samples[..200]) == 0.0);
            assert!(loud(&samples[samples.len() - 200..]) == 0.0);
            let sum: f64 = samples.iter().map(|&s| amplitude(s)).sum();
            assert!((sum / samples.len() as f64).abs() < 0.01);
        }
        assert!(seen.iter().all(|&n| n > 20), "{seen:?}");
    }

    #[test]
    fn sounds_are_a_pure_function_and_pinned() {
        assert_eq!(draw(1, 7), draw(1, 7));
        assert_ne!(draw(1, 7).0, draw(1, 8).0);
        assert_ne!(draw(1, 7).0, draw(2, 7).0);
        let (samples, class) = draw(1, 0);
        let loud: u64 = samples
            .iter()
            .map(|&s| u64::from(s.abs_diff(SILENCE)))
            .sum();
        assert_eq!((samples.len(), class, loud), PINNED);
    }

    /// Changes with the set, which then is another one under the same name.
    const PINNED: (usize, usize, u64) = (4061, 4, 18_964_491);

    /// Energy between two frequencies in hertz, by the definition of the Fourier transform.
    fn energy(samples: &[u16], [low, high]: [u32; 2]) -> f64 {
        let at = |hertz: u32| {
            let turn = |i: usize| f64::from(hertz) / f64::from(RATE) * i as f64;
            let part = |shift: f64| {
                let terms = samples.iter().enumerate();
                terms
                    .map(|(i, &s)| amplitude(s) * sine(turn(i) + shift))
                    .sum::<f64>()
            };
            part(0.0) * part(0.0) + part(0.25) * part(0.25)
        };
        (low..high).step_by(20).map(at).sum()
    }

    #[test]
    fn the_vowels_have_their_formants() {
        let mut ratios = [const { Vec::new() }; 5];
        for index in 0..60 {
            let (samples, class) = draw(1, index);
            let [middle, high] = [[650, 1400], [2000, 2900]].map(|band| energy(&samples, band));
            ratios[class].push(middle / high);
        }
        let lowest = |class: usize| ratios[class].iter().copied().fold(f64::MAX, f64::min);
        let highest = |class: usize| ratios[class].iter().copied().fold(0.0, f64::max);
        let (a, i) = (0, 2);
        assert!(lowest(a) > 4.0 * highest(i), "{ratios:?}");
    }

    #[test]
    fn own_functions_are_those_of_the_library() {
        for i in -1000..1000 {
            let x = f64::from(i) / 300.0;
            assert!((sine(x) - (TAU * x).sin()).abs() < 1e-9);
            let x = x.abs() / 20.0;
            assert!((decay(x) - (-x).exp()).abs() < 1e-6);
        }
    }
}
