use serde::{Deserialize, Serialize};

/// How the learning rate moves after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// It stays.
    Constant,
    /// Half a cosine from `learning_rate` down to `learning_rate · final_fraction` at the end of the run.
    Cosine,
    /// Multiplied by `decay_per_step` at every step.
    Exponential,
}

/// What turns gradients into updates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerKind {
    /// Adam with decoupled weight decay (Kingma and Ba 2015; Loshchilov and Hutter 2019).
    Adam,
    /// Muon (Jordan et al. 2024) for the weights of products, `(taps, in, out)` with at least 16 of either side, its
    /// updates as large as Adam's; Adam for all else.
    Muon,
}

/// Configuration of a training run.
///
/// At least one of `epochs`, `steps` and `minutes` must be given; the first that is reached ends the
/// run. Runs limited by `epochs` or `steps` are reproducible byte for byte. With `minutes` the clock
/// decides when the run ends and, under [`Schedule::Cosine`], how the learning rate falls, so such
/// runs are not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Passes over the training data.
    pub epochs: Option<u64>,
    /// Updates of the weights.
    pub steps: Option<u64>,
    /// Wall-clock minutes, validation and saving included, added up over resumptions.
    pub minutes: Option<f64>,
    /// Validations in a row without a lower one that end the run (early stopping); none for no end.
    pub patience: Option<u64>,
    /// Images in a batch; read by whoever makes the batches.
    pub batch_size: usize,
    /// Learning rate after the warm-up.
    pub learning_rate: f64,
    /// How it moves from there.
    pub schedule: Schedule,
    /// Fraction of `learning_rate` that [`Schedule::Cosine`] ends at.
    pub final_fraction: f64,
    /// Factor of [`Schedule::Exponential`].
    pub decay_per_step: f64,
    /// Steps over which the learning rate rises linearly from zero; 0 for none.
    pub warmup_steps: u64,
    /// What turns gradients into updates.
    pub optimizer: OptimizerKind,
    /// Adam's decay of the mean gradient.
    pub beta1: f64,
    /// Adam's decay of the mean squared gradient.
    pub beta2: f64,
    /// Added to Adam's denominator.
    pub epsilon: f64,
    /// Muon's decay of the mean gradient.
    pub momentum: f64,
    /// Decoupled weight decay (AdamW) of parameters with two or more axes; biases and gains are exempt.
    pub weight_decay: f64,
    /// Largest global norm of the gradient, of the loss in nats per image; 0 for no clipping.
    pub clip_norm: f64,
    /// Decay of the averaged weights, reached gradually as min(decay, (1 + t) / (10 + t)); 0 for no averaging.
    pub ema_decay: f64,
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Steps between validations; 0 for one at the end only.
    pub validate_every: u64,
    /// Images to validate on, 0 for all; read by whoever validates.
    pub validation_images: usize,
    /// Steps between sample grids; 0 for none.
    pub sample_every: u64,
    /// Steps between lines of the metrics file.
    pub log_every: u64,
    /// Seed of all randomness of the run; read by whoever initialises and shuffles.
    pub seed: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            epochs: None,
            steps: None,
            minutes: None,
            patience: None,
            batch_size: 16,
            learning_rate: 1e-3,
            schedule: Schedule::Cosine,
            final_fraction: 0.05,
            decay_per_step: 0.999_995,
            warmup_steps: 50,
            optimizer: OptimizerKind::Adam,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            momentum: 0.95,
            weight_decay: 0.0,
            clip_norm: 0.0,
            ema_decay: 0.999,
            checkpoint_every: 250,
            validate_every: 500,
            validation_images: 500,
            sample_every: 500,
            log_every: 10,
            seed: 0,
        }
    }
}

