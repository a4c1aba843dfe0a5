//! Between 16-bit samples and amplitudes.

/// The sample of silence.
pub(super) const SILENCE: u16 = 1 << 15;

/// The amplitude of a sample, `-1.0` to just below `1.0`.
pub(super) fn amplitude(sample: u16) -> f64 {
    (f64::from(sample) - f64::from(SILENCE)) / f64::from(SILENCE)
}

/// The sample nearest to an amplitude; what is too loud is clipped.
pub(super) fn sample(amplitude: f64) -> u16 {
    let offset = (amplitude * f64::from(SILENCE)).round() + f64::from(SILENCE);
    offset.clamp(0.0, f64::from(u16::MAX)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_samples_come_back_and_the_rest_is_clipped() {
        assert!((0..=u16::MAX).all(|value| sample(amplitude(value)) == value));
        assert_eq!([-7.0, 0.0, 1.0].map(sample), [0, SILENCE, u16::MAX]);
    }
}
