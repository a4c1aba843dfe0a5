use ar_core::check::causality;
use ar_core::harness::{prove_distribution, prove_network, prove_sums_and_samples};
use ar_core::{Conditioning, Domain, Model, Pass, Weights, nll_of};
use ar_models::{MadeConfig, Spec};
use ar_nn::init::existing;
use candle_core::{D, DType, Device, Tensor};
use serde_json::{Value, json};

use crate::common::{parameters, same_bits_at_every_width};

fn spec(config: &Value, [c, h, w, k]: [usize; 4], conditioning: Conditioning) -> Spec {
    let domain = Domain::new(c, h, w, k).unwrap();
    Spec::new("made", config.clone(), domain, conditioning).unwrap()
}

/// The network of every mask set, on an odd and on a tiny domain.
fn prove(config: &Value, odd: [usize; 4], tiny: [usize; 4], conditioning: Conditioning) {
    for (sizes, is_odd) in [(odd, true), (tiny, false)] {
        let spec = spec(config, sizes, conditioning);
        let made: MadeConfig = serde_json::from_value(spec.config.clone()).unwrap();
        for set in 0..made.masks {
            let build = |named: &Weights| {
                let vb = existing(named);
                let network = made.network(&spec.domain, conditioning, set, &vb)?;
                Ok(Box::new(network) as Box<dyn Model>)
            };
            let says = |e: String| panic!("set {set} of {config}, {conditioning:?}: {e}");
            let named = parameters(&spec);
            if is_odd {
                prove_network(&named, &build).unwrap_or_else(says);
                same_bits_at_every_width(build(&named).unwrap().as_ref());
            } else {
                prove_distribution(&named, &build).unwrap_or_else(says);
            }
        }
    }
}

#[test]
fn made_binary() {
    for config in [
        json!({"hidden": [], "direct": true}),
        json!({"hidden": [], "order": "random"}),
        json!({"hidden": [400], "direct": false}),
        json!({"hidden": [90], "order": "random"}),
        json!({"hidden": [70], "order": "hilbert"}),
        json!({"hidden": [300, 300], "order": "random", "direct": false}),
        json!({"hidden": [60, 50], "degrees": "cyclic"}),
    ] {
        prove(&config, [1, 5, 3, 2], [1, 2, 3, 2], Conditioning::None);
    }
}

#[test]
fn made_categorical() {
    for config in [
        json!({"hidden": [300], "direct": false}),
        json!({"hidden": [40], "order": "random", "input": "one-hot"}),
        json!({"hidden": [300, 200], "direct": false, "input": "one-hot"}),
    ] {
        prove(&config, [1, 3, 4, 5], [1, 2, 2, 3], Conditioning::None);
    }
}

#[test]
fn made_colour() {
    for config in [
        json!({"hidden": [50]}),
        json!({"hidden": [500], "order": "random", "direct": false, "input": "one-hot"}),
    ] {
        prove(&config, [3, 2, 3, 3], [3, 1, 2, 3], Conditioning::None);
    }
}

#[test]
fn made_of_few_units_declares_what_is_cut_off() {
    for config in [
        json!({"hidden": [8, 9], "direct": false, "degrees": "cyclic", "input": "one-hot"}),
        json!({"hidden": [1], "direct": false, "order": "random"}),
    ] {
        let spec = spec(&config, [1, 3, 4, 2], Conditioning::None);
        let model = spec.build(&parameters(&spec)).unwrap();
        let member = model.members()[0];
        let report = causality(member, 1, 2, &mut |_, _| true).unwrap();
        assert!(report.causal && report.undeclared == 0, "{report:?}");
        let seen = member.dependence();
        assert!((1..12).any(|step| seen.of(step).count() < step));
    }
}

#[test]
fn made_conditional() {
    for conditioning in [
        Conditioning::Class { classes: 3 },
        Conditioning::Classes { of: [2, 3] },
        Conditioning::Vector { size: 2 },
        Conditioning::Map {
            features: 2,
            every: 1,
        },
    ] {
        for config in [
            json!({"hidden": [], "input": "one-hot"}),
            json!({"hidden": [40, 30], "order": "random"}),
        ] {
            prove(&config, [3, 2, 3, 2], [1, 2, 2, 3], conditioning);
        }
    }
}

