//! Exponentials that the compiler turns into vector instructions: call them inside a
//! `pulp::WithSimd`. A processor without fused multiply-add, one from before 2013, calls a function for
//! every `mul_add`: slow, not wrong.

use std::f32::consts::LOG2_E;

/// 1.5 · 2^23: floats of this size are the integers.
const ROUND: f32 = 12_582_912.0;

/// e^x to about 2 units in the last place from -87 to 88, and clamped outside.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let x = x.clamp(-87.3, 88.3);
    // Rounds to nearest: the low bits of the sum are the integer. A cast from float to integer
    // saturates, and is compiled to one scalar at a time.
    let shifted = x.mul_add(LOG2_E, ROUND);
    let n = shifted - ROUND;
    // ln 2 in two parts, so that r keeps its low bits.
    let r = n.mul_add(-0.693_359_4, x);
    let r = n.mul_add(2.121_944_4e-4, r);
    let p = 1.987_569_1e-4f32;
    let p = p.mul_add(r, 1.398_199_9e-3);
    let p = p.mul_add(r, 8.333_452e-3);
    let p = p.mul_add(r, 4.166_579_6e-2);
    let p = p.mul_add(r, 0.166_666_65);
    let p = p.mul_add(r, 0.5);
    scale_by_power((p * r).mul_add(r, r) + 1.0, shifted)
}

/// y · 2^n, n the low bits of `shifted`.
#[inline(always)]
fn scale_by_power(y: f32, shifted: f32) -> f32 {
    f32::from_bits(y.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// 2^x to about 2 units in the last place for x ≤ 126, for the weights of a softmax: zero below -72,
/// where a weight cannot be seen beside the largest. Products of weights would otherwise be denormal
/// numbers, which cost a hundred times as much as others.
#[inline(always)]
pub(crate) fn exp2_or_zero(x: f32) -> f32 {
    let shifted = x + ROUND;
    let r = x - (shifted - ROUND);
    // The minimax polynomial of 2^r for |r| ≤ 1/2 with constant term 1.
    let p = 1.326_474_3e-3f32;
    let p = p.mul_add(r, 9.671_518e-3);
    let p = p.mul_add(r, 5.550_734e-2);
    let p = p.mul_add(r, 0.240_222_42);
    let p = p.mul_add(r, 0.693_146_97);
    let p = p.mul_add(r, 1.0);
    if x < -72.0 {
        0.0
    } else {
        scale_by_power(p, shifted)
    }
}

/// 1 / (1 + e^-x).
#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// tanh x = 2 sigmoid(2x) - 1, with the small-argument series where that cancels.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let by_exp = 1.0 - 2.0 / (1.0 + exp(2.0 * x));
    let s = x * x;
    let small = x * (1.0 + s * (-1.0 / 3.0 + s * (2.0 / 15.0 + s * (-17.0 / 315.0))));
    if x.abs() < 0.15 { small } else { by_exp }
}

/// Elements that reductions take at a time.
pub(crate) const LANES: usize = 16;

/// By halves, which stays in vectors.
#[inline(always)]
pub(super) fn reduce(mut lanes: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a { b } else { a }
}

/// The largest element.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = x.as_chunks::<LANES>();
    for chunk in chunks {
        for (l, v) in lanes.iter_mut().zip(chunk) {
            *l = larger(*l, *v);
        }
    }
    rest.iter().copied().fold(reduce(lanes, larger), larger)
}

/// Replaces each element v by e^(v - shift), shift being the largest, and returns their sum; zero where
/// [`exp2_or_zero`] is.
#[inline(always)]
pub(crate) fn exp_sum(x: &mut [f32], shift: f32) -> f32 {
    let mut lanes = [0f32; LANES];
    let (chunks, rest) = x.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for (l, v) in lanes.iter_mut().zip(chunk) {
            *v = exp2_or_zero((*v - shift) * LOG2_E);
            *l += *v;
        }
    }
    let mut sum = reduce(lanes, |a, b| a + b);
    for v in rest {
        *v = exp2_or_zero((*v - shift) * LOG2_E);
        sum += *v;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_to_the_library() {
        for i in -8700..8700 {
            let x = i as f32 / 100.0;
            assert!((exp(x) / x.exp() - 1.0).abs() < 3e-7, "exp {x}");
            assert!((tanh(x) - x.tanh()).abs() < 3e-7, "tanh {x}");
            assert!(
                (sigmoid(x) - 1.0 / (1.0 + (-x).exp())).abs() < 3e-7,
                "sigmoid {x}"
            );
        }
    }

    #[test]
    fn powers_of_two_end_in_zero() {
        for i in -7200..7200 {
            let x = i as f32 / 100.0;
            assert!((exp2_or_zero(x) / x.exp2() - 1.0).abs() < 4e-7, "2^{x}");
        }
        for x in [-72.01, -200.0, -1e30, f32::MIN, f32::NEG_INFINITY] {
            assert_eq!(exp2_or_zero(x), 0.0, "2^{x}");
        }
        assert!(exp2_or_zero(f32::NAN).is_nan());
    }

    #[test]
    fn reductions_take_every_element() {
        for n in 1..40 {
            let mut x: Vec<f32> = (0..n).map(|i| ((i * 7) % n) as f32 / 8.0).collect();
            let (m, sum) = (max(&x), x.iter().map(|v| (v - 1.0).exp()).sum::<f32>());
            assert_eq!(m, x.iter().copied().fold(0.0, f32::max));
            assert!((exp_sum(&mut x, 1.0) / sum - 1.0).abs() < 1e-5);
        }
    }
}
