//! Every default that is a matter of taste, in one place.

use ar_train::TrainConfig;

use super::{Binarize, DataConfig};

/// How the data set called `name` is quantized when neither `--levels` nor `--binarize` is given:
/// levels K (none: as many as the data have), and how values are made binary, if they are.
///
/// The digits are made binary by one stochastic draw, as in the papers: their figures are in nats on
/// such images, and a network of this size learns two levels within minutes.
pub(super) fn encoding(name: &str) -> (Option<usize>, Option<Binarize>) {
    match name {
        "mnist" | "digits" => (None, Some(Binarize::Fixed)),
        _ => (None, None),
    }
}

/// Colours that model `name`, in the size `preset`, sees RGB pixels by when neither `--palette` nor
/// `--levels` nor `--binarize` is given; none: RGB values as they are.
pub(super) fn palette(name: &str, preset: Option<&str>) -> Option<usize> {
    match (name, preset) {
        ("imagegpt", Some("s" | "m" | "l" | "paper")) => Some(512),
        ("imagegpt", _) => Some(64),
        _ => None,
    }
}

/// The data of a model asked for as `name`, which may be an alias that says more.
pub(super) fn data(name: &str) -> DataConfig {
    DataConfig {
        conditional: name == "conditional-pixelcnn",
        ..DataConfig::default()
    }
}

/// How model `name` is trained in the size `preset` unless told otherwise; limits are left open.
///
/// The default sizes are small and residual: on binary MNIST they take far more than the usual 1e-3
/// and learn faster for it. Named sizes are large and get the usual rate.
pub(super) fn train(name: &str, preset: Option<&str>) -> TrainConfig {
    let usual = TrainConfig::default();
    let batch_size = match (name, preset) {
        ("made", _) => 100,
        // Attention needs many updates before it looks anywhere in particular.
        ("imagegpt", None) => 4,
        _ => usual.batch_size,
    };
    let (learning_rate, warmup_steps) = match (name, preset) {
        ("pixelcnn" | "pixelrnn", None) => (5e-3, 100),
        ("imagegpt", None) => (3e-3, 100),
        ("gated-pixelcnn" | "wavenet" | "rnn", None) => (8e-3, 100),
        _ => (usual.learning_rate, usual.warmup_steps),
    };
    let beta2 = match name {
        // The paper's (appendix A), also the better one here.
        "imagegpt" => 0.95,
        _ => usual.beta2,
    };
    TrainConfig {
        learning_rate,
        warmup_steps,
        beta2,
        batch_size,
        ..usual
    }
}

/// Updates of a run of model `name` that is given no limit: a few minutes on two cores.
pub(crate) fn steps(name: &str) -> u64 {
    match name {
        "made" => 10_000,
        "imagegpt" => 8000,
        "pixelrnn" => 3000,
        _ => 4000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_imply_what_they_say() {
        let sizes = [None, Some("paper"), Some("s"), Some("tiny")];
        let colours = sizes.map(|preset| palette("imagegpt", preset));
        assert_eq!(colours, [Some(64), Some(512), Some(512), Some(64)]);
        assert_eq!(palette("pixelcnn", Some("paper")), None);
        assert!(data("conditional-pixelcnn").conditional && !data("gated-pixelcnn").conditional);
    }

    #[test]
    fn every_model_has_rates_that_train_and_leaves_its_limits_open() {
        for entry in ar_models::registry() {
            for preset in [None, Some("paper")] {
                let config = train(entry.name, preset);
                assert!(config.validate().is_err(), "limits are left open");
                let limited = TrainConfig {
                    steps: Some(steps(entry.name)),
                    ..config
                };
                assert!(limited.validate().is_ok(), "{}", entry.name);
            }
        }
    }
}
