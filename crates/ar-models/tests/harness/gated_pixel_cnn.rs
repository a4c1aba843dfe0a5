use ar_core::{Conditioning, Domain};
use ar_models::Spec;
use ar_nn::Route;
use serde_json::json;

use crate::common::{build, parameters, prove, prove_conditional, prove_upsampled};

#[test]
fn gated_pixelcnn_conditional() {
    let config = json!({"hidden": 18, "blocks": 2, "first_kernel": 3});
    prove_conditional("gated-pixelcnn", &config, [3, 3, 4, 3], [1, 2, 3, 2]);
    prove_upsampled("gated-pixelcnn", &config, [3, 3, 5, 3], [1, 2, 3, 2]);
}

#[test]
fn gated_pixelcnn_grey() {
    prove(
        "gated-pixelcnn",
        &json!({"hidden": 8, "blocks": 3, "first_kernel": 3, "dilations": [1, 2]}),
        [1, 5, 7, 4],
        [1, 2, 3, 3],
    );
}

#[test]
fn gated_pixelcnn_rgb() {
    prove(
        "gated-pixelcnn",
        &json!({"hidden": 7, "blocks": 2, "first_kernel": 3}),
        [3, 4, 5, 3],
        [3, 2, 2, 2],
    );
}

#[test]
fn gated_pixelcnn_sees_everything_before() {
    let domain = Domain::new(1, 9, 9, 2).unwrap();
    let config = json!({"hidden": 3, "blocks": 7, "first_kernel": 5});
    let spec = Spec::new("gated-pixelcnn", config, domain, Conditioning::None).unwrap();
    let model = build(&spec, &parameters(&spec), Route::Fused).unwrap();
    let seen = model.dependence();
    for step in 0..81 {
        assert!(
            (0..step).all(|d| seen.contains(step, d)),
            "a blind spot at {step}"
        );
    }
}
