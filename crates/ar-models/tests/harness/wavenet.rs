use ar_core::harness::prove_network;
use ar_core::{Conditioning, Domain, Model, Pieces, SampleOptions, Weights, sample};
use ar_models::Spec;
use ar_nn::Route;
use candle_core::{Device, Tensor};
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

#[test]
fn a_long_row_goes_piece_by_piece_to_the_same_bits() {
    for (channels, config) in [
        (1, json!({"embedding": 3})),
        (1, json!({"head": "logistic", "components": 2})),
        (2, json!({})),
    ] {
        let mut config = config;
        let own =
            json!({"hidden": 6, "skip": 8, "stacks": 2, "max_dilation": 2, "position": false});
        config
            .as_object_mut()
            .unwrap()
            .extend(own.as_object().unwrap().clone());
        let spec = |width| {
            let domain = Domain::new(channels, 1, width, 5).unwrap();
            let class = Conditioning::Class { classes: 3 };
            Spec::new("wavenet", config.clone(), domain, class).unwrap()
        };
        let (whole, piece) = (spec(29), spec(11));
        let reach = ar_models::find("wavenet")
            .unwrap()
            .reach(&whole.config)
            .unwrap()
            .unwrap();
        let pieces = |named: &Weights, route| {
            let piece = build(&piece, named, route)?;
            Ok(Box::new(Pieces::new(piece, 29, reach)?) as Box<dyn Model>)
        };
        let named = parameters(&whole);
        prove_network(&named, &|named| pieces(named, Route::Composite)).unwrap();

        let options = SampleOptions {
            count: 3,
            condition: Some(Tensor::new(&[2u32, 0, 1], &Device::Cpu).unwrap()),
            ..SampleOptions::default()
        };
        let drawn = |model: &dyn Model| sample(model, &options, &|_, _| true).unwrap();
        let all = build(&whole, &named, Route::Fused).unwrap();
        let by_pieces = pieces(&named, Route::Fused).unwrap();
        assert_eq!(drawn(&*all), drawn(&*by_pieces), "{config}");

        for (width, length, reach) in [(11, 11, reach), (11, 29, 11)] {
            let piece = build(&spec(width), &named, Route::Fused).unwrap();
            assert!(Pieces::new(piece, length, reach).is_err());
        }
    }
}
