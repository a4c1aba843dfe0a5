use ar_core::{Conditioning, Domain};
use ar_models::Spec;
use ar_nn::Route;
use serde_json::json;

use crate::common::{build, parameters, prove, prove_conditional, prove_upsampled};

#[test]
fn wavenet_grey() {
    let config = json!({"hidden": 6, "skip": 8, "max_dilation": 8});
    prove("wavenet", &config, [1, 5, 7, 4], [1, 2, 3, 3]);
}

#[test]
fn wavenet_in_stacks_over_embedded_levels() {
    let config = json!({"hidden": 6, "skip": 8, "stacks": 2, "max_dilation": 2, "embedding": 3});
    prove("wavenet", &config, [1, 4, 5, 3], [1, 2, 3, 2]);
}

#[test]
fn wavenet_with_a_mixture() {
    let config = json!({"hidden": 6, "skip": 8, "max_dilation": 4, "head": "logistic", "companded": true, "components": 2});
    prove("wavenet", &config, [1, 3, 5, 9], [1, 2, 3, 3]);
    let many = Domain::new(1, 1, 9, 65_536).unwrap();
    let of = |config| Spec::new("wavenet", config, many, Conditioning::None);
    assert!(of(json!({})).unwrap_err().to_string().contains("logistic"));
    assert!(of(config).is_ok());
}

#[test]
fn wavenet_of_high_and_low_bytes() {
    let config = json!({"hidden": 6, "skip": 8, "stacks": 2, "max_dilation": 4, "embedding": 4});
    prove("wavenet", &config, [2, 1, 9, 4], [2, 1, 3, 2]);
}

#[test]
fn wavenet_rgb() {
    let config = json!({"hidden": 12, "skip": 24, "max_dilation": 4});
    prove("wavenet", &config, [3, 3, 4, 3], [3, 2, 2, 2]);
}

#[test]
fn wavenet_conditional() {
    let config = json!({"hidden": 6, "skip": 12, "max_dilation": 4});
    prove_conditional("wavenet", &config, [1, 3, 5, 3], [1, 2, 2, 3]);
}

#[test]
fn wavenet_given_features_at_a_lower_rate() {
    let config = json!({"hidden": 6, "skip": 8, "max_dilation": 4, "position": false});
    prove_upsampled("wavenet", &config, [1, 1, 13, 3], [1, 1, 5, 2]);
    prove_upsampled("wavenet", &config, [2, 1, 9, 3], [1, 3, 2, 2]);
}

#[test]
fn the_default_reaches_back_to_the_first_pixel_of_mnist() {
    let domain = Domain::new(1, 28, 28, 2).unwrap();
    let config = json!({"hidden": 2, "skip": 2});
    let spec = Spec::new("wavenet", config, domain, Conditioning::None).unwrap();
    let model = build(&spec, &parameters(&spec), Route::Fused).unwrap();
    let seen = model.dependence();
    assert!((0..783).all(|d| seen.contains(783, d)));
}
