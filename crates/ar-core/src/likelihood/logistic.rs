//! The mixture of discretized logistics of PixelCNN++ (Salimans et al. 2017, arXiv:1701.05517,
//! sections 2.1 and 2.2): its likelihood with gradient, and tables of it for drawing and coding.
//!
//! Positions are counted in half bins, `y = 2 level - (K - 1)`, so that `x = y / (K - 1)`, a level
//! reaches over `y - 1 .. y + 1`, and neighbouring levels share edges without rounding.

use serde::{Deserialize, Serialize};

use super::largest;
use crate::elementary::{exp, exp_f64, ln, tanh};
use crate::{Error, Result};

/// What a table holds at least for every level, relative to its most probable one: a coder can
/// then code any level, and K = 65536 levels on the floor take no more than 1e-7 of the
/// probability from a table whose peak is one.
pub(super) const TABLE_FLOOR: f32 = 1e-12;

/// The lower bound of the log-scales, that of the reference implementation for its 256 levels and fewer:
/// an eighth of a bin. Finer levels get the same share of theirs.
pub(super) fn min_log_scale(levels: usize) -> f32 {
    -7.0 - ln((levels as f32 / 256.0).max(1.0))
}

/// Levels whose edges are held at once while a table is filled.
const BLOCK: usize = 128;

/// A mixture of discretized logistics over the channels of a pixel (equations 2 and 3):
///
/// `P(x) = sum_k pi_k prod_c [sigmoid((x_c + h - m_ck) / s_ck) - sigmoid((x_c - h - m_ck) / s_ck)]`
///
/// with `m_ck = mu_ck + sum_{b < c} tanh(coefficient_cbk) x_b`, `x = 2 level / (K - 1) - 1` and
/// `h = 1 / (K - 1)`; the lower edge of level 0 is minus infinity, the upper one of level K - 1
/// infinity, so every component is an exact distribution over the levels.
///
/// A pixel's parameters: M mixture logits; M means and M log-scales for each channel; M
/// coefficients for each pair `(c, b)`, `b < c`, in the order (1, 0), (2, 0), (2, 1), ...
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogisticMixture {
    /// M, at least 1.
    pub components: usize,
    /// C, at least 1.
    pub channels: usize,
    /// K, from 2 to 65536.
    pub levels: usize,
}

impl LogisticMixture {
    /// Parameters of a pixel: `M (1 + 2 C + C (C - 1) / 2)`.
    pub fn parameters(self) -> usize {
        let c = self.channels;
        self.components * (1 + 2 * c + c * c.saturating_sub(1) / 2)
    }

    /// Negative log-likelihood `-ln P(x)` (equations 2 and 3), in nats, of the pixels whose
    /// parameters are `parameters (pixels, P)` and levels `levels (pixels, C)`, summed in f64.
    /// With a scale, the parameters are replaced by their gradient times it; otherwise they are
    /// left alone. A log-scale below -7 (with more than 256 levels, -7 - ln(K / 256)) counts as that
    /// and has no gradient.
    pub fn nll(self, parameters: &mut [f32], levels: &[u32], scale: Option<f32>) -> f64 {
        debug_assert_eq!(
            parameters.len() * self.channels,
            levels.len() * self.parameters()
        );
        let mut joint = vec![0.0; self.components];
        let mut copy = vec![
            0.0;
            if scale.is_none() {
                self.parameters()
            } else {
                0
            }
        ];
        let pixels = parameters.chunks_exact_mut(self.parameters());
        let pixels = pixels.zip(levels.chunks_exact(self.channels));
        let mut sum = 0.0;
        for (p, levels) in pixels {
            let Some(scale) = scale else {
                copy.copy_from_slice(p);
                sum += self.pixel::<false>(&mut copy, levels, &mut joint);
                continue;
            };
            sum += self.pixel::<true>(p, levels, &mut joint);
            let (logits, rest) = p.split_at_mut(self.components);
            for (prior, posterior) in logits.iter_mut().zip(&mut joint) {
                *prior = scale * (*prior - *posterior);
                *posterior *= -scale;
            }
            for row in rest.chunks_exact_mut(self.components) {
                for (slope, weight) in row.iter_mut().zip(&joint) {
                    *slope *= weight;
                }
            }
        }
        sum
    }

