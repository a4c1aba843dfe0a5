//! Elementary functions out of sums, products and quotients alone, which every processor rounds alike: those
//! of a system's library differ from system to system in the last bit, and one bit is enough for a decoder
//! to go astray. They are not fused, so that they are quick outside of loops that are compiled for several processors;
//! inside of those `ar-nn` has its own, which are.

use std::f32::consts as f32c;
use std::f64::consts as f64c;

/// Version of the arithmetic of every step pass and of [`Cumulative`](crate::Cumulative): to be raised when the bits
/// of any of them change, so that an archive is refused and not decoded to something else.
pub const ARITHMETIC: u32 = 1;

/// 1.5 · 2^23: floats of this size are the integers.
const ROUND: f32 = 12_582_912.0;

/// The same of f64.
const ROUND_F64: f64 = 6_755_399_441_055_744.0;

/// e^x to about 2 units in the last place from -87 to 88, and clamped outside.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.3, 88.3);
    let shifted = x * f32c::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of few bits, so that r keeps its own.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    for c in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        0.166_666_65,
        0.5,
    ] {
        p = p * r + c;
    }
    let y = (p * r) * r + r + 1.0;
    f32::from_bits(y.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// ln x of a positive normal number, to about 2 units in the last place; minus infinity of 0.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    if x <= 0.0 {
        return if x == 0.0 {
            f32::NEG_INFINITY
        } else {
            f32::NAN
        };
    }
    // x = m · 2^e with m from 1/√2 to √2.
    let bits = x.to_bits().wrapping_sub(f32c::FRAC_1_SQRT_2.to_bits());
    let e = (bits as i32 >> 23) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff) + f32c::FRAC_1_SQRT_2.to_bits());
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let series = z * (1.0 / 3.0 + z * (1.0 / 5.0 + z * (1.0 / 7.0 + z * (1.0 / 9.0))));
    let small = 2.0 * s + 2.0 * s * series;
    if x.is_finite() {
        e * 0.693_359_4 + (small - e * 2.121_944_4e-4)
    } else {
        x
    }
}

/// tanh x = 1 - 2 / (1 + e^2x), with the small-argument series where that cancels.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let by_exp = 1.0 - 2.0 / (1.0 + exp(2.0 * x));
    let s = x * x;
    let small = x * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0))));
    if x.abs() < 0.15 { small } else { by_exp }
}

/// e^x in f64 to a few units in the last place from -700 to 700, and clamped outside.
#[inline(always)]
pub fn exp_f64(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let shifted = x * f64c::LOG2_E + ROUND_F64;
    let n = shifted - ROUND_F64;
    let r = (x - n * 0.693_147_180_369_123_8) - n * 1.908_214_929_270_587_7e-10;
    let mut p = TAYLOR[0];
    for c in &TAYLOR[1..] {
        p = p * r + c;
    }
    f64::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 52))
}

/// 1 / k! from k = 13 down to 0: enough for |r| < 0.35.
const TAYLOR: [f64; 14] = {
    let (mut all, mut k) = ([1.0; 14], 12);
    let mut inverse = 1.0;
    while k > 0 {
        inverse /= (13 - k) as f64;
        all[k] = inverse;
        k -= 1;
    }
    all[0] = inverse / 13.0;
    all
};

/// ln x in f64 of a positive normal number, to a few units in the last place.
pub fn ln_f64(x: f64) -> f64 {
    let bits = x.to_bits().wrapping_sub(f64c::FRAC_1_SQRT_2.to_bits());
    let e = (bits as i64 >> 52) as f64;
    let m = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) + f64c::FRAC_1_SQRT_2.to_bits());
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let mut series = 0.0;
    for k in (1..=12).rev() {
        series = z * (series + 1.0 / f64::from(2 * k + 1));
    }
    e * f64c::LN_2 + (2.0 * s + 2.0 * s * series)
}

/// Sine and cosine of so many whole turns, to a few units in the last place of 1.
pub fn sin_cos_of_turns(turns: f64) -> (f64, f64) {
    // Half a turn at most, and an eighth of that angle, doubled three times: sin 2a = 2 sin a cos a.
    let a = (turns - turns.round()) * f64c::TAU / 8.0;
    let (mut sin, mut versine) = (0.0, 0.0);
    for k in (0..=8).rev() {
        sin = 1.0 - sin * a * a / f64::from((2 * k + 2) * (2 * k + 3));
        versine = 1.0 - versine * a * a / f64::from((2 * k + 3) * (2 * k + 4));
    }
    // 1 - cos a, whose small values keep their digits.
    (sin, versine) = (a * sin, versine * a * a / 2.0);
    for _ in 0..3 {
        (sin, versine) = (2.0 * sin * (1.0 - versine), 2.0 * sin * sin);
    }
    (sin, 1.0 - versine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_library() {
        for i in -8700..8700 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 4e-7, "exp {x}");
            assert!((tanh(x) - x.tanh()).abs() < 4e-7, "tanh {x}");
            let y = f64::from(x) * 8.0;
            assert!((exp_f64(y) / y.exp() - 1.0).abs() < 1e-14, "exp {y}");
        }
        for i in 1..4000 {
            for x in [
                i as f32 / 1000.0,
                1.5f32.powi(i / 20 - 100),
                i as f32 * 13.0,
            ] {
                let most = 3e-7 * x.ln().abs().max(0.1);
                assert!(
                    (ln(x) - x.ln()).abs() < most,
                    "ln {x}: {} {}",
                    ln(x),
                    x.ln()
                );
                let y = f64::from(x);
                assert!(
                    (ln_f64(y) - y.ln()).abs() < 1e-14 * y.ln().abs().max(1.0),
                    "ln {y}"
                );
            }
        }
    }

    #[test]
    fn turns_go_round() {
        for i in -3000..3000 {
            let turns = f64::from(i) / 377.0;
            let (sin, cos) = sin_cos_of_turns(turns);
            let angle = (turns - turns.round()) * f64c::TAU;
            assert!((sin - angle.sin()).abs() < 2e-15, "{turns} {sin}");
            assert!((cos - angle.cos()).abs() < 2e-15, "{turns} {cos}");
        }
    }

    #[test]
    fn ends_and_what_is_no_number() {
        assert!(exp(-1e30) < 2e-38 && exp_f64(-1e300) < 1e-300);
        assert!(exp(f32::NAN).is_nan() && tanh(f32::NAN).is_nan() && ln(f32::NAN).is_nan());
        assert!(exp_f64(f64::NAN).is_nan());
        assert_eq!(ln(0.0), f32::NEG_INFINITY);
        assert!(ln(-1.0).is_nan());
        assert_eq!(
            (exp(0.0), ln(1.0), tanh(0.0), exp_f64(0.0), ln_f64(1.0)),
            (1.0, 0.0, 0.0, 1.0, 0.0)
        );
    }

    /// Bits, so that a change of this arithmetic is a change of this test, and of the version of archives.
    #[test]
    fn the_bits_are_these() {
        let mut sum = 0u64;
        for i in 0..2000u64 {
            let x = (i as f32 - 1000.0) / 37.0;
            let (a, b) = (
                exp(x).to_bits() ^ ln(x * x + 0.1).to_bits(),
                tanh(x / 9.0).to_bits(),
            );
            let y = f64::from(x);
            let c = exp_f64(y).to_bits() ^ ln_f64(y * y + 0.1).to_bits();
            sum = sum
                .wrapping_mul(31)
                .wrapping_add(u64::from(a) << 32 ^ u64::from(b) ^ c);
        }
        assert_eq!(sum, 0x92a2_f172_7943_121a, "{sum:#x}");
    }
}
