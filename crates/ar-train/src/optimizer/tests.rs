use super::*;
use crate::OptimizerKind::{Adam, Muon};
use candle_core::DType;

const UPDATE: Update = Update {
    learning_rate: 0.01,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    momentum: 0.9,
    weight_decay: 0.1,
    gradient_scale: 0.5,
    ema_decay: 0.75,
    step: 1,
};

/// A matrix longer than a chunk, the weights of a product, and a vector, which weight decay leaves alone.
fn parameters() -> BTreeMap<String, Var> {
    let var = |shape: &[usize]| {
        let values = (0..shape.iter().product())
            .map(|i: usize| (i as f32 * 0.37).sin())
            .collect::<Vec<_>>();
        Var::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let vars = [
        ("matrix", var(&[91, 101])),
        ("product", var(&[3, 8, 20])),
        ("vector", var(&[5])),
    ];
    vars.map(|(name, var)| (name.to_owned(), var)).into()
}

/// Gradients that differ from step to step; those of the matrix's first 60 rows are zero until the fourth.
fn gradients(optimizer: &Optimizer, step: u64) -> Gradients {
    let scale = f64::from(step as u32);
    let loss = optimizer.named().map(|(_, w)| {
        let rows = w.dim(0).unwrap();
        let skip = if rows > 60 && step < 4 { 60 } else { 0 };
        let w = w.narrow(0, skip, rows - skip).unwrap();
        ((w * scale).unwrap() + 0.3)
            .unwrap()
            .sin()
            .unwrap()
            .sum_all()
            .unwrap()
    });
    let loss = loss.reduce(|a, b| (a + b).unwrap()).unwrap();
    let (_, mut all) = ar_core::Gradients::of_loss(&loss).unwrap();
    Gradients::take(&mut all, optimizer).unwrap()
}

fn values(tensor: &Tensor) -> Vec<f64> {
    tensor
        .flatten_all()
        .unwrap()
        .to_dtype(DType::F64)
        .unwrap()
        .to_vec1()
        .unwrap()
}

/// Adam as in the paper's algorithm 1 with AdamW's decoupled decay, one scalar in double precision.
#[derive(Clone, Copy)]
struct Reference {
    w: f64,
    m: f64,
    v: f64,
    average: f64,
}

impl Reference {
    fn update(&mut self, gradient: f64, decay: f64, u: &Update) {
        let g = gradient * u.gradient_scale;
        self.m = u.beta1 * self.m + (1.0 - u.beta1) * g;
        self.v = u.beta2 * self.v + (1.0 - u.beta2) * g * g;
        let m_hat = self.m / (1.0 - u.beta1.powi(u.step as i32));
        let v_hat = self.v / (1.0 - u.beta2.powi(u.step as i32));
        self.w -= u.learning_rate * (m_hat / (v_hat.sqrt() + u.epsilon) + decay * self.w);
        self.average = u.ema_decay * self.average + (1.0 - u.ema_decay) * self.w;
    }
}

#[test]
fn agrees_with_a_reference_in_double_precision() {
    agrees(UPDATE);
    agrees(Update {
        weight_decay: 0.0,
        ..UPDATE
    });
}

fn agrees(update: Update) {
    let vars = parameters();
    let mut optimizer = Optimizer::new(&vars, Adam, true).unwrap();
    let start = |var: &Var| {
        values(var)
            .into_iter()
            .map(|w| Reference {
                w,
                m: 0.0,
                v: 0.0,
                average: w,
            })
            .collect()
    };
    let mut expected: Vec<Vec<Reference>> = vars.values().map(start).collect();
    for step in 1..=5 {
        let update = Update { step, ..update };
        let gradients = gradients(&optimizer, step);
        for ((of_one, gradient), var) in expected
            .iter_mut()
            .zip(gradients.tensors())
            .zip(vars.values())
        {
            let decay = if var.rank() >= 2 {
                update.weight_decay
            } else {
                0.0
            };
            of_one
                .iter_mut()
                .zip(values(gradient))
                .for_each(|(r, g)| r.update(g, decay, &update));
        }
        optimizer.update(&gradients, &update).unwrap();
    }
    let averaged = optimizer.detached().unwrap();
    for ((name, var), of_one) in vars.iter().zip(&expected) {
        let average = values(averaged.get(name).unwrap());
        for ((w, a), r) in values(var).into_iter().zip(average).zip(of_one) {
            assert!(
                (w - r.w).abs() < 1e-5 && (a - r.average).abs() < 1e-5,
                "{name}: {w} {} {a} {}",
                r.w,
                r.average
            );
        }
    }
}

#[test]
fn the_route_by_tensors_agrees() {
    let (vars, others) = (parameters(), parameters());
    let mut host = Optimizer::new(&vars, Adam, true).unwrap();
    let mut device = Optimizer::new(&others, Adam, true).unwrap();
    let snapshot = device.snapshot().unwrap();
    for slot in &mut device.slots {
        let (first, second) = (&snapshot.first[&slot.name], &snapshot.second[&slot.name]);
        let averaged = snapshot.averaged.as_ref().map(|all| &all[&slot.name]);
        slot.memory =
            Memory::Tensors(tensors::Memory::adam(first, second, averaged, &Device::Cpu).unwrap());
    }
    for step in 1..=5 {
        let update = Update { step, ..UPDATE };
        for optimizer in [&mut host, &mut device] {
            optimizer
                .update(&gradients(optimizer, step), &update)
                .unwrap();
        }
    }
    let (a, b) = (host.snapshot().unwrap(), device.snapshot().unwrap());
    for (a, b) in [
        (&a.weights, &b.weights),
        (&a.first, &b.first),
        (&a.second, &b.second),
    ] {
        close(a, b);
    }
    close(a.averaged.as_ref().unwrap(), b.averaged.as_ref().unwrap());
}

fn close(a: &Arrays, b: &Arrays) {
    for ((name, a), b) in a.iter().zip(b.values()) {
        assert_eq!(a.shape, b.shape);
        for (x, y) in a.values.iter().zip(&b.values) {
            assert!((x - y).abs() <= 1e-6 * x.abs().max(1e-3), "{name}: {x} {y}");
        }
    }
}

#[test]
fn restoring_a_snapshot_changes_no_bit() {
    for (kind, averaging) in [(Adam, false), (Muon, false), (Muon, true)] {
        let mut optimizer = Optimizer::new(&parameters(), kind, averaging).unwrap();
        optimizer
            .update(&gradients(&optimizer, 1), &UPDATE)
            .unwrap();
        let snapshot = optimizer.snapshot().unwrap();
        let mut restored = Optimizer::restore(snapshot, kind, &Device::Cpu).unwrap();
        for optimizer in [&mut optimizer, &mut restored] {
            optimizer
                .update(&gradients(optimizer, 2), &Update { step: 2, ..UPDATE })
                .unwrap();
        }
        let (a, b) = (optimizer.snapshot().unwrap(), restored.snapshot().unwrap());
        assert_eq!(a, b);
        assert_eq!(a.averaged.is_some(), averaging);
    }
}

/// What is no product goes as with Adam, to the bit. A product moves by its rate against the gradient, as far whatever
/// the size of that, and its average follows.
#[test]
fn muon_updates_products_and_adam_the_rest() {
    let (vars, others) = (parameters(), parameters());
    let mut adam = Optimizer::new(&vars, Adam, true).unwrap();
    let mut muon = Optimizer::new(&others, Muon, true).unwrap();
    let before = values(&others["product"]);
    let direction = values(&gradients(&muon, 1).tensors()[1]);
    for optimizer in [&mut adam, &mut muon] {
        let gradients = gradients(optimizer, 1);
        optimizer.update(&gradients, &UPDATE).unwrap();
    }
    for name in ["matrix", "vector"] {
        assert_eq!(values(&vars[name]), values(&others[name]), "{name}");
    }
    let keep = 1.0 - UPDATE.learning_rate * UPDATE.weight_decay;
    let after = values(&others["product"]);
    let moved: Vec<f64> = after
        .iter()
        .zip(&before)
        .map(|(a, b)| a - b * keep)
        .collect();
    let size = (moved.iter().map(|m| m * m).sum::<f64>() / moved.len() as f64).sqrt();
    let expected = 0.2 * UPDATE.learning_rate; // singular values end between 0.7 and 1.2
    assert!((0.6..1.3).contains(&(size / expected)), "{size}");
    let along: f64 = moved.iter().zip(&direction).map(|(m, g)| m * g).sum();
    assert!(along < 0.0);
    let average = values(muon.detached().unwrap().get("product").unwrap());
    for ((a, w), b) in average.iter().zip(&after).zip(&before) {
        assert!((a - (0.75 * b + 0.25 * w)).abs() < 1e-6);
    }
    let snapshot = muon.snapshot().unwrap();
    assert!(!snapshot.second.contains_key("product") && snapshot.second.len() == 2);
}

#[test]
fn muon_without_a_product_and_memory_of_another_kind_are_refused() {
    let mut vars = parameters();
    let snapshot = Optimizer::new(&vars, Muon, false)
        .unwrap()
        .snapshot()
        .unwrap();
    let error = Optimizer::restore(snapshot, Adam, &Device::Cpu).unwrap_err();
    assert_eq!(error.to_string(), "parameter `product` has no moments");
    vars.remove("product");
    let error = Optimizer::new(&vars, Muon, false).unwrap_err();
    assert!(matches!(error, Error::NothingForMuon), "{error}");
}

#[test]
fn without_averaging_the_detached_weights_are_copies() {
    let vars = parameters();
    let mut optimizer = Optimizer::new(&vars, Adam, false).unwrap();
    let before = optimizer.detached().unwrap();
    optimizer
        .update(&gradients(&optimizer, 1), &UPDATE)
        .unwrap();
    let (old, new) = (
        values(before.get("vector").unwrap()),
        values(&vars["vector"]),
    );
    assert_ne!(old, new);
    assert!(before.iter().all(|(_, tensor)| !tensor.is_variable()));
}

#[test]
fn parameters_that_cannot_be_trained_are_named() {
    let double = Var::zeros(3, DType::F64, &Device::Cpu).unwrap();
    let error = Optimizer::new(&[("a".to_owned(), double)].into(), Adam, true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `a` is F64; training and saving need F32"
    );
    let single = Var::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let error = Optimizer::new(&[("ema.a".to_owned(), single)].into(), Adam, true).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter `ema.a` may not begin with `ema.`"
    );
}

#[test]
fn a_parameter_the_loss_does_not_reach_is_named() {
    let vars = parameters();
    let optimizer = Optimizer::new(&vars, Adam, false).unwrap();
    let reached = ["matrix", "product"].map(|name| vars[name].sqr().unwrap().sum_all().unwrap());
    let loss = (&reached[0] + &reached[1]).unwrap();
    let (_, mut all) = ar_core::Gradients::of_loss(&loss).unwrap();
    let error = Gradients::take(&mut all, &optimizer).unwrap_err();
    assert!(matches!(error, Error::NoGradient { name } if name == "vector"));
}
