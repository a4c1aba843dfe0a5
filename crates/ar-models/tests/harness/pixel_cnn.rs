use ar_core::harness::step_equals_full;
use ar_core::{Conditioning, Domain, Model};
use ar_models::Spec;
use ar_nn::Route;
use candle_core::{Device, Tensor};
use serde_json::json;

use crate::common::{build, parameters, prove, prove_conditional};

#[test]
fn pixelcnn_conditional() {
    let config = json!({"hidden": 6, "blocks": 1, "first_kernel": 3});
    prove_conditional("pixelcnn", &config, [1, 4, 5, 3], [1, 2, 2, 3]);
    let config = json!({"hidden": 24, "blocks": 1, "kernel": 3, "first_kernel": 3});
    prove_conditional("pixelcnn-plain", &config, [3, 2, 3, 3], [1, 2, 2, 3]);
}

#[test]
fn pixelcnn_grey() {
    prove(
        "pixelcnn",
        &json!({"hidden": 6, "blocks": 2, "first_kernel": 3}),
        [1, 5, 7, 4],
        [1, 2, 3, 3],
    );
}

#[test]
fn pixelcnn_binary() {
    prove(
        "pixelcnn",
        &json!({"hidden": 5, "blocks": 1, "first_kernel": 5}),
        [1, 7, 5, 2],
        [1, 3, 3, 2],
    );
}

#[test]
fn pixelcnn_rgb() {
    prove(
        "pixelcnn",
        &json!({"hidden": 7, "blocks": 2, "first_kernel": 3}),
        [3, 3, 5, 3],
        [3, 1, 2, 3],
    );
}

#[test]
fn pixelcnn_plain_grey() {
    prove(
        "pixelcnn-plain",
        &json!({"hidden": 6, "blocks": 2, "kernel": 5}),
        [1, 5, 7, 5],
        [1, 3, 2, 3],
    );
}

#[test]
fn pixelcnn_plain_rgb() {
    prove(
        "pixelcnn-plain",
        &json!({"hidden": 8, "blocks": 1, "kernel": 3}),
        [3, 4, 3, 2],
        [3, 2, 2, 2],
    );
}

#[test]
fn routes_agree() {
    for (model, domain) in [("pixelcnn", [1, 9, 6, 5]), ("pixelcnn-plain", [3, 4, 5, 4])] {
        let [c, h, w, k] = domain;
        let spec = Spec::new(
            model,
            json!({"hidden": 9, "blocks": 2}),
            Domain::new(c, h, w, k).unwrap(),
            Conditioning::None,
        )
        .unwrap();
        let named = parameters(&spec);
        let x: Vec<u32> = (0..2 * c * h * w).map(|i| (i * 7 % k) as u32).collect();
        let x = Tensor::from_vec(x, (2, c, h, w), &Device::Cpu).unwrap();
        let of = |route| build(&spec, &named, route).unwrap();
        let all = |n: &dyn Model| {
            n.conditionals(&x, None)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        };
        let (fused, composite) = (of(Route::Fused), of(Route::Composite));
        for (a, b) in all(&*fused).iter().zip(all(&*composite)) {
            assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{model}: {a} {b}");
        }
        step_equals_full(&*composite).unwrap();
    }
}