    /// Log-probabilities, up to a constant, of every level of channel `before.len()`, given the
    /// levels `before` of the earlier channels of the same pixel: K numbers. Equation 2 with the
    /// posterior weights `pi_k P_k(before) / sum_j pi_j P_j(before)`, so that the product of the
    /// channels' tables is the pixel's probability. A level has at least 1e-12 times the
    /// probability of the most probable one.
    pub fn logits_into(self, parameters: &[f32], before: &[u32], out: &mut Vec<f32>) {
        debug_assert!(before.len() < self.channels);
        let k = self.levels;
        let mut p = parameters[..self.parameters()].to_vec();
        let mut weights = vec![0.0; self.components];
        self.pixel::<false>(&mut p, before, &mut weights);
        self.place(&mut p, before);
        let (means, log_scales, _) = self.rows(&mut p, before.len());

        let least = min_log_scale(k);
        out.clear();
        out.resize(k, 0.0);
        let (mut first, mut last) = (0.0, 0.0);
        for ((mean, log_scale), weight) in means.iter().zip(log_scales).zip(weights) {
            let (_, rate, _, mean_decay) = bin(log_scale.max(least), self.half_bins());
            let mean = mean * self.half_bins();
            // Levels are products (1 - exp(-d)) sigmoid(upper) sigmoid(-lower) of numbers that
            // neighbours share: as cheap as differences, but as accurate in the tails.
            let inner = weight * 2.0 * rate * mean_decay;
            let (mut below, mut above) = ([0.0; BLOCK + 1], [0.0; BLOCK + 1]);
            for (block, out) in out.chunks_mut(BLOCK).enumerate() {
                let (n, origin) = (out.len(), (2 * block * BLOCK) as f32 - k as f32);
                for (i, (b, a)) in below[..=n].iter_mut().zip(&mut above[..=n]).enumerate() {
                    (*b, *a) = sides((origin + (2 * i as u32) as f32 - mean) * rate);
                }
                for ((out, upper), lower) in out.iter_mut().zip(&below[1..=n]).zip(&above[..n]) {
                    *out += inner * upper * lower;
                }
            }
            let edge = k as f32 - 2.0;
            first += weight * sides((-edge - mean) * rate).0;
            last += weight * sides((edge - mean) * rate).1;
        }
        (out[0], out[k - 1]) = (first, last);
        let floor = TABLE_FLOOR * out.iter().fold(0.0, |a: f32, &b| a.max(b));
        for out in out.iter_mut() {
            *out = ln(out.max(floor));
        }
    }

    /// A level of channel `before.len()` given the levels of the earlier channels, and its natural-log
    /// probability: what a uniform number in [0, 1) stands for, by a component and its quantile function. As
    /// likely as by the table, at a cost that does not grow with K.
    pub(crate) fn draw(self, parameters: &[f32], before: &[u32], uniform: f64) -> (u32, f64) {
        let mut p = parameters[..self.parameters()].to_vec();
        let mut weights = vec![0.0; self.components];
        let known = self.pixel::<false>(&mut p, before, &mut weights);
        self.place(&mut p, before);
        let (means, log_scales, _) = self.rows(&mut p, before.len());
        let mut left = uniform * weights.iter().map(|&w| f64::from(w)).sum::<f64>();
        let (mut chosen, mut share) = (0, 0.5);
        for (i, weight) in weights.iter().map(|&w| f64::from(w)).enumerate() {
            if weight > 0.0 {
                (chosen, share) = (i, (left / weight).clamp(1e-12, 1.0 - 1e-12));
            }
            if left < weight {
                break;
            }
            left -= weight;
        }
        let scale = f64::from(log_scales[chosen].max(min_log_scale(self.levels))).exp();
        let x = f64::from(means[chosen]) + scale * (share / (1.0 - share)).ln();
        let top = (self.levels - 1) as f64;
        // Not a number becomes 0, and its probability says what it was.
        let level = ((x + 1.0) * 0.5 * top).round().clamp(0.0, top) as u32;
        let own: Vec<u32> = before.iter().copied().chain([level]).collect();
        let mut p = parameters[..self.parameters()].to_vec();
        (
            level,
            known - self.pixel::<false>(&mut p, &own, &mut weights),
        )
    }

