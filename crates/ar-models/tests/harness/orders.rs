use ar_core::harness::{no_leak_and_alive, prove_sums_and_samples, step_equals_full};
use ar_core::{ChannelSteps, Conditioning, Domain, Order, Pass, Weights};
use ar_models::Spec;
use candle_core::{Device, Tensor};
use serde_json::json;

use crate::common::{parameters, prove, prove_class};

/// The models that take an order, small.
fn configs() -> [(&'static str, serde_json::Value); 4] {
    [
        (
            "pixelcnn",
            json!({"hidden": 6, "blocks": 1, "first_kernel": 3}),
        ),
        (
            "gated-pixelcnn",
            json!({"hidden": 6, "blocks": 2, "first_kernel": 3}),
        ),
        (
            "wavenet",
            json!({"hidden": 4, "skip": 5, "max_dilation": 2}),
        ),
        ("imagegpt", json!({"embed": 8, "heads": 2, "layers": 1})),
    ]
}

#[test]
fn models_in_other_orders_are_proved() {
    for (model, config) in configs() {
        for order in ["hilbert", "s-curve+transpose", "checkerboard"] {
            let mut config = config.clone();
            config["order"] = order.into();
            prove(model, &config, [1, 4, 5, 3], [1, 2, 3, 2]);
        }
    }
}

#[test]
fn one_set_of_weights_in_several_orders_is_a_distribution() {
    let made = ("made", json!({"hidden": [24]}));
    for (model, mut config) in configs().into_iter().chain([made]) {
        (config["order"], config["orders"]) = ("s-curve".into(), 3.into());
        let domain = Domain::new(1, 2, 3, 2).unwrap();
        let spec = Spec::new(model, config, domain, Conditioning::None).unwrap();
        let mixture = spec.build(&parameters(&spec)).unwrap();
        assert_eq!(mixture.members().len(), 3);
        prove_sums_and_samples(&*mixture).unwrap();
    }
}

#[test]
fn pixelcnn_pp_grey_and_rgb() {
    let config = json!({"hidden": 5, "blocks": 1, "components": 2, "dropout": 0.3});
    prove("pixelcnn-pp", &config, [3, 3, 5, 4], [3, 1, 2, 2]);
    prove_class("pixelcnn-pp", &config, [1, 5, 3, 3], [1, 2, 2, 3]);
}

#[test]
fn pixelcnn_pp_categorical() {
    let config = json!({"hidden": 5, "blocks": 1, "head": "categorical"});
    prove("pixelcnn-pp", &config, [1, 3, 6, 4], [1, 2, 3, 2]);
}

#[test]
fn multiscale_in_parallel_and_in_slices() {
    for order in ["coarse-to-fine", "subscale:2"] {
        let config = json!({"hidden": 6, "known": 1, "predicted": 1, "kernel": 3, "order": order});
        prove("multiscale", &config, [1, 5, 7, 3], [1, 2, 5, 2]);
        prove_class("multiscale", &config, [3, 5, 6, 3], [2, 1, 3, 3]);
    }
}

#[test]
fn masked_transformers() {
    for order in ["s-curve", "random:3"] {
        let config = json!({"embed": 8, "heads": 2, "layers": 1, "order": order, "orders": 1});
        prove("masked-transformer", &config, [1, 4, 5, 3], [1, 2, 3, 2]);
        prove_class("masked-transformer", &config, [2, 3, 3, 3], [1, 2, 2, 3]);
    }
}

/// Trained in every order, scored in those that are named, and any other can be asked for.
#[test]
fn a_model_of_every_order_is_one_distribution_in_each() {
    let config = json!({
        "embed": 8, "heads": 2, "layers": 1, "orders": 2, "every_order": true
    });
    let domain = Domain::new(2, 2, 2, 2).unwrap();
    let spec = Spec::new("masked-transformer", config, domain, Conditioning::None).unwrap();
    let vars = spec.initialise(3, &Device::Cpu).unwrap();
    let model = spec.build(&Weights::from_vars(&vars)).unwrap();
    prove_sums_and_samples(&*model).unwrap();
    let hidden_first =
        Order::known_first(&domain, ChannelSteps::Separate, &[false, true, true, false]);
    let hidden_first = hidden_first.unwrap();
    assert_eq!(hidden_first.sequence(), [1, 2, 0, 3]);
    let other = model.in_order(&hidden_first).unwrap().unwrap();
    prove_sums_and_samples(&*other).unwrap();
    no_leak_and_alive(&*other).unwrap();
    step_equals_full(&*other).unwrap();

    // Each step of training is one order of all, the same again in a resumed run.
    let levels = Tensor::from_vec(vec![0u32, 1, 1, 0, 1, 1, 0, 1], (1, 2, 2, 2), &Device::Cpu);
    let levels = levels.unwrap();
    let loss = |step| {
        let pass = Pass {
            seed: 5,
            step,
            training: true,
            scored: None,
        };
        let (loss, mut gradients) = model.loss_and_gradient(&levels, None, &pass).unwrap();
        assert!(vars.values().all(|var| gradients.take(var).is_some()));
        loss
    };
    let losses: Vec<f64> = (0..6).map(loss).collect();
    assert_eq!(losses[3], loss(3));
    assert!(losses.windows(2).any(|pair| pair[0] != pair[1]));
}
