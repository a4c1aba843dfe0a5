//! A linear autoregressive model of binary vectors, its data, and a run of both.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

use ar_core::{
    Blueprint, ChannelSteps, Distribution, Domain, Gradients, Likelihood, Model, Order, Pass,
    Stepper, Weights, nll_of,
};
use ar_train::{
    Batch, BatchSource, BoxError, Manifest, Observer, Outcome, Result, RunDirectory, StepMetrics,
    TrainConfig, Trainer, ValidationMetrics,
};
use candle_core::{DType, Device, Tensor, Var};
use serde_json::json;

const DIMS: usize = 6;
const BATCH: usize = 4;
const BATCHES: u64 = 5;

/// logit of xᵢ = biasᵢ + Σⱼ﹤ᵢ weightᵢⱼ xⱼ.
#[derive(Debug)]
struct Linear {
    order: Order,
    weight: Tensor,
    bias: Tensor,
    /// Adds a zero to the loss whose gradient is not a number.
    kinked: bool,
}

fn domain() -> Domain {
    Domain::new(1, 1, DIMS, 2).unwrap()
}

impl Distribution for Linear {
    fn domain(&self) -> Domain {
        domain()
    }

    fn device(&self) -> &Device {
        self.weight.device()
    }

    fn members(&self) -> Vec<&dyn Model> {
        vec![self]
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> ar_core::Result<Tensor> {
        nll_of(self, levels, condition)
    }

    fn loss_and_gradient(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        _: &Pass,
    ) -> ar_core::Result<(f64, Gradients)> {
        let mut loss = self.nll(levels, condition)?.mean(0)?;
        if self.kinked {
            let same = &self.bias;
            let kink = (&self.bias - same)?.sqrt()?.sum_all()?;
            loss = (loss + kink.to_dtype(DType::F64)?)?;
        }
        Gradients::of_loss(&loss)
    }
}

impl Model for Linear {
    fn order(&self) -> &Order {
        &self.order
    }

    fn likelihood(&self) -> Likelihood {
        Likelihood::Bernoulli
    }

    fn depends_on(&self, step: usize) -> Vec<usize> {
        (0..step).collect()
    }

    fn conditionals(&self, levels: &Tensor, _: Option<&Tensor>) -> ar_core::Result<Tensor> {
        let batch = domain().batch_of(levels)?;
        let x = levels.to_dtype(DType::F32)?.reshape((batch, DIMS))?;
        let mask: Vec<f32> = (0..DIMS * DIMS)
            .map(|k| f32::from(k % DIMS < k / DIMS))
            .collect();
        let mask = Tensor::from_vec(mask, (DIMS, DIMS), levels.device())?;
        let logits = x
            .matmul(&(&self.weight * mask)?.t()?)?
            .broadcast_add(&self.bias)?;
        Ok(logits.reshape((batch, 1, 1, DIMS, 1))?)
    }

    fn stepper(&self, _: usize, _: Option<&Tensor>) -> ar_core::Result<Box<dyn Stepper + '_>> {
        Err(ar_core::Error::Cancelled)
    }
}

#[derive(Debug)]
pub(crate) struct Plan;

/// [`Plan`] with a finite loss whose gradient is not.
#[derive(Debug)]
pub(crate) struct Kinked;

fn build(weights: &Weights, kinked: bool) -> ar_core::Result<Box<dyn Distribution>> {
    let get = |name: &str| {
        weights
            .get(name)
            .cloned()
            .ok_or_else(|| ar_core::Error::config(name, "is missing"))
    };
    let order = Order::raster(&domain(), ChannelSteps::Separate);
    Ok(Box::new(Linear {
        order,
        weight: get("weight")?,
        bias: get("bias")?,
        kinked,
    }))
}

impl Blueprint for Plan {
    fn build(&self, weights: &Weights) -> ar_core::Result<Box<dyn Distribution>> {
        build(weights, false)
    }
}

impl Blueprint for Kinked {
    fn build(&self, weights: &Weights) -> ar_core::Result<Box<dyn Distribution>> {
        build(weights, true)
    }
}

