use rand::Rng;
use serde::{Deserialize, Serialize};

use crate::likelihood::log_sum;
use crate::{Error, Likelihood, Result};

/// How a conditional is reshaped before a level is drawn from it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tempering {
    /// Logits are divided by this; 1 samples the model itself, less sharpens.
    pub temperature: f64,
    /// Keep only the k most probable levels.
    pub top_k: Option<usize>,
    /// Keep the smallest set of most probable levels whose probability reaches this.
    pub top_p: Option<f64>,
}

impl Default for Tempering {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_k: None,
            top_p: None,
        }
    }
}

impl Tempering {
    /// # Errors
    /// [`Error::Config`] naming the option: a temperature that is not a positive number, a top-k of
    /// zero, a top-p outside (0, 1].
    pub fn validate(&self) -> Result<()> {
        let t = self.temperature;
        if !(t.is_finite() && t > 0.0) {
            return Err(Error::config(
                "temperature",
                format!("must be a positive number, not {t}"),
            ));
        }
        if self.top_k == Some(0) {
            return Err(Error::config("top-k", "must be at least 1"));
        }
        match self.top_p {
            Some(p) if !(p > 0.0 && p <= 1.0) => Err(Error::config(
                "top-p",
                format!("must lie in (0, 1], not {p}"),
            )),
            _ => Ok(()),
        }
    }
}

/// Above it a table of a mixture costs more than the network that describes it.
const MOST_IN_A_TABLE: usize = 4096;

/// Draws levels; keeps its buffers between draws.
#[derive(Debug, Default)]
pub(crate) struct Drawer {
    weights: Vec<f32>,
    logits: Vec<f32>,
    ranked: Vec<u32>,
}

