use ar_core::Result;
use rand::Rng;

use crate::refuse_if;

/// The degrees of hidden units, layer by layer. A unit of degree m is known once the first m steps
/// of the order are: it may see inputs of those steps and hidden units of degree ≤ m, and only
/// outputs of later steps (counted from 0: step ≥ m) may see it.
///
/// Section 4.1 of the paper (Germain et al. 2015, arXiv:1502.03509), with degrees from 1 to the
/// number of steps - 1: degree 0 would see nothing, a higher one would be seen by nothing. Of a
/// single step, which sees nothing at all, every unit has degree 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Degrees {
    layers: Vec<Vec<u32>>,
}

impl Degrees {
    /// Drawn uniformly for layers of `hidden` units, none lower than the lowest of the layer before,
    /// so that no unit is cut off from all inputs (the paper's section 4.2).
    pub fn random(steps: usize, hidden: &[usize], rng: &mut impl Rng) -> Self {
        let (mut least, most) = bounds(steps);
        let layer = |&units: &usize| {
            let all: Vec<u32> = (0..units).map(|_| rng.random_range(least..=most)).collect();
            least = all.iter().copied().min().unwrap_or(least);
            all
        };
        Self {
            layers: hidden.iter().map(layer).collect(),
        }
    }

    /// 1, 2, 3, .. and again from 1: as evenly as can be, and the same in every layer.
    pub fn cyclic(steps: usize, hidden: &[usize]) -> Self {
        let (least, most) = bounds(steps);
        let degree = |i: u32| least + i % (most - least + 1);
        let layer = |&units: &usize| (0..units as u32).map(degree).collect();
        Self {
            layers: hidden.iter().map(layer).collect(),
        }
    }

    /// The same degrees with the units of each layer in order of them: the same network but for the
    /// names of its units, and a step pass finds the weights it needs side by side.
    pub fn sorted(mut self) -> Self {
        self.layers.iter_mut().for_each(|l| l.sort_unstable());
        self
    }

    /// Of each layer's units.
    pub fn layers(&self) -> &[Vec<u32>] {
        &self.layers
    }

    /// # Errors
    /// [`Error::Config`](ar_core::Error::Config) when a layer is empty or a unit's degree is not below `steps`.
    pub(super) fn validate(&self, steps: usize) -> Result<()> {
        let is_empty = self.layers.iter().any(Vec::is_empty);
        refuse_if(is_empty, "hidden", "a layer needs at least one unit")?;
        let high = self.layers.iter().flatten().find(|&&m| m as usize >= steps);
        let problem = high.map(|m| format!("must be below the number of steps, {steps}, not {m}"));
        refuse_if(high.is_some(), "degrees", problem.unwrap_or_default())
    }
}

/// The lowest and the highest degree that are of use.
fn bounds(steps: usize) -> (u32, u32) {
    let most = steps.saturating_sub(1) as u32;
    (most.min(1), most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ar_core::random::stream;

    #[test]
    fn random_degrees_span_what_is_of_use_and_starve_no_unit() {
        let mut rng = stream(2, "test", &[]);
        let degrees = Degrees::random(9, &[200, 3, 200], &mut rng);
        let [first, second, third] = degrees.layers() else {
            panic!("three layers")
        };
        for m in 1..9 {
            assert!(first.contains(&m));
        }
        assert!(first.iter().all(|m| (1..9).contains(m)));
        let least = *second.iter().min().unwrap();
        assert!(least > 1, "the seed should leave the low degrees out");
        assert_eq!(third.iter().min(), Some(&least));
        degrees.validate(9).unwrap();
        assert!(degrees.validate(8).is_err());
    }

    #[test]
    fn cyclic_degrees_are_even() {
        assert_eq!(Degrees::cyclic(4, &[7]).layers(), [[1, 2, 3, 1, 2, 3, 1]]);
        assert_eq!(
            Degrees::cyclic(4, &[7]).sorted().layers(),
            [[1, 1, 1, 2, 2, 3, 3]]
        );
        for steps in [1, 2] {
            let only = steps as u32 - 1;
            assert_eq!(Degrees::cyclic(steps, &[3]).layers(), [[only; 3]]);
            let mut rng = stream(1, "test", &[]);
            assert_eq!(Degrees::random(steps, &[3], &mut rng).layers(), [[only; 3]]);
        }
    }
}
