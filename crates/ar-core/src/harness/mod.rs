//! What proves a model right: one set of checks, called by every model with its smallest
//! configurations. A failed check is an `Err` that says what differs.

mod enumeration;

use std::collections::BTreeMap;

use candle_core::{DType, Tensor, Var};
use rand::Rng;

use crate::check::causality;
use crate::random::stream;
use crate::sampler::described_in;
use crate::{Conditioning, Distribution, Engine, Model, Pass, SampleOptions, Weights, sample};

pub use enumeration::{normalised, samples_follow};

/// Builds the model under test around exactly these weights (f32 or f64).
pub type Build<'a> = &'a dyn Fn(&Weights) -> crate::Result<Box<dyn Model>>;

/// What a check found.
pub type Verdict = Result<(), String>;

fn text(e: impl std::fmt::Display) -> String {
    e.to_string()
}

/// With all that is only for training.
const PASS: Pass = Pass {
    seed: 3,
    step: 5,
    training: true,
    scored: None,
};

/// Levels and a condition.
type Example = (Tensor, Option<Tensor>);

/// Levels, the same as a tensor, and a condition.
type Batch = (Vec<u32>, Tensor, Option<Tensor>);

fn random_batch(model: &dyn Distribution, batch: usize, seed: u64) -> Result<Batch, String> {
    let d = model.domain();
    let mut rng = stream(seed, "harness", &[]);
    let levels: Vec<u32> = (0..batch * d.dims())
        .map(|_| rng.random_range(0..d.levels as u32))
        .collect();
    let x = Tensor::from_slice(
        &levels,
        (batch, d.channels, d.height, d.width),
        model.device(),
    )
    .map_err(text)?;
    let condition = model
        .conditioning()
        .random(batch, &d, &mut rng, model.device())
        .map_err(text)?;
    Ok((levels, x, condition))
}

/// Checks that need odd, unequal sizes: causality in both directions, step = full pass, batch
/// independence, gradients.
///
/// # Errors
/// The first check that fails, in words.
pub fn prove_network(weights: &Weights, build: Build<'_>) -> Verdict {
    let model = build(weights).map_err(text)?;
    no_leak_and_alive(&*model)?;
    condition_reaches(&*model)?;
    step_equals_full(&*model)?;
    batch_independent(&*model)?;
    gradients(weights, build)
}

/// Checks that enumerate every image of a tiny domain: probabilities sum to one, samples follow them.
///
/// # Errors
/// The first check that fails, in words.
pub fn prove_distribution(weights: &Weights, build: Build<'_>) -> Verdict {
    prove_sums_and_samples(&*build(weights).map_err(text)?)
}

/// [`prove_distribution`] of a distribution at hand, such as a mixture.
///
/// # Errors
/// The first check that fails, in words.
pub fn prove_sums_and_samples(model: &dyn Distribution) -> Verdict {
    let probabilities = normalised(model)?;
    samples_follow(model, &probabilities)
}

/// 1 and 2: nothing sees itself or the future, and every declared dependence is real.
///
/// # Errors
/// Names the first leak or the first dependence that is declared and dead.
pub fn no_leak_and_alive(model: &dyn Model) -> Verdict {
    let report = causality(model, 1, 4, &mut |_, _| true).map_err(text)?;
    if let Some(leak) = report.leaks.first() {
        return Err(format!("leak: {leak:?}"));
    }
    let declared = model.dependence();
    for step in 0..declared.steps() {
        for d in 0..declared.dims() {
            let (says, is) = (
                declared.contains(step, d),
                report.observed.contains(step, d),
            );
            if says != is {
                return Err(format!(
                    "step {step}, value {d}: declared {says}, observed {is}"
                ));
            }
        }
    }
    Ok(())
}

/// 2, of the condition: another one changes every conditional, the first included.
///
/// # Errors
/// Names the first step that ignores it.
pub fn condition_reaches(model: &dyn Model) -> Verdict {
    let (d, kind) = (model.domain(), model.conditioning());
    let (_, x, _) = random_batch(model, 1, 7)?;
    let of = |i: u64| -> Result<Vec<Vec<f64>>, String> {
        let condition = match kind {
            Conditioning::Class { .. } | Conditioning::Classes { .. } => {
                Tensor::new(&[i as u32], model.device())
                    .map(Some)
                    .map_err(text)?
            }
            _ => kind
                .random(1, &d, &mut stream(i, "harness", &[]), model.device())
                .map_err(text)?,
        };
        let all = model.conditionals(&x, condition.as_ref()).map_err(text)?;
        let all = all
            .to_dtype(DType::F64)
            .and_then(|t| t.flatten(0, 3)?.to_vec2());
        all.map_err(text)
    };
    if kind == Conditioning::None {
        return Ok(());
    }
    let (a, b) = (of(0)?, of(1)?);
    match (0..a.len()).find(|&i| a[i] == b[i]) {
        Some(i) => Err(format!("value {i} ignores the condition")),
        None => Ok(()),
    }
}

