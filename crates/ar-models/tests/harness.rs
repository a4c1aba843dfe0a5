//! Every model through the harness, by every route, at its smallest and oddest sizes.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::BTreeMap;

use ar_core::harness::{Named, prove_distribution, prove_network, step_equals_full};
use ar_core::{Domain, Model, Result};
use ar_models::Spec;
use ar_nn::Route;
use candle_core::{Device, Tensor};
use serde_json::{Value, json};

fn parameters(spec: &Spec) -> Named {
    let vars = spec.initialise(3, &Device::Cpu).unwrap();
    // Biases start at zero; away from it they are tested too.
    let nudge = |name: &str, t: &Tensor| {
        if name.ends_with("bias") {
            (t.ones_like().unwrap() * 0.1).unwrap()
        } else {
            t.detach()
        }
    };
    vars.iter()
        .map(|(n, v)| (n.clone(), nudge(n, v.as_tensor())))
        .collect()
}

fn prove(model: &str, config: &Value, odd: [usize; 4], tiny: [usize; 4]) {
    for route in [Route::Fused, Route::Composite] {
        let spec_of = |[c, h, w, k]: [usize; 4]| {
            Spec::new(model, config.clone(), Domain::new(c, h, w, k).unwrap()).unwrap()
        };
        let (odd, tiny) = (spec_of(odd), spec_of(tiny));
        let build = |spec: &Spec, named: &BTreeMap<String, Tensor>| -> Result<Box<dyn Model>> {
            let network = spec.network(named)?;
            let float = named.values().all(|t| t.dtype() == candle_core::DType::F32);
            Ok(Box::new(if float {
                network.with_route(route)
            } else {
                network
            }))
        };
        prove_network(&parameters(&odd), &|named| build(&odd, named))
            .unwrap_or_else(|e| panic!("{route:?}: {e}"));
        prove_distribution(&parameters(&tiny), &|named| build(&tiny, named))
            .unwrap_or_else(|e| panic!("{route:?}: {e}"));
    }
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
    let spec = Spec::new("gated-pixelcnn", config, domain).unwrap();
    let model = spec.build(&parameters(&spec)).unwrap();
    let seen = model.dependence();
    for step in 0..81 {
        assert!(
            (0..step).all(|d| seen.contains(step, d)),
            "a blind spot at {step}"
        );
    }
}

#[test]
fn routes_agree() {
    for (model, domain) in [("pixelcnn", [1, 9, 6, 5]), ("pixelcnn-plain", [3, 4, 5, 4])] {
        let [c, h, w, k] = domain;
        let spec = Spec::new(
            model,
            json!({"hidden": 9, "blocks": 2}),
            Domain::new(c, h, w, k).unwrap(),
        )
        .unwrap();
        let named = parameters(&spec);
        let x: Vec<u32> = (0..2 * c * h * w).map(|i| (i * 7 % k) as u32).collect();
        let x = Tensor::from_vec(x, (2, c, h, w), &Device::Cpu).unwrap();
        let of = |route| spec.network(&named).unwrap().with_route(route);
        let all = |n: &dyn Model| {
            n.parameters(&x)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        };
        let (fused, composite) = (of(Route::Fused), of(Route::Composite));
        for (a, b) in all(&fused).iter().zip(all(&composite)) {
            assert!((a - b).abs() < 1e-5 * (1.0 + b.abs()), "{model}: {a} {b}");
        }
        step_equals_full(&composite).unwrap();
    }
}
