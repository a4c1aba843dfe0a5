use ar_core::{Conditioning, Domain};
use ar_models::Spec;
use ar_nn::Route;
use serde_json::json;

use crate::common::{build, parameters, prove, prove_conditional};

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
fn the_default_reaches_back_to_the_first_pixel_of_mnist() {
    let domain = Domain::new(1, 28, 28, 2).unwrap();
    let config = json!({"hidden": 2, "skip": 2});
    let spec = Spec::new("wavenet", config, domain, Conditioning::None).unwrap();
    let model = build(&spec, &parameters(&spec), Route::Fused).unwrap();
    let seen = model.dependence();
    assert!((0..783).all(|d| seen.contains(783, d)));
}
