use crate::{Schedule, TrainConfig};

/// What ends a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Updates, from `steps` and `epochs`.
    pub(crate) steps: Option<u64>,
    seconds: Option<f64>,
}

impl Limits {
    pub(crate) fn new(config: &TrainConfig, batches_per_epoch: u64) -> Self {
        let epochs = config
            .epochs
            .map(|epochs| epochs.saturating_mul(batches_per_epoch));
        let steps = config.steps.into_iter().chain(epochs).min();
        Self {
            steps,
            seconds: config.minutes.map(|minutes| minutes * 60.0),
        }
    }

    pub(crate) fn reached(&self, step: u64, seconds: f64) -> bool {
        self.steps.is_some_and(|steps| step >= steps)
            || self.seconds.is_some_and(|limit| seconds >= limit)
    }

    /// How much of the run is behind it, in 0..=1, leaving its first `skip` steps out of account.
    pub(crate) fn fraction(&self, step: u64, skip: u64, seconds: f64) -> f64 {
        let of_steps = |steps: u64| {
            step.saturating_sub(skip) as f64 / steps.saturating_sub(skip).max(1) as f64
        };
        let by_steps = self.steps.map_or(0.0, of_steps);
        let by_clock = self.seconds.map_or(0.0, |limit| seconds / limit);
        by_steps.max(by_clock).min(1.0)
    }
}

/// Learning rate of the update after `step` updates. The clock matters only where `minutes` limits the run.
pub(crate) fn learning_rate(config: &TrainConfig, limits: &Limits, step: u64, seconds: f64) -> f64 {
    let warmup = config.warmup_steps;
    let rise = if step < warmup {
        (step + 1) as f64 / warmup as f64
    } else {
        1.0
    };
    let fall = match config.schedule {
        Schedule::Constant => 1.0,
        Schedule::Cosine => {
            let fraction = limits.fraction(step, warmup, seconds);
            let cosine = 0.5 + 0.5 * (std::f64::consts::PI * fraction).cos();
            config.final_fraction + (1.0 - config.final_fraction) * cosine
        }
        Schedule::Exponential => config.decay_per_step.powf(step as f64),
    };
    config.learning_rate * rise * fall
}

/// Decay of the averaged weights at the `step`-th update, counted from 1.
pub(crate) fn ema_decay(config: &TrainConfig, step: u64) -> f64 {
    let t = step as f64;
    config.ema_decay.min((1.0 + t) / (10.0 + t))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(schedule: Schedule) -> TrainConfig {
        TrainConfig {
            steps: Some(104),
            learning_rate: 2.0,
            schedule,
            final_fraction: 0.1,
            decay_per_step: 0.5,
            warmup_steps: 4,
            ..TrainConfig::default()
        }
    }

    #[test]
    fn learning_rates() {
        let cases = [
            (Schedule::Constant, 0, 0.5),
            (Schedule::Constant, 3, 2.0),
            (Schedule::Constant, 1_000, 2.0),
            (Schedule::Cosine, 1, 1.0),
            (Schedule::Cosine, 4, 2.0),
            (Schedule::Cosine, 54, 1.1),
            (Schedule::Cosine, 104, 0.2),
            (Schedule::Cosine, 1_000, 0.2),
            (Schedule::Exponential, 4, 0.125),
            (Schedule::Exponential, 6, 0.03125),
        ];
        for (schedule, step, expected) in cases {
            let config = config(schedule);
            let rate = learning_rate(&config, &Limits::new(&config, 10), step, 1e9);
            assert!(
                (rate - expected).abs() < 1e-12,
                "{schedule:?} {step}: {rate}"
            );
        }
    }

    #[test]
    fn the_clock_counts_only_under_minutes() {
        let timed = TrainConfig {
            steps: None,
            minutes: Some(2.0),
            warmup_steps: 0,
            ..config(Schedule::Cosine)
        };
        let limits = Limits::new(&timed, 10);
        assert!((learning_rate(&timed, &limits, 7, 60.0) - 1.1).abs() < 1e-12);
        assert!(!limits.reached(1_000_000, 119.0));
        assert!(limits.reached(0, 120.0));
    }

    #[test]
    fn the_nearest_limit_wins() {
        let both = TrainConfig {
            epochs: Some(3),
            steps: Some(40),
            ..TrainConfig::default()
        };
        assert_eq!(Limits::new(&both, 10).steps, Some(30));
        assert_eq!(Limits::new(&both, 100).steps, Some(40));
        assert!(Limits::new(&both, 10).reached(30, 0.0));
    }

    #[test]
    fn averaging_warms_up() {
        let config = TrainConfig {
            ema_decay: 0.99,
            ..TrainConfig::default()
        };
        for (step, expected) in [(1, 2.0 / 11.0), (90, 0.91), (10_000, 0.99)] {
            assert!((ema_decay(&config, step) - expected).abs() < 1e-12);
        }
    }
}
