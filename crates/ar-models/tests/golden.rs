//! The same numbers as PyTorch: parameters, levels, logits, loss and gradients exported once by
//! `golden/export.py`, every case by every route.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::path::Path;

use ar_core::{Conditioning, Distribution, Pass, Weights};
use ar_models::{Built, Spec};
use ar_nn::Route;
use candle_core::{DType, Device, Tensor, Var, safetensors};

fn flat(t: &Tensor) -> Vec<f32> {
    t.flatten_all().unwrap().to_vec1().unwrap()
}

fn close(what: &str, got: &Tensor, expected: &Tensor) {
    assert_eq!(got.dims(), expected.dims(), "{what}");
    let (got, expected) = (flat(got), flat(expected));
    let scale = expected.iter().fold(1f32, |m, v| m.max(v.abs()));
    for (i, (g, e)) in got.iter().zip(&expected).enumerate() {
        assert!(
            (g - e).abs() < 2e-5 * scale,
            "{what}[{i}]: {g}, PyTorch {e}"
        );
    }
}

fn check(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    assert!(
        bytes.len() <= 100 * 1024,
        "{} is too large for a fixture",
        path.display()
    );
    let (_, header) = ::safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let meta = header.metadata().clone().unwrap();
    let domain = serde_json::from_str(&meta["domain"]).unwrap();
    let conditioning = meta
        .get("conditioning")
        .map_or(Conditioning::None, |c| serde_json::from_str(c).unwrap());
    let spec = Spec::new(
        &meta["model"],
        serde_json::from_str(&meta["config"]).unwrap(),
        domain,
        conditioning,
    )
    .unwrap();
    let tensors = safetensors::load_buffer(&bytes, &Device::Cpu).unwrap();
    let named = |prefix: &str| -> BTreeMap<String, Tensor> {
        let own = tensors
            .iter()
            .filter_map(|(n, t)| Some((n.strip_prefix(prefix)?.to_owned(), t.clone())));
        own.collect()
    };
    let levels = tensors["levels"].to_dtype(DType::U32).unwrap();
    let condition = tensors.get("condition").map(|c| match conditioning {
        Conditioning::Class { .. } | Conditioning::Classes { .. } => {
            c.to_dtype(DType::U32).unwrap()
        }
        _ => c.clone(),
    });
    for route in [Route::Fused, Route::Composite] {
        let vars: BTreeMap<String, Var> = named("parameter.")
            .into_iter()
            .map(|(n, t)| (n, Var::from_tensor(&t).unwrap()))
            .collect();
        let model: Box<dyn Distribution> = match spec.built(&Weights::from_vars(&vars)).unwrap() {
            Built::Network(network) => Box::new(network.with_route(route)),
            Built::Other(other) => other,
        };
        let logits = model.members()[0].conditionals(&levels, condition.as_ref());
        close("logits", &logits.unwrap(), &tensors["logits"]);
        let pass = Pass::default();
        let trained = model.loss_and_gradient(&levels, condition.as_ref(), &pass);
        let (loss, mut grads) = trained.unwrap();
        let loss = Tensor::new(&[loss as f32], &Device::Cpu).unwrap();
        close("loss", &loss, &tensors["loss"]);
        for (name, expected) in named("gradient.") {
            close(&name, &grads.take(&vars[&name]).unwrap(), &expected);
        }
    }
}

#[test]
fn every_case_agrees_with_pytorch() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().path())
        .collect();
    cases.retain(|p| p.extension().is_some_and(|e| e == "safetensors"));
    cases.sort();
    assert!(cases.len() >= 3, "the fixtures are missing");
    for path in &cases {
        check(path);
    }
}