/// One value: nothing to see but the bias and the condition.
#[test]
fn made_of_one_value() {
    for conditioning in [Conditioning::None, Conditioning::Class { classes: 2 }] {
        let config = json!({"hidden": [3, 2]});
        prove(&config, [1, 1, 1, 4], [1, 1, 1, 2], conditioning);
    }
}

#[test]
fn made_ensemble() {
    let config = json!({"hidden": [300], "order": "random", "masks": 3, "direct": false});
    prove(&config, [1, 3, 4, 2], [1, 2, 2, 3], Conditioning::None);
    let config = json!({"hidden": [20, 20], "masks": 3});
    let conditioning = Conditioning::Class { classes: 2 };
    let spec = spec(&config, [1, 2, 3, 2], conditioning);
    prove_sums_and_samples(&*spec.build(&parameters(&spec)).unwrap()).unwrap();
}

/// Averaged logits let every value see every other one: a known way to impossible figures.
#[test]
fn an_ensemble_mixes_probabilities_and_not_logits() {
    let config = json!({"hidden": [30], "order": "random", "masks": 3});
    let spec = spec(&config, [1, 2, 3, 2], Conditioning::None);
    let mixture = spec.build(&parameters(&spec)).unwrap();
    let levels = Tensor::new(&[0u32, 1, 1, 0, 1, 0], &Device::Cpu).unwrap();
    let levels = levels.reshape((1, 1, 2, 3)).unwrap();
    let first = |t: &Tensor| t.to_vec1::<f64>().unwrap()[0];

    let members = mixture.members();
    let each: Vec<f64> = members
        .iter()
        .map(|m| first(&m.nll(&levels, None).unwrap()))
        .collect();
    let mean = each.iter().map(|nats| (-nats).exp()).sum::<f64>() / 3.0;
    let nats = first(&mixture.nll(&levels, None).unwrap());
    assert!((nats + mean.ln()).abs() < 1e-5, "{nats}, {}", -mean.ln());

    let logits = members
        .iter()
        .map(|m| m.conditionals(&levels, None).unwrap());
    let logits = Tensor::stack(&logits.collect::<Vec<_>>(), 0).unwrap();
    let averaged = logits.mean(0).unwrap();
    let of_averaged = members[0]
        .likelihood()
        .nll(&averaged, &levels.unsqueeze(4).unwrap())
        .unwrap();
    let of_averaged = first(
        &of_averaged
            .to_dtype(DType::F64)
            .unwrap()
            .flatten_all()
            .unwrap()
            .sum_keepdim(D::Minus1)
            .unwrap(),
    );
    assert!((of_averaged - nats).abs() > 1e-3, "{of_averaged}, {nats}");
}

#[test]
fn an_ensemble_trains_its_masks_in_turn() {
    let config = json!({"hidden": [9], "order": "random", "masks": 2, "direct": false});
    let spec = spec(&config, [1, 2, 3, 2], Conditioning::None);
    let vars = spec.initialise(3, &Device::Cpu).unwrap();
    let mixture = spec.build(&Weights::from_vars(&vars)).unwrap();
    let levels = Tensor::ones((2, 1, 2, 3), DType::U32, &Device::Cpu).unwrap();
    for step in 0..4 {
        let pass = Pass {
            step,
            ..Pass::default()
        };
        let (loss, mut gradients) = mixture.loss_and_gradient(&levels, None, &pass).unwrap();
        let member = mixture.members()[step as usize % 2];
        let own = nll_of(member, &levels, None).unwrap().mean(0).unwrap();
        assert!((loss - own.to_scalar::<f64>().unwrap()).abs() < 1e-9);
        // Every parameter has one in every turn, those that the turn's mask leaves out a zero one.
        for (name, var) in &vars {
            assert!(gradients.take(var).is_some(), "{name} in step {step}");
        }
    }
}