impl Drawer {
    /// The level of the value after `before` in the pixel that `parameters` describe, and its natural-log
    /// probability under the model, untempered: one number of `rng` a draw, whatever the options, so
    /// that a stream stays in step.
    ///
    /// # Errors
    /// [`Error::NotANumber`] when no level has a probability.
    pub(crate) fn draw(
        &mut self,
        likelihood: Likelihood,
        parameters: &[f32],
        before: &[u32],
        how: &Tempering,
        rng: &mut impl Rng,
    ) -> Result<(u32, f64)> {
        let uniform: f64 = rng.random();
        let untempered = *how == Tempering::default();
        if let (Likelihood::LogisticMixture(mixture), true) = (likelihood, untempered)
            && mixture.levels > MOST_IN_A_TABLE
        {
            let (level, log) = mixture.draw(parameters, before, uniform);
            return if log.is_finite() {
                Ok((level, log))
            } else {
                Err(Error::NotANumber)
            };
        }
        likelihood.logits_into(parameters, before, &mut self.weights);
        let normaliser = if untempered {
            0.0
        } else {
            log_sum(&self.weights)
        };
        if !untempered {
            self.logits.clone_from(&self.weights);
        }
        let top = |max: f32, w: &f32| if *w > max { *w } else { max };
        let max = self.weights.iter().fold(f32::NEG_INFINITY, top);
        if !max.is_finite() {
            return Err(Error::NotANumber);
        }
        // A zero times infinity is not a number; this is large enough for the most probable level alone.
        let inverse = (1.0 / how.temperature).min(f64::from(f32::MAX)) as f32;
        for w in &mut self.weights {
            // Of two levels one needs no exponential.
            *w = if *w == max {
                1.0
            } else {
                ((*w - max) * inverse).exp()
            };
        }
        if how.top_k.is_some() || how.top_p.is_some() {
            self.keep_top(how);
        }
        let total: f64 = self.weights.iter().map(|&w| f64::from(w)).sum();
        if !(total.is_finite() && total > 0.0) {
            return Err(Error::NotANumber);
        }
        let mut left = uniform * total;
        let mut last = 0;
        for (level, &w) in self.weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
            last = level;
            left -= f64::from(w);
            if left < 0.0 {
                break;
            }
        }
        let log = if untempered {
            (f64::from(self.weights[last]) / total).ln()
        } else {
            f64::from(self.logits[last]) - normaliser
        };
        Ok((last as u32, log))
    }

    /// Zeroes what falls outside top-k and top-p; ties are kept in the order of levels.
    fn keep_top(&mut self, how: &Tempering) {
        let weights = &mut self.weights;
        self.ranked.clear();
        self.ranked.extend(0..weights.len() as u32);
        self.ranked.sort_by(|&a, &b| {
            weights[b as usize]
                .total_cmp(&weights[a as usize])
                .then(a.cmp(&b))
        });
        let mut keep = how.top_k.unwrap_or(weights.len()).min(weights.len());
        if let Some(p) = how.top_p {
            let total: f64 = self.ranked[..keep]
                .iter()
                .map(|&i| f64::from(weights[i as usize]))
                .sum();
            let mut sum = 0.0;
            let reached = self.ranked[..keep].iter().position(|&i| {
                sum += f64::from(weights[i as usize]);
                sum >= p * total
            });
            keep = reached.map_or(keep, |i| i + 1);
        }
        for &i in &self.ranked[keep..] {
            weights[i as usize] = 0.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    const FOUR: Likelihood = Likelihood::Categorical { levels: 4 };

    fn frequencies(how: &Tempering) -> [f64; 4] {
        let logits = [0.4f32, 0.3, 0.2, 0.1].map(f32::ln);
        let (mut drawer, mut rng, mut counts) =
            (Drawer::default(), stream(1, "draw", &[]), [0.0; 4]);
        for _ in 0..20_000 {
            counts[drawer.draw(FOUR, &logits, &[], how, &mut rng).unwrap().0 as usize] +=
                1.0 / 20_000.0;
        }
        counts
    }

    fn near(got: [f64; 4], expected: [f64; 4]) {
        for (g, e) in got.iter().zip(expected) {
            assert!(
                (g - e).abs() < 0.015 && (e > 0.0 || *g == 0.0),
                "{got:?} {expected:?}"
            );
        }
    }

    #[test]
    fn frequencies_follow_each_option() {
        near(frequencies(&Tempering::default()), [0.4, 0.3, 0.2, 0.1]);
        near(
            frequencies(&Tempering {
                temperature: 0.5,
                ..Default::default()
            }),
            [16. / 30., 0.3, 4. / 30., 1. / 30.],
        );
        near(
            frequencies(&Tempering {
                top_k: Some(2),
                ..Default::default()
            }),
            [4. / 7., 3. / 7., 0.0, 0.0],
        );
        near(
            frequencies(&Tempering {
                top_p: Some(0.75),
                ..Default::default()
            }),
            [4. / 9., 3. / 9., 2. / 9., 0.0],
        );
        near(
            frequencies(&Tempering {
                top_p: Some(1e-9),
                ..Default::default()
            }),
            [1.0, 0.0, 0.0, 0.0],
        );
        near(
            frequencies(&Tempering {
                temperature: 1e-6,
                ..Default::default()
            }),
            [1.0, 0.0, 0.0, 0.0],
        );
    }

    #[test]
    fn the_lowest_temperatures_draw_the_most_probable_level() {
        let logits = [-3.0f32, 0.5, 2.0, -f32::INFINITY];
        let mut rng = stream(1, "draw", &[]);
        for temperature in [1e-30, 1e-40, f64::MIN_POSITIVE, f64::from_bits(1)] {
            let how = Tempering {
                temperature,
                ..Tempering::default()
            };
            let drawn = Drawer::default().draw(FOUR, &logits, &[], &how, &mut rng);
            assert_eq!(drawn.unwrap().0, 2, "{temperature}");
        }
    }

    #[test]
    fn what_is_no_number_is_not_drawn_from() {
        let mut rng = stream(1, "draw", &[]);
        for logits in [
            [f32::NAN; 4],
            [0.0, f32::NAN, 0.0, 0.0],
            [f32::NEG_INFINITY; 4],
        ] {
            let drawn = Drawer::default().draw(FOUR, &logits, &[], &Tempering::default(), &mut rng);
            assert!(matches!(drawn, Err(Error::NotANumber)), "{logits:?}");
        }
    }

    #[test]
    fn options_out_of_range_are_named() {
        let bad = [
            (
                Tempering {
                    temperature: 0.0,
                    ..Default::default()
                },
                "temperature",
            ),
            (
                Tempering {
                    temperature: f64::NAN,
                    ..Default::default()
                },
                "temperature",
            ),
            (
                Tempering {
                    top_k: Some(0),
                    ..Default::default()
                },
                "top-k",
            ),
            (
                Tempering {
                    top_p: Some(0.0),
                    ..Default::default()
                },
                "top-p",
            ),
            (
                Tempering {
                    top_p: Some(1.5),
                    ..Default::default()
                },
                "top-p",
            ),
        ];
        for (how, name) in bad {
            assert!(how.validate().unwrap_err().to_string().starts_with(name));
        }
    }
}