/// 3: the conditionals of every step equal those of the full pass, for one image and several, and
/// when the first half is only fed.
///
/// # Errors
/// Names the first step that differs.
pub fn step_equals_full(model: &dyn Model) -> Verdict {
    for (batch, from) in [(1, 0), (3, 0), (2, model.order().steps() / 2)] {
        let (levels, x, condition) = random_batch(model, batch, 3)?;
        let condition = condition.as_ref();
        let full = model
            .conditionals(&x, condition)
            .and_then(|p| Ok(p.to_dtype(DType::F32)?.flatten(1, 3)?.to_vec3::<f32>()?));
        let full = full.map_err(text)?;
        let dims = model.domain().dims();
        let mut stepper = model.stepper(batch, condition).map_err(text)?;
        for step in 0..model.order().steps() {
            let here: Vec<usize> = model.order().dims_of(step).collect();
            let described: Vec<usize> = described_in(model, step).collect();
            if step >= from {
                let got = stepper.conditionals(step).map_err(text)?;
                let expected = full
                    .iter()
                    .flat_map(|image| described.iter().flat_map(|&d| &image[d]));
                for (g, e) in got.iter().zip(expected) {
                    if (g - e).abs() > 1e-5 * (1.0 + e.abs()) || !g.is_finite() {
                        return Err(format!(
                            "batch {batch}, step {step}: stepwise {g}, full pass {e}"
                        ));
                    }
                }
            }
            let own: Vec<u32> = (0..batch)
                .flat_map(|b| here.iter().map(move |d| b * dims + d))
                .map(|i| levels[i])
                .collect();
            stepper.feed(step, &own).map_err(text)?;
        }
    }
    let (_, _, condition) = random_batch(model, 5, 3)?;
    let options = SampleOptions {
        count: 5,
        seed: 9,
        chunk: 2,
        condition,
        ..Default::default()
    };
    let whole = SampleOptions {
        engine: Engine::WholePass,
        chunk: 5,
        ..options.clone()
    };
    let (a, b) = (
        sample(model, &options, &|_, _| true),
        sample(model, &whole, &|_, _| true),
    );
    let (a, b) = (a.map_err(text)?, b.map_err(text)?);
    if a.levels != b.levels {
        return Err("the two engines draw different samples from one seed".into());
    }
    let drawn = a.to_tensor(model.device()).map_err(text)?;
    let nats = crate::score_images(model, &drawn, options.condition.as_ref()).map_err(text)?;
    for (drawn, full) in a.nats.iter().zip(nats) {
        if (drawn - full).abs() > 1e-4 * (1.0 + full.abs()) {
            return Err(format!("drawn with {drawn} nats, scored with {full}"));
        }
    }
    forks(model)
}

/// A stepper that is forked goes on as the first does, which knows nothing of it, and both refuse what
/// is not their turn.
fn forks(model: &dyn Model) -> Verdict {
    let (levels, _, condition) = random_batch(model, 1, 3)?;
    let order = model.order();
    let own = |step: usize| order.dims_of(step).map(|d| levels[d]).collect::<Vec<u32>>();
    let mut first = model.stepper(1, condition.as_ref()).map_err(text)?;
    let half = order.steps() / 2;
    for step in 0..half {
        first.feed(step, &own(step)).map_err(text)?;
    }
    let mut second = first.fork().map_err(text)?;
    let rest = |stepper: &mut dyn crate::Stepper| -> Result<Vec<f32>, String> {
        let mut all = Vec::new();
        for step in half..order.steps() {
            all.extend_from_slice(stepper.conditionals(step).map_err(text)?);
            stepper.feed(step, &own(step)).map_err(text)?;
        }
        Ok(all)
    };
    if rest(&mut *second)? != rest(&mut *first)? {
        return Err("a fork goes on in another way".into());
    }
    let mut third = model.stepper(1, condition.as_ref()).map_err(text)?;
    let (own, bad) = (own(0), vec![model.domain().levels as u32; own(0).len()]);
    let refused = [
        third.feed(0, &bad).is_err(),
        third.feed(0, &own[1..]).is_err(),
        third.feed(1, &own).is_err(),
        third.conditionals(1).is_err(),
        first.feed(0, &own).is_err(),
    ];
    if refused.iter().all(|refused| *refused) {
        return Ok(());
    }
    Err(format!("a stepper takes what is not its turn: {refused:?}"))
}

