//! Models whose attention reaches only so far, or reads other streams than it serves.

use ar_core::{Conditioning, Domain};
use ar_models::Spec;
use ar_nn::Route;
use serde_json::json;

use crate::common::{build, parameters, prove, prove_class, prove_conditional};

#[test]
fn image_transformer_in_one_dimension() {
    let config =
        json!({"embed": 6, "perceptron": 9, "heads": 2, "layers": 2, "block": [4], "memory": [5]});
    prove("image-transformer", &config, [1, 5, 7, 4], [1, 2, 3, 3]);
    prove("image-transformer", &config, [3, 3, 4, 3], [3, 1, 2, 3]);
}

#[test]
fn image_transformer_in_two_dimensions() {
    let config = json!({"embed": 8, "perceptron": 8, "heads": 2, "layers": 2, "block": [2, 3], "memory": [1, 2]});
    prove("image-transformer", &config, [1, 5, 7, 4], [1, 2, 3, 3]);
    prove("image-transformer", &config, [3, 3, 4, 3], [3, 1, 2, 3]);
    prove_class("image-transformer", &config, [1, 4, 5, 3], [1, 2, 3, 2]);
}

#[test]
fn image_transformer_with_a_mixture() {
    let config = json!({
        "embed": 8, "perceptron": 8, "heads": 2, "layers": 2, "block": [2, 3], "memory": [2, 1],
        "coordinates": "learned", "head": "logistic", "components": 2,
    });
    prove("image-transformer", &config, [3, 4, 5, 5], [3, 1, 2, 2]);
}

#[test]
fn pixelsnail_grey() {
    let config = json!({"hidden": 5, "blocks": 2, "residuals": 1, "keys": 4, "values": 6, "heads": 2, "components": 2});
    prove("pixelsnail", &config, [1, 5, 6, 5], [1, 2, 3, 3]);
}

#[test]
fn pixelsnail_rgb() {
    let config =
        json!({"hidden": 4, "blocks": 1, "residuals": 2, "keys": 3, "values": 5, "components": 2});
    prove("pixelsnail", &config, [3, 3, 5, 4], [3, 1, 2, 2]);
    let config = json!({"hidden": 4, "blocks": 1, "residuals": 1, "keys": 2, "values": 2, "head": "categorical"});
    prove("pixelsnail", &config, [3, 3, 4, 3], [3, 1, 2, 2]);
}

#[test]
fn pixelsnail_conditional() {
    let config =
        json!({"hidden": 4, "blocks": 1, "residuals": 1, "keys": 2, "values": 4, "components": 2});
    prove_conditional("pixelsnail", &config, [1, 4, 5, 3], [1, 2, 2, 3]);
}

/// Attention sees all that the stream does not, and a memory only so much.
#[test]
fn what_is_seen_is_what_the_reach_says() {
    let domain = Domain::new(1, 6, 8, 5).unwrap();
    let seen = |model: &str, config| {
        let spec = Spec::new(model, config, domain, Conditioning::None).unwrap();
        let model = build(&spec, &parameters(&spec), Route::Fused).unwrap();
        let seen = model.dependence();
        (0..48)
            .map(|step| seen.of(step).count())
            .collect::<Vec<_>>()
    };
    let all = seen(
        "pixelsnail",
        json!({"hidden": 4, "blocks": 1, "residuals": 1}),
    );
    assert!(all.iter().enumerate().all(|(step, seen)| *seen == step));
    let one = json!({"embed": 4, "heads": 1, "layers": 1, "block": [4], "memory": [3]});
    let recent = seen("image-transformer", one);
    // The value before, and what the site before the block was told of the one before that.
    assert_eq!(recent[..6], [0, 1, 2, 3, 4, 5]);
    assert_eq!(recent[8..12], [4, 5, 6, 7]);
}

#[test]
fn they_say_what_they_cannot_be() {
    let domain = Domain::new(1, 5, 5, 4).unwrap();
    let says = |model: &str, config, what: &str| {
        let error = Spec::new(model, config, domain, Conditioning::None).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    says("image-transformer", json!({"block": []}), "block");
    says("image-transformer", json!({"block": [0, 3]}), "block");
    says("image-transformer", json!({"block": [8, 300]}), "up to 256");
    says(
        "image-transformer",
        json!({"block": [8], "memory": [8, 8]}),
        "memory",
    );
    says("image-transformer", json!({"heads": 3}), "must divide");
    says("pixelsnail", json!({"keys": 3, "heads": 2}), "keys");
    says("pixelsnail", json!({"values": 0}), "values");
    says("pixelsnail", json!({"dropout": 1.0}), "dropout");
}
