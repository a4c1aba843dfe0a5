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

/// How model `name` is trained unless told otherwise; limits are left open.
pub(super) fn train(name: &str) -> TrainConfig {
    match name {
        // Small and residual, it takes more than the usual 1e-3 and learns faster for it.
        "pixelcnn" => TrainConfig {
            learning_rate: 2e-3,
            warmup_steps: 100,
            ..TrainConfig::default()
        },
        _ => TrainConfig::default(),
    }
}

/// Updates of a run that is given no limit: a few minutes on two cores.
pub(crate) const DEFAULT_STEPS: u64 = 4000;

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
        assert!(
            train("pixelcnn").validate().is_err(),
            "limits are left open"
        );
    }
}