pub(crate) fn parameters() -> BTreeMap<String, Var> {
    let values = |n: usize| (0..n).map(|i| 0.1 * (i as f32).cos()).collect::<Vec<_>>();
    let weight = Var::from_vec(values(DIMS * DIMS), (DIMS, DIMS), &Device::Cpu).unwrap();
    let bias = Var::from_vec(values(DIMS), DIMS, &Device::Cpu).unwrap();
    [("weight".to_owned(), weight), ("bias".to_owned(), bias)].into()
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        model: "linear".to_owned(),
        config: json!({"rate": 0.1, "names": ["a", "b"]}),
        domain: json!({"channels": 1}),
        conditioning: json!(null),
        order: json!("raster"),
        dataset: json!({"name": "parity", "fingerprint": "00ff"}),
    }
}

/// Vectors whose values repeat the one before, mostly; every epoch has its own.
pub(crate) struct Parity;

fn batch(seed: u64) -> Batch {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bits = Vec::new();
    for k in 0..BATCH * DIMS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let same = k % DIMS > 0 && !state.is_multiple_of(8);
        bits.push(if same {
            bits[k - 1]
        } else {
            (state >> 20) as u32 & 1
        });
    }
    Batch {
        levels: Tensor::from_vec(bits, (BATCH, 1, 1, DIMS), &Device::Cpu).unwrap(),
        condition: None,
        scored: None,
    }
}

impl BatchSource for Parity {
    fn batches_per_epoch(&self) -> u64 {
        BATCHES
    }

    fn epoch(
        &self,
        epoch: u64,
        skip: u64,
    ) -> Box<dyn Iterator<Item = std::result::Result<Batch, BoxError>> + '_> {
        Box::new((skip..BATCHES).map(move |index| Ok(batch(1000 * epoch + index + 1))))
    }
}

pub(crate) fn validate(model: &dyn Distribution) -> std::result::Result<f64, BoxError> {
    Ok(model
        .nll(&batch(77).levels, None)?
        .mean(0)?
        .to_scalar::<f64>()?)
}

/// Notes what it is told, and asks to stop after some steps.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) stop_after: Option<u64>,
    pub(crate) steps: Vec<StepMetrics>,
    pub(crate) validations: Vec<ValidationMetrics>,
    pub(crate) samples: Vec<u64>,
    pub(crate) checkpoints: Vec<u64>,
    pub(crate) asked: Cell<u64>,
}

impl Observer for Notes {
    fn step(&mut self, metrics: &StepMetrics) {
        self.steps.push(*metrics);
    }

    fn validated(&mut self, metrics: &ValidationMetrics) {
        self.validations.push(*metrics);
    }

    fn sample_due(
        &mut self,
        model: &dyn Distribution,
        step: u64,
    ) -> std::result::Result<(), BoxError> {
        assert_eq!(model.domain(), domain());
        self.samples.push(step);
        Ok(())
    }

    fn checkpointed(&mut self, step: u64, path: &Path) {
        assert!(path.is_file());
        self.checkpoints.push(step);
    }

    fn should_stop(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.stop_after
            .is_some_and(|steps| self.steps.len() as u64 >= steps)
    }
}

/// Twenty-three steps: four epochs and a part of the fifth.
pub(crate) fn config() -> TrainConfig {
    TrainConfig {
        steps: Some(23),
        learning_rate: 0.03,
        warmup_steps: 4,
        weight_decay: 0.01,
        clip_norm: 0.8,
        ema_decay: 0.9,
        checkpoint_every: 4,
        validate_every: 6,
        sample_every: 10,
        log_every: 3,
        ..TrainConfig::default()
    }
}

/// Begins a run in `path` and trains it until it ends or `notes` stops it.
pub(crate) fn begin(path: &Path, config: TrainConfig, notes: &mut Notes) -> Result<Outcome> {
    let run = RunDirectory::create(path)?;
    Trainer::new(&Plan, &parameters(), manifest(), config, &run)?.train(&Parity, &validate, notes)
}

/// Goes on with the run in `path`.
pub(crate) fn go_on(path: &Path, config: TrainConfig, notes: &mut Notes) -> Result<Outcome> {
    let run = RunDirectory::open(path)?;
    Trainer::resume(&Plan, config, &run, &Device::Cpu)?.train(&Parity, &validate, notes)
}