/// An image's likelihood does not depend on its neighbours in the batch, bit for bit; the training
/// objective is the mean of the likelihoods.
///
/// # Errors
/// Says which differs.
pub fn batch_independent(model: &dyn Model) -> Verdict {
    let (_, x, condition) = random_batch(model, 5, 4)?;
    let nll = |x: &Tensor, condition: Option<&Tensor>| {
        model
            .nll(x, condition)
            .and_then(|t| Ok(t.to_dtype(DType::F64)?.to_vec1::<f64>()?))
            .map_err(text)
    };
    let all = nll(&x, condition.as_ref())?;
    for (i, expected) in all.iter().enumerate() {
        let own = |t: &Tensor| t.narrow(0, i, 1).map_err(text);
        let condition = condition.as_ref().map(own).transpose()?;
        let one = nll(&own(&x)?, condition.as_ref())?[0];
        if one.to_bits() != expected.to_bits() {
            return Err(format!(
                "image {i}: {expected} nats in a batch, {one} alone"
            ));
        }
    }
    let (loss, _) = model
        .loss_and_gradient(&x, condition.as_ref(), &Pass::default())
        .map_err(text)?;
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    if (loss - mean).abs() > 1e-5 * mean.abs() {
        return Err(format!("loss {loss}, mean of the likelihoods {mean}"));
    }
    Ok(())
}

/// 6: every parameter gets a finite gradient; in f64 it agrees with finite differences, and the
/// f32 route agrees with f64.
///
/// # Errors
/// Names the parameter and the entry.
pub fn gradients(weights: &Weights, build: Build<'_>) -> Verdict {
    let of = |dtype: DType| -> crate::Result<(BTreeMap<String, Vec<f64>>, Example, Weights)> {
        let vars: BTreeMap<String, Var> = weights
            .iter()
            .map(|(name, t)| Ok((name.to_owned(), Var::from_tensor(&t.to_dtype(dtype)?)?)))
            .collect::<crate::Result<_>>()?;
        let named = Weights::from_vars(&vars);
        let model = build(&named)?;
        let d = model.domain();
        let mut rng = stream(5, "harness", &[]);
        let levels: Vec<u32> = (0..3 * d.dims())
            .map(|_| rng.random_range(0..d.levels as u32))
            .collect();
        let x = Tensor::from_vec(levels, (3, d.channels, d.height, d.width), model.device())?;
        let condition = model
            .conditioning()
            .random(3, &d, &mut rng, model.device())?;
        let (_, mut grads) = model.loss_and_gradient(&x, condition.as_ref(), &PASS)?;
        let mut flat = BTreeMap::new();
        for (name, t) in named.iter() {
            if let Some(g) = grads.take(t) {
                flat.insert(
                    name.to_owned(),
                    g.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>()?,
                );
            }
        }
        Ok((flat, (x, condition), named))
    };
    let (single, ..) = of(DType::F32).map_err(text)?;
    let (exact, (x, condition), named) = of(DType::F64).map_err(text)?;
    let loss = |named: &Weights| -> crate::Result<f64> {
        let model = build(named)?;
        Ok(model.loss_and_gradient(&x, condition.as_ref(), &PASS)?.0)
    };
    let mut rng = stream(6, "harness", &[]);
    for (name, t) in named.iter() {
        let (Some(g32), Some(g64)) = (single.get(name), exact.get(name)) else {
            return Err(format!("{name} gets no gradient"));
        };
        let scale = g64.iter().fold(0f64, |m, g| m.max(g.abs())).max(1e-6);
        if let Some(i) =
            (0..g64.len()).find(|&i| (g32[i] - g64[i]).abs() > 2e-3 * scale || !g32[i].is_finite())
        {
            return Err(format!(
                "{name}[{i}]: gradient {} in f32, {} in f64",
                g32[i], g64[i]
            ));
        }
        for _ in 0..4 {
            let i = rng.random_range(0..g64.len());
            let nudged = |by: f64| -> crate::Result<f64> {
                let mut values = t.flatten_all()?.to_vec1::<f64>()?;
                values[i] += by;
                let mut named = named.detached();
                named.insert(
                    name.to_owned(),
                    Tensor::from_vec(values, t.shape(), t.device())?,
                );
                loss(&named)
            };
            // So small that a rectifier hardly ever has its kink within it; f64 has room for that.
            let h = 1e-6;
            let numeric = (nudged(h).map_err(text)? - nudged(-h).map_err(text)?) / (2.0 * h);
            if (numeric - g64[i]).abs() > 1e-4 * scale {
                return Err(format!(
                    "{name}[{i}]: gradient {}, finite difference {numeric}",
                    g64[i]
                ));
            }
        }
    }
    Ok(())
}
