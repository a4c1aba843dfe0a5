//! Names, configurations and parameters that do not fit are errors that say what does.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use ar_core::{Conditioning, Domain, Weights};
use ar_models::{Spec, find, registry};
use candle_core::{DType, Device, Tensor};
use serde_json::json;

fn grey() -> Domain {
    Domain::new(1, 5, 5, 4).unwrap()
}

#[test]
fn every_model_resolves_its_defaults_and_its_aliases() {
    for entry in registry() {
        let spec = Spec::new(entry.name, json!({}), grey(), Conditioning::None).unwrap();
        assert_eq!(spec.config, Spec::default_config(entry.name).unwrap());
        for (name, config) in entry.presets().unwrap() {
            let domain = Domain::new(1, 28, 28, 4).unwrap();
            let spec = Spec::new(entry.name, config.clone(), domain, Conditioning::None);
            assert_eq!(spec.unwrap().config, config, "{name} of {}", entry.name);
        }
        for alias in entry.aliases {
            assert_eq!(find(alias).unwrap().name, entry.name);
        }
    }
}

#[test]
fn bad_configurations_name_the_field() {
    let cases = [
        ("pixelcnn", json!({"hiden": 4}), "hiden"),
        ("pixelcnn", json!({"hidden": 0}), "hidden"),
        ("pixelcnn", json!({"hidden": -1}), "-1"),
        ("pixelcnn", json!({"kernel": 4}), "kernel"),
        ("pixelcnn", json!({"first_kernel": 1}), "first_kernel"),
        ("made", json!({"hidden": [0]}), "hidden"),
        ("made", json!({"hidden": [], "direct": false}), "direct"),
        ("made", json!({"masks": 0}), "masks"),
        ("made", json!({"masks": 2, "degrees": "cyclic"}), "masks"),
        ("pixelrnn", json!({"layers": 0}), "layers"),
        ("pixelrnn", json!({"variant": "row"}), "row-lstm"),
        ("rnn", json!({"cell": "elman"}), "gru"),
        ("rnn", json!({"embedding": 0}), "embedding"),
        ("pixelcn", json!({}), "pixelcnn"),
    ];
    for (model, config, expected) in cases {
        let error = Spec::new(model, config, grey(), Conditioning::None)
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn parameters_of_another_model_are_refused() {
    let spec = Spec::new(
        "pixelcnn",
        json!({"hidden": 4, "blocks": 1}),
        grey(),
        Conditioning::None,
    )
    .unwrap();
    let vars = spec.initialise(1, &Device::Cpu).unwrap();
    let named = |skip: &str| -> Weights {
        vars.iter()
            .filter(|(n, _)| *n != skip)
            .map(|(n, v)| (n.clone(), v.as_tensor().detach()))
            .collect()
    };
    assert!(spec.build(&named("")).is_ok());
    let missing = spec.build(&named("first.bias")).unwrap_err().to_string();
    assert!(missing.contains("first.bias is missing"), "{missing}");
    let mut extra = named("");
    extra.insert(
        "other".into(),
        Tensor::zeros(1, DType::F32, &Device::Cpu).unwrap(),
    );
    assert!(
        spec.build(&extra)
            .unwrap_err()
            .to_string()
            .contains("other is not a parameter")
    );
    let larger = Spec::new(
        "pixelcnn",
        json!({"hidden": 6, "blocks": 1}),
        grey(),
        Conditioning::None,
    )
    .unwrap();
    assert!(
        larger
            .build(&named(""))
            .unwrap_err()
            .to_string()
            .contains("has shape")
    );
}
