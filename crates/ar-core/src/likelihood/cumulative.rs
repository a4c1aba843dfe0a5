use super::{Likelihood, largest};
use crate::elementary::exp;
use crate::{Error, Result};

use super::logistic::Placed;

/// What an entropy coder takes of a value: how many of 2^24 parts of the unit interval lie below each level.
///
/// Integers, from arithmetic that every processor rounds alike, so that who encodes and who decodes agree to
/// the last part. Every level has at least one.
#[derive(Debug, Clone, Default)]
pub struct Cumulative {
    levels: usize,
    /// Of a table: the parts below each level, and below level K.
    below: Vec<u32>,
    /// Of a mixture, which is asked at the few levels that a coder looks at.
    placed: Option<Placed>,
    weights: Vec<f32>,
}

/// All parts.
const WHOLE: u32 = 1 << Cumulative::BITS;

impl Cumulative {
    /// There are 2 to the power of this many parts.
    pub const BITS: u32 = 24;

    /// Takes the distribution of the value after `before` in the pixel that `parameters` describe, as
    /// [`Likelihood::logits_into`] does.
    ///
    /// # Errors
    /// [`Error::NotANumber`] when no level has a probability.
    pub fn set(
        &mut self,
        likelihood: Likelihood,
        parameters: &[f32],
        before: &[u32],
    ) -> Result<()> {
        self.levels = likelihood.levels();
        self.placed = None;
        let logits = match likelihood {
            Likelihood::Bernoulli => &[0.0, parameters[0]],
            Likelihood::Categorical { .. } => parameters,
            Likelihood::LogisticMixture(mixture) => {
                self.placed = Some(mixture.placed(parameters, before)?);
                return Ok(());
            }
        };
        let top = largest(logits);
        self.weights.clear();
        self.weights.extend(logits.iter().map(|l| exp(l - top)));
        let total: f64 = self.weights.iter().map(|&w| f64::from(w)).sum();
        if !(total.is_finite() && total > 0.0) {
            return Err(Error::NotANumber);
        }
        let by = f64::from(WHOLE - self.levels as u32) / total;
        self.below.clear();
        self.below.push(0);
        let mut sum = 0.0;
        for (i, &w) in (1..).zip(&self.weights) {
            sum += f64::from(w);
            self.below.push((sum * by) as u32 + i);
        }
        self.below[self.levels] = WHOLE;
        Ok(())
    }

    /// Levels K.
    pub fn levels(&self) -> usize {
        self.levels
    }

    /// The parts below `level`: 0 below level 0, all of them below level K.
    pub fn below(&self, level: usize) -> u32 {
        let Some(placed) = &self.placed else {
            return self.below[level];
        };
        if level == 0 || level >= self.levels {
            return if level == 0 { 0 } else { WHOLE };
        }
        // Two parts a level: one is its own even where the last bit of a sum goes astray.
        let free = WHOLE - 2 * self.levels as u32;
        (placed.below(level) * f64::from(free)) as u32 + 2 * level as u32
    }

    /// The level in whose parts `part` lies.
    pub fn level_of(&self, part: u32) -> usize {
        let (mut level, mut beyond) = (0, self.levels);
        while beyond - level > 1 {
            let middle = usize::midpoint(level, beyond);
            if self.below(middle) <= part {
                level = middle;
            } else {
                beyond = middle;
            }
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Domain;

    fn wave(i: usize) -> f32 {
        (i as f32 * 0.71).sin() * 3.0
    }

    /// The parts are the probabilities, all levels have some, and every part has its level.
    #[test]
    fn parts_follow_the_probabilities() {
        let domain = |levels| Domain::new(3, 2, 2, levels).unwrap();
        let cases = [
            Likelihood::Bernoulli,
            Likelihood::Categorical { levels: 7 },
            Likelihood::Categorical { levels: 256 },
            Likelihood::logistic_mixture(&domain(2), 2),
            Likelihood::logistic_mixture(&domain(256), 5),
            Likelihood::logistic_mixture(&domain(65536), 3),
        ];
        let mut cumulative = Cumulative::default();
        for likelihood in cases {
            let parameters: Vec<f32> = (0..likelihood.parameters()).map(wave).collect();
            let k = likelihood.levels();
            let values = [k / 3, k - 1, 0].map(|l| l as u32);
            for c in 0..likelihood.values() {
                cumulative
                    .set(likelihood, &parameters, &values[..c])
                    .unwrap();
                let logs = likelihood.log_probabilities(&parameters, &values[..c]);
                assert_eq!((cumulative.below(0), cumulative.below(k)), (0, WHOLE));
                for (level, log) in logs.iter().enumerate() {
                    let (a, b) = (cumulative.below(level), cumulative.below(level + 1));
                    assert!(a < b, "{likelihood:?} {level}");
                    let p = f64::from(b - a) / f64::from(WHOLE);
                    let most = 1e-6 * log.exp()
                        + 4.0 / f64::from(WHOLE)
                        + 0.01 * log.exp() * k as f64 / 65536.0;
                    assert!(
                        (p - log.exp()).abs() < most,
                        "{likelihood:?} {c} {level}: {p} {}",
                        log.exp()
                    );
                    if k < 1000 || level % 97 == 0 {
                        for part in [a, b - 1] {
                            assert_eq!(cumulative.level_of(part), level);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn extremes_leave_every_level_a_part() {
        let mut cumulative = Cumulative::default();
        for logit in [-1e30, -90.0, 90.0, 1e30, f32::MAX, f32::MIN] {
            cumulative
                .set(Likelihood::Bernoulli, &[logit], &[])
                .unwrap();
            assert!(cumulative.below(1) > 0 && cumulative.below(1) < WHOLE);
        }
        // One component, as narrow as may be, far outside.
        let mixture = Likelihood::logistic_mixture(&Domain::new(1, 1, 1, 65536).unwrap(), 1);
        for (mean, log_scale) in [
            (0.3, -90.0),
            (50.0, -90.0),
            (-50.0, 3.0),
            (0.0, 80.0),
            (1e30, 0.0),
        ] {
            cumulative
                .set(mixture, &[0.0, mean, log_scale], &[])
                .unwrap();
            for level in 0..65536 {
                assert!(
                    cumulative.below(level) < cumulative.below(level + 1),
                    "{mean} {level}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_number_is_refused() {
        let mixture = Likelihood::logistic_mixture(&Domain::new(1, 1, 1, 256).unwrap(), 1);
        let mut cumulative = Cumulative::default();
        for (likelihood, parameters) in [
            (Likelihood::Bernoulli, vec![f32::NAN]),
            (Likelihood::Bernoulli, vec![f32::INFINITY]),
            (
                Likelihood::Categorical { levels: 2 },
                vec![f32::NEG_INFINITY; 2],
            ),
            (mixture, vec![f32::NAN, 0.0, 0.0]),
            (mixture, vec![0.0, f32::NAN, 0.0]),
            (mixture, vec![0.0, 0.0, f32::NAN]),
        ] {
            let set = cumulative.set(likelihood, &parameters, &[]);
            assert!(
                matches!(set, Err(Error::NotANumber)),
                "{likelihood:?} {parameters:?}"
            );
        }
    }
}
