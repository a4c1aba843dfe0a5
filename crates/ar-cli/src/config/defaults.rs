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
    let batch_size = if name == "made" {
        100
    } else {
        usual.batch_size
    };
    let (learning_rate, warmup_steps) = match (name, preset) {
        ("pixelcnn" | "pixelrnn", None) => (5e-3, 100),
        ("gated-pixelcnn" | "wavenet" | "rnn", None) => (8e-3, 100),
        ("imagegpt", None) => (3e-3, 200),
        _ => (usual.learning_rate, usual.warmup_steps),
    };
    TrainConfig {
        learning_rate,
        warmup_steps,
        batch_size,
        ..usual
    }
}

/// Updates of a run of model `name` that is given no limit: a few minutes on two cores.
pub(crate) fn steps(name: &str) -> u64 {
    match name {
        "made" => 10_000,
        "imagegpt" | "pixelrnn" => 1500,
        "rnn" => 2000,
        _ => 4000,
    }
}
