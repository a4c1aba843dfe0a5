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
fn shapes_are_taken_down_and_nothing_is_drawn_for_them() {
    for entry in registry() {
        let spec = Spec::new(entry.name, json!({}), grey(), Conditioning::None).unwrap();
        let drawn = spec.initialise(0, &Device::Cpu).unwrap();
        let drawn = drawn
            .into_iter()
            .map(|(name, var)| (name, var.dims().to_vec()));
        assert_eq!(spec.shapes().unwrap(), drawn.collect(), "{}", entry.name);
    }
    // Drawn, these would be five gigabytes.
    let entry = find("imagegpt").unwrap();
    let presets = entry.presets().unwrap();
    let (_, config) = presets.into_iter().find(|(name, _)| *name == "l").unwrap();
    let spec = Spec::new("imagegpt", config, grey(), Conditioning::None).unwrap();
    let sizes = spec.shapes().unwrap().into_values();
    let parameters: usize = sizes.map(|shape| shape.iter().product::<usize>()).sum();
    assert!(parameters > 1_300_000_000, "{parameters}");
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

/// The first row of an image sees nothing of what a larger one has more.
#[test]
fn one_set_of_weights_takes_images_of_any_size_without_tables_of_positions() {
    for (model, config) in [
        (
            "pixelcnn",
            json!({"hidden": 4, "blocks": 2, "position": false}),
        ),
        (
            "gated-pixelcnn",
            json!({"hidden": 4, "blocks": 2, "position": false}),
        ),
        (
            "pixelrnn",
            json!({"hidden": 4, "layers": 1, "position": false}),
        ),
        ("pixelcnn-pp", json!({"hidden": 4, "blocks": 1})),
        ("pixelsnail", json!({"hidden": 4, "blocks": 1})),
        (
            "image-transformer",
            json!({"embed": 8, "heads": 2, "block": [2, 3], "memory": [1, 1]}),
        ),
    ] {
        let spec = Spec::new(model, config, grey(), Conditioning::None).unwrap();
        let large = spec.of_size(7, 9).unwrap();
        let vars = spec.initialise(1, &Device::Cpu).unwrap();
        let weights = Weights::from_vars(&vars);
        let levels = |h: u32, w: u32| {
            let at = |i: u32| (i / w * 5 + i % w * 3) % 4;
            let all: Vec<u32> = (0..h * w).map(at).collect();
            Tensor::from_vec(all, (1, 1, h as usize, w as usize), &Device::Cpu).unwrap()
        };
        let first_row = |spec: &Spec, levels: &Tensor| {
            let model = spec.build(&weights).unwrap();
            let all = model.members()[0].conditionals(levels, None).unwrap();
            let row = all.narrow(2, 0, 1).unwrap().narrow(3, 0, 5).unwrap();
            row.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        };
        let (a, b) = (
            first_row(&spec, &levels(5, 5)),
            first_row(&large, &levels(7, 9)),
        );
        // A bidirectional or strided network sees the border; what is certain is the first pixel.
        let pixels = if ["pixelcnn", "gated-pixelcnn"].contains(&model) {
            5
        } else {
            1
        };
        let each = a.len() / 5;
        let close = a
            .iter()
            .zip(&b)
            .take(pixels * each)
            .all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(close, "{model}: {a:?} {b:?}");
    }
    let tied = |model: &str| {
        let spec = Spec::new(model, json!({}), grey(), Conditioning::None).unwrap();
        spec.of_size(7, 9).unwrap_err().to_string()
    };
    assert!(
        tied("pixelcnn").contains("position=false"),
        "{}",
        tied("pixelcnn")
    );
    let learned = json!({"coordinates": "learned"});
    let spec = Spec::new("image-transformer", learned, grey(), Conditioning::None).unwrap();
    let problem = spec.of_size(7, 9).unwrap_err().to_string();
    assert!(problem.contains("coordinates"), "{problem}");
    for (model, parameter) in [("made", "weight"), ("imagegpt", "wpe"), ("rnn", "position")] {
        assert!(tied(model).contains(parameter), "{}", tied(model));
    }
}

/// Of what counts: padding is nobody's level.
#[test]
fn a_model_begins_with_the_frequencies_of_what_counts() {
    let domain = Domain::new(1, 1, 8, 3).unwrap();
    let spec = Spec::new("wavenet", json!({"hidden": 4}), domain, Conditioning::None).unwrap();
    let vars = spec.initialise(0, &Device::Cpu).unwrap();
    let levels = vec![1u32, 1, 2, 1, 0, 0, 0, 0, 2, 1, 1, 1, 2, 1, 0, 0];
    let levels = Tensor::from_vec(levels, (2, 1, 1, 8), &Device::Cpu).unwrap();
    let share = |scored| -> Vec<f32> {
        let batch = Ok::<_, ar_core::Error>((levels.clone(), None, scored));
        spec.begin_from(&vars, std::iter::once(batch)).unwrap();
        let model = spec.build(&Weights::from_vars(&vars)).unwrap();
        let bias = model.output_bias().unwrap().exp().unwrap();
        let all = bias.sum_all().unwrap();
        bias.broadcast_div(&all).unwrap().to_vec1().unwrap()
    };
    // One of each before any is seen.
    for (scored, counts) in [
        (None, [7.0, 8.0, 4.0]),
        (Some([0..4, 1..6].into()), [1.0, 8.0, 3.0]),
    ] {
        let total: f32 = counts.iter().sum();
        for (share, count) in share(scored).iter().zip(counts) {
            assert!(
                (share - count / total).abs() < 1e-6,
                "{share} {count}/{total}"
            );
        }
    }
}

/// By the fused route and by tensors, of two levels and of more, whatever the model.
#[test]
fn no_model_takes_a_level_that_its_domain_has_not() {
    for (entry, levels) in registry()
        .into_iter()
        .flat_map(|entry| [(entry, 2), (entry, 4)])
    {
        let domain = Domain::new(1, 5, 5, levels).unwrap();
        let spec = Spec::new(entry.name, json!({}), domain, Conditioning::None).unwrap();
        let vars = spec.initialise(0, &Device::Cpu).unwrap();
        for dtype in [DType::F32, DType::F64] {
            let cast = |(name, var): (&String, &candle_core::Var)| {
                (name.clone(), var.to_dtype(dtype).unwrap().detach())
            };
            let weights: Weights = vars.iter().map(cast).collect();
            let model = spec.build(&weights).unwrap();
            let of = |level| Tensor::full(level, (1, 1, 5, 5), &Device::Cpu).unwrap();
            let (outside, pass) = (of(levels as u32), ar_core::Pass::default());
            let says = format!("{} of {levels} levels in {dtype:?}", entry.name);
            assert!(model.nll(&of(levels as u32 - 1), None).is_ok(), "{says}");
            assert!(model.nll(&outside, None).is_err(), "{says}");
            assert!(
                model.loss_and_gradient(&outside, None, &pass).is_err(),
                "{says}"
            );
            let member = model.members()[0];
            assert!(member.conditionals(&outside, None).is_err(), "{says}");
            let mut stepper = member.stepper(1, None).unwrap();
            let fed = vec![levels as u32; member.order().dims_of(0).count()];
            assert!(stepper.feed(0, &fed).is_err(), "{says}");
        }
    }
}
