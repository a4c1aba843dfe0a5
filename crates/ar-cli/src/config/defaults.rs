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
        "mnist" | "digits" | "letters" => (None, Some(Binarize::Fixed)),
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
pub(crate) fn train(name: &str, preset: Option<&str>) -> TrainConfig {
    let usual = TrainConfig::default();
    let batch_size = match (name, preset) {
        ("made", _) => 100,
        // A window of sound is as many values as many images: more updates are worth more.
        ("wavenet", Some("sound" | "sound-16")) => 2,
        // Attention needs many updates before it looks anywhere in particular.
        ("imagegpt" | "masked-transformer" | "image-transformer" | "pixelsnail", None) => 4,
        _ => usual.batch_size,
    };
    let (learning_rate, warmup_steps) = match (name, preset) {
        ("pixelcnn" | "pixelrnn", None) => (5e-3, 100),
        ("imagegpt" | "masked-transformer" | "image-transformer", None) => (3e-3, 100),
        ("gated-pixelcnn" | "wavenet" | "rnn", None) | ("wavenet", Some("sound")) => (8e-3, 100),
        ("pixelcnn-pp" | "multiscale" | "pixelsnail", None) => (4e-3, 100),
        // Means are told to a 65,536th: at four times the rate they never settle.
        ("wavenet", Some("sound-16")) => (1e-3, 100),
        _ => (usual.learning_rate, usual.warmup_steps),
    };
    let beta2 = match name {
        // The paper's (appendix A), also the better one here.
        "imagegpt" | "masked-transformer" | "image-transformer" => 0.95,
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
pub(crate) fn steps(name: &str, preset: Option<&str>) -> u64 {
    match (name, preset) {
        ("made", _) => 10_000,
        ("imagegpt" | "image-transformer", _) => 8000,
        ("pixelrnn", _) => 3000,
        ("wavenet", Some("sound" | "sound-16")) => 1500,
        _ => 4000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every field of `[train]` for every model and named size, as the book shows it.
    fn page() -> String {
        let mut rows = Vec::new();
        for entry in ar_models::registry() {
            let presets = entry.presets().unwrap();
            let sizes = presets.iter().map(|(preset, _)| Some(*preset));
            for size in [None].into_iter().chain(sizes) {
                let config = TrainConfig {
                    steps: Some(steps(entry.name, size)),
                    ..train(entry.name, size)
                };
                let values = serde_json::to_value(config).unwrap();
                let name = match size {
                    None => format!("`{}`", entry.name),
                    Some(size) => format!("`{} --preset {size}`", entry.name),
                };
                rows.push((name, values.as_object().unwrap().clone()));
            }
        }
        let shown = |value: &serde_json::Value| match value {
            serde_json::Value::Null => "none".to_owned(),
            serde_json::Value::String(word) => word.clone(),
            value => value.to_string(),
        };
        let (_, first) = &rows[0];
        let (same, differing): (Vec<_>, Vec<_>) = first
            .keys()
            .partition(|field| rows.iter().all(|(_, own)| own[*field] == first[*field]));
        let mut text = "# Training defaults\n\n\
            What `train` takes for each model unless a flag, `--set` or a configuration file says otherwise; \
            `ar-cli info MODEL` says\nit too. A test holds this page to the program. What the fields mean is in \
            [the command line](command-line.md).\n\n"
            .to_owned();
        let line = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let names = differing.iter().map(|field| format!("`{field}`"));
        text += &line(["model".to_owned()].into_iter().chain(names).collect());
        text += &line(vec!["---".to_owned(); differing.len() + 1]);
        for (name, own) in &rows {
            let values = differing.iter().map(|field| shown(&own[*field]));
            text += &line([name.clone()].into_iter().chain(values).collect());
        }
        text += "\nThe same for all:\n\n| field | default |\n| --- | --- |\n";
        for field in same {
            text += &line(vec![format!("`{field}`"), shown(&first[field])]);
        }
        text
    }

    #[test]
    fn the_book_shows_these_defaults() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../docs/src/training-defaults.md"
        );
        if std::env::var_os("AR_UPDATE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let shown = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            shown == page(),
            "docs/src/training-defaults.md is out of date: run this test with AR_UPDATE_DOCS=1"
        );
    }

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
                    steps: Some(steps(entry.name, preset)),
                    ..config
                };
                assert!(limited.validate().is_ok(), "{}", entry.name);
            }
        }
    }
}