    /// The components of the value after `before`, for those who ask at a few levels only.
    ///
    /// # Errors
    /// [`Error::NotANumber`] when a parameter is none.
    pub(super) fn placed(self, parameters: &[f32], before: &[u32]) -> Result<Placed> {
        let mut p = parameters[..self.parameters()].to_vec();
        let mut weights = vec![0.0; self.components];
        self.pixel::<false>(&mut p, before, &mut weights);
        self.place(&mut p, before);
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        let (means, log_scales, _) = self.rows(&mut p, before.len());
        let (half_bins, least) = (f64::from(self.half_bins()), min_log_scale(self.levels));
        let components = weights.iter().zip(means.iter().zip(log_scales.iter()));
        let components = components.map(|(&weight, (&mean, &log_scale))| Component {
            weight: f64::from(weight) / total,
            // What lies far outside lies far outside.
            mean: f64::from(mean).clamp(-1e6, 1e6) * half_bins,
            // Not `max`, for which what is no number is the least.
            rate: exp_f64(-f64::from(if log_scale < least {
                least
            } else {
                log_scale
            })) / half_bins,
        });
        let components: Vec<Component> = components.collect();
        let finite = |c: &Component| (c.weight + c.mean + c.rate).is_finite();
        if components.iter().all(finite) {
            Ok(Placed {
                components,
                levels: self.levels,
            })
        } else {
            Err(Error::NotANumber)
        }
    }

    /// `K - 1`, by which a value is multiplied to count half bins.
    fn half_bins(self) -> f32 {
        (self.levels - 1) as f32
    }

    /// `2 level - (K - 1)`, exact in f32.
    fn position(self, level: u32) -> f32 {
        (2 * i64::from(level) - (self.levels as i64 - 1)) as f32
    }

    /// The means, log-scales and coefficients of channel `c`.
    fn rows(self, p: &mut [f32], c: usize) -> (&mut [f32], &mut [f32], &mut [f32]) {
        let m = self.components;
        let (head, pairs) = p.split_at_mut(m * (1 + 2 * self.channels));
        let (means, log_scales) = head[m * (1 + 2 * c)..][..2 * m].split_at_mut(m);
        let pairs = &mut pairs[m * (c * c.saturating_sub(1) / 2)..][..m * c];
        (means, log_scales, pairs)
    }

    /// The negative log-likelihood of the first channels of a pixel. Leaves the components'
    /// prior weights in place of the logits and their posterior weights in `joint`; with GRAD,
    /// the derivatives of a component's log-probability in place of its other parameters.
    fn pixel<const GRAD: bool>(self, p: &mut [f32], levels: &[u32], joint: &mut [f32]) -> f64 {
        let logits = &mut p[..self.components];
        // Before anything is added to them, or large logits would round it away.
        let top = largest(logits);
        for logit in logits.iter_mut() {
            *logit -= top;
        }
        joint.copy_from_slice(logits);
        for c in 0..levels.len() {
            self.place(p, &levels[..c]);
            self.observe::<GRAD>(p, &levels[..=c], joint);
        }
        softmax(&mut p[..self.components]) - softmax(joint)
    }

    /// Equation 3: adds the pull of the earlier channels to the means of the next one. Leaves
    /// tanh of the coefficients in their place.
    fn place(self, p: &mut [f32], before: &[u32]) {
        let (means, _, rows) = self.rows(p, before.len());
        for (row, &level) in rows.chunks_exact_mut(self.components).zip(before) {
            let x = self.position(level) / self.half_bins();
            for (mean, coefficient) in means.iter_mut().zip(row) {
                *coefficient = tanh(*coefficient);
                *mean += *coefficient * x;
            }
        }
    }