/// A rule that a [`TrainConfig`] breaks.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// Nothing ends the run.
    #[error("one of epochs, steps and minutes must be given")]
    NoLimit,
    /// A limit of nothing.
    #[error("{0}: must be at least 1")]
    ZeroLimit(&'static str),
    /// No time at all.
    #[error("minutes: must be a positive number, not {0}")]
    Minutes(f64),
    /// Patience that nothing tries.
    #[error("patience: needs validations; validate_every must be at least 1")]
    Patience,
    /// Empty batches.
    #[error("batch_size: must be at least 1")]
    BatchSize,
    /// A learning rate that cannot learn.
    #[error("learning_rate: must be a positive number, not {0}")]
    LearningRate(f64),
    /// Not a fraction.
    #[error("final_fraction: must be between 0 and 1, not {0}")]
    FinalFraction(f64),
    /// Not a decay.
    #[error("decay_per_step: must be above 0 and at most 1, not {0}")]
    DecayPerStep(f64),
    /// Not a decay of a running mean.
    #[error("{0}: must be at least 0 and below 1, not {1}")]
    Beta(&'static str, f64),
    /// A denominator that may be zero.
    #[error("epsilon: must be a positive number, not {0}")]
    Epsilon(f64),
    /// Negative weight decay.
    #[error("weight_decay: must be 0 or a positive number, not {0}")]
    WeightDecay(f64),
    /// Negative clipping.
    #[error("clip_norm: must be 0 (off) or a positive number, not {0}")]
    ClipNorm(f64),
    /// Not a decay of an average.
    #[error("ema_decay: must be 0 (off) or below 1, not {0}")]
    EmaDecay(f64),
    /// An interval of nothing.
    #[error("{0}: must be at least 1")]
    Interval(&'static str),
}

impl TrainConfig {
    /// Fields that say when things happen, not what happens: a resumed run may change them.
    pub const FREE: [&str; 9] = [
        "epochs",
        "steps",
        "minutes",
        "patience",
        "checkpoint_every",
        "validate_every",
        "validation_images",
        "sample_every",
        "log_every",
    ];

    /// Checks every rule.
    ///
    /// # Errors
    /// The first rule broken.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let positive = |x: f64| x.is_finite() && x > 0.0;
        let rule = |holds: bool, error: ConfigError| if holds { Ok(()) } else { Err(error) };
        let limited = self.epochs.is_some() || self.steps.is_some() || self.minutes.is_some();
        rule(limited, ConfigError::NoLimit)?;
        rule(self.epochs != Some(0), ConfigError::ZeroLimit("epochs"))?;
        rule(self.steps != Some(0), ConfigError::ZeroLimit("steps"))?;
        if let Some(minutes) = self.minutes {
            rule(positive(minutes), ConfigError::Minutes(minutes))?;
        }
        rule(self.patience != Some(0), ConfigError::ZeroLimit("patience"))?;
        rule(
            self.patience.is_none() || self.validate_every > 0,
            ConfigError::Patience,
        )?;
        rule(self.batch_size > 0, ConfigError::BatchSize)?;
        rule(
            positive(self.learning_rate),
            ConfigError::LearningRate(self.learning_rate),
        )?;
        rule(
            (0.0..=1.0).contains(&self.final_fraction),
            ConfigError::FinalFraction(self.final_fraction),
        )?;
        let decay = self.decay_per_step;
        rule(
            positive(decay) && decay <= 1.0,
            ConfigError::DecayPerStep(decay),
        )?;
        for (field, beta) in [
            ("beta1", self.beta1),
            ("beta2", self.beta2),
            ("momentum", self.momentum),
        ] {
            rule((0.0..1.0).contains(&beta), ConfigError::Beta(field, beta))?;
        }
        rule(positive(self.epsilon), ConfigError::Epsilon(self.epsilon))?;
        let or_zero = |x: f64| x == 0.0 || positive(x);
        rule(
            or_zero(self.weight_decay),
            ConfigError::WeightDecay(self.weight_decay),
        )?;
        rule(
            or_zero(self.clip_norm),
            ConfigError::ClipNorm(self.clip_norm),
        )?;
        rule(
            (0.0..1.0).contains(&self.ema_decay),
            ConfigError::EmaDecay(self.ema_decay),
        )?;
        rule(
            self.checkpoint_every > 0,
            ConfigError::Interval("checkpoint_every"),
        )?;
        rule(self.log_every > 0, ConfigError::Interval("log_every"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_names_its_field() {
        type Break = fn(&mut TrainConfig);
        let cases: &[(Break, &str)] = &[
            (
                |c| c.steps = None,
                "one of epochs, steps and minutes must be given",
            ),
            (|c| c.epochs = Some(0), "epochs: must be at least 1"),
            (|c| c.steps = Some(0), "steps: must be at least 1"),
            (
                |c| c.minutes = Some(0.0),
                "minutes: must be a positive number, not 0",
            ),
            (
                |c| c.minutes = Some(f64::NAN),
                "minutes: must be a positive number, not NaN",
            ),
            (|c| c.patience = Some(0), "patience: must be at least 1"),
            (
                |c| (c.patience, c.validate_every) = (Some(1), 0),
                "patience: needs validations; validate_every must be at least 1",
            ),
            (|c| c.batch_size = 0, "batch_size: must be at least 1"),
            (
                |c| c.learning_rate = -1.0,
                "learning_rate: must be a positive number, not -1",
            ),
            (
                |c| c.learning_rate = f64::INFINITY,
                "learning_rate: must be a positive number, not inf",
            ),
            (
                |c| c.final_fraction = 1.5,
                "final_fraction: must be between 0 and 1, not 1.5",
            ),
            (
                |c| c.decay_per_step = 0.0,
                "decay_per_step: must be above 0 and at most 1, not 0",
            ),
            (
                |c| c.beta1 = 1.0,
                "beta1: must be at least 0 and below 1, not 1",
            ),
            (
                |c| c.beta2 = f64::NAN,
                "beta2: must be at least 0 and below 1, not NaN",
            ),
            (
                |c| c.momentum = 1.0,
                "momentum: must be at least 0 and below 1, not 1",
            ),
            (
                |c| c.epsilon = 0.0,
                "epsilon: must be a positive number, not 0",
            ),
            (
                |c| c.weight_decay = -0.1,
                "weight_decay: must be 0 or a positive number, not -0.1",
            ),
            (
                |c| c.clip_norm = -1.0,
                "clip_norm: must be 0 (off) or a positive number, not -1",
            ),
            (
                |c| c.ema_decay = 1.0,
                "ema_decay: must be 0 (off) or below 1, not 1",
            ),
            (
                |c| c.checkpoint_every = 0,
                "checkpoint_every: must be at least 1",
            ),
            (|c| c.log_every = 0, "log_every: must be at least 1"),
        ];
        let good = TrainConfig {
            steps: Some(10),
            ..TrainConfig::default()
        };
        assert_eq!(good.validate(), Ok(()));
        for (break_it, message) in cases {
            let mut config = good.clone();
            break_it(&mut config);
            assert_eq!(config.validate().unwrap_err().to_string(), *message);
        }
    }

    #[test]
    fn unknown_fields_are_refused() {
        let error = serde_json::from_str::<TrainConfig>(r#"{"learning_rte": 1}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `learning_rte`"));
    }
}
