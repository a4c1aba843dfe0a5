use ar_core::{Conditioning, Domain};
use ar_models::Spec;
use ar_nn::Route;
use serde_json::json;

use crate::common::{build, parameters, prove, prove_class};

#[test]
fn imagegpt_grey() {
    let config = json!({"embed": 6, "heads": 2, "layers": 2});
    prove("imagegpt", &config, [1, 5, 7, 4], [1, 2, 3, 3]);
}

#[test]
fn imagegpt_binary() {
    let config = json!({"embed": 10, "heads": 1, "layers": 1});
    prove("imagegpt", &config, [1, 4, 5, 2], [1, 3, 3, 2]);
}

#[test]
fn imagegpt_rgb() {
    let config = json!({"embed": 8, "heads": 4, "layers": 2});
    prove("imagegpt", &config, [3, 3, 4, 3], [3, 1, 2, 3]);
}

#[test]
fn imagegpt_class_conditional() {
    let config = json!({"embed": 6, "heads": 2, "layers": 2});
    prove_class("imagegpt", &config, [1, 4, 5, 3], [1, 2, 3, 2]);
    prove_class("imagegpt", &config, [3, 2, 3, 3], [3, 1, 2, 2]);
}

#[test]
fn imagegpt_sees_everything_before() {
    let domain = Domain::new(3, 3, 4, 5).unwrap();
    let config = json!({"embed": 4, "heads": 1, "layers": 1});
    let spec = Spec::new("imagegpt", config, domain, Conditioning::None).unwrap();
    let model = build(&spec, &parameters(&spec), Route::Fused).unwrap();
    let seen = model.dependence();
    for step in 0..36 {
        assert_eq!(seen.of(step).count(), step);
    }
}

#[test]
fn imagegpt_says_what_it_cannot_be() {
    let domain = Domain::new(1, 5, 5, 4).unwrap();
    let says = |config, conditioning, what: &str| {
        let error = Spec::new("igpt", config, domain, conditioning).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
    };
    let none = Conditioning::None;
    says(json!({"embed": 8, "heads": 3}), none, "must divide");
    says(json!({"heads": 0}), none, "heads");
    says(json!({"layers": 0}), none, "layers");
    let vector = Conditioning::Vector { size: 2 };
    says(json!({}), vector, "gated-pixelcnn");
}