    /// Adds to `joint` the components' log-probabilities of the last of `levels`, after `place`.
    ///
    /// With edges `a > b` at distance `d = a - b`, in scales, `sigmoid(a) - sigmoid(b) =
    /// (1 - exp(-d)) sigmoid(a) sigmoid(-b)`, of which no factor cancels; `(1 - exp(-d)) / d` and
    /// `ln d` are taken apart so that the narrowest bin has a logarithm.
    fn observe<const GRAD: bool>(self, p: &mut [f32], levels: &[u32], joint: &mut [f32]) {
        let c = levels.len() - 1;
        let (y, half_bins) = (self.position(levels[c]), self.half_bins());
        let (lowest, highest) = (levels[c] == 0, levels[c] as usize + 1 >= self.levels);
        let inner = !lowest && !highest;
        let (ln_bin, least) = (ln(2.0 / half_bins), min_log_scale(self.levels));
        let (means, log_scales, rows) = self.rows(p, c);
        for ((mean, log_scale), joint) in means.iter_mut().zip(log_scales).zip(joint) {
            let (clamped, rate, decay, mean_decay) = bin(log_scale.max(least), half_bins);
            let centre = y - *mean * half_bins;
            let (a, b) = ((centre + 1.0) * rate, (centre - 1.0) * rate);
            let ((below_a, above_a), (below_b, above_b)) = (sides(a), sides(b));
            // ln sigmoid(a) = ln max(sigmoid(a), sigmoid(-a)) + min(a, 0), and one ln for all.
            let mut product = if inner { mean_decay } else { 1.0 };
            product *= if highest { 1.0 } else { below_a.max(above_a) };
            product *= if lowest { 1.0 } else { below_b.max(above_b) };
            let mut log = ln(product);
            log += if inner { ln_bin - clamped } else { 0.0 };
            log += if highest { 0.0 } else { a.min(0.0) };
            log -= if lowest { 0.0 } else { b.max(0.0) };
            *joint += log;
            if GRAD {
                let up = if highest { 0.0 } else { above_a };
                let down = if lowest { 0.0 } else { below_b };
                // d / (exp(d) - 1), from ln(1 - exp(-d)).
                let spread = if inner { decay / mean_decay } else { 0.0 };
                let slope = b * down - a * up - spread;
                *mean = (down - up) * (rate * half_bins);
                *log_scale = if *log_scale < least { 0.0 } else { slope };
            }
        }
        if GRAD {
            for (row, &level) in rows.chunks_exact_mut(self.components).zip(levels) {
                let x = self.position(level) / half_bins;
                for (coefficient, mean) in row.iter_mut().zip(&*means) {
                    *coefficient = mean * x * (1.0 - *coefficient * *coefficient);
                }
            }
        }
    }
}

/// The mixture of one value: what lies below a level is asked of it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    components: Vec<Component>,
    levels: usize,
}

#[derive(Debug, Clone)]
struct Component {
    weight: f64,
    /// In half bins, as `rate` is one over the scale.
    mean: f64,
    rate: f64,
}

impl Placed {
    /// The probability of all levels below `level`, in f64, of which differences of neighbours are made.
    pub(super) fn below(&self, level: usize) -> f64 {
        let edge = (2 * level) as f64 - self.levels as f64;
        let below = |c: &Component| c.weight / (1.0 + exp_f64((c.mean - edge) * c.rate));
        self.components.iter().map(below).sum::<f64>().min(1.0)
    }
}

/// A bin in the units of a component, of which the log-scale is clamped already: it, `h / s`, and with `d = 2 h / s`
/// `exp(-d)` and `(1 - exp(-d)) / d`.
#[inline(always)]
fn bin(log_scale: f32, half_bins: f32) -> (f32, f32, f32, f32) {
    let rate = exp(-log_scale) / half_bins;
    let d = 2.0 * rate;
    let decay = exp(-d);
    // The Taylor series, where 1 - exp(-d) would cancel: good to 2e-8 below 1/2.
    let mut series = 1.0 / 40320.0;
    for factorial in [5040.0, 720.0, 120.0, 24.0, 6.0, 2.0, 1.0] {
        series = 1.0 / factorial - d * series;
    }
    let mean_decay = if d < 0.5 { series } else { (1.0 - decay) / d };
    (log_scale, rate, decay, mean_decay)
}

/// `sigmoid(edge)` and `sigmoid(-edge)`, each accurate relative to itself.
#[inline(always)]
fn sides(edge: f32) -> (f32, f32) {
    let t = exp(-edge.abs());
    let near = 1.0 / (1.0 + t);
    let far = t * near;
    if edge < 0.0 { (far, near) } else { (near, far) }
}

/// Replaces logits by their softmax and returns the logarithm of the sum of their exponentials.
fn softmax(logits: &mut [f32]) -> f64 {
    let top = largest(logits);
    for v in logits.iter_mut() {
        *v = exp(*v - top);
    }
    let sum: f32 = logits.iter().sum();
    let inverse = 1.0 / sum;
    for v in logits {
        *v *= inverse;
    }
    f64::from(top) + f64::from(ln(sum))
}

#[cfg(test)]
mod tests;
