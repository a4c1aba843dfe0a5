//! Classes by Bayes' rule, as the values of an image arrive.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::Arc;

use ar_core::{
    ChannelSteps, Conditioning, Distribution, Domain, Likelihood, Mixture, Model, Order, Result,
    Stepper, class_log_likelihoods, class_log_likelihoods_by_step, nll_of, random, score_steps,
};
use candle_core::{DType, Device, Tensor};
use common::Chain;

/// A chain whose logits are a class's multiple of what they are.
#[derive(Debug)]
struct ByClass(Chain);

impl Distribution for ByClass {
    fn domain(&self) -> Domain {
        self.0.domain
    }

    fn conditioning(&self) -> Conditioning {
        Conditioning::Class { classes: 3 }
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn members(&self) -> Vec<&dyn Model> {
        vec![self]
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        nll_of(self, levels, condition)
    }
}

impl Model for ByClass {
    fn order(&self) -> &Order {
        &self.0.order
    }

    fn likelihood(&self) -> Likelihood {
        self.0.likelihood()
    }

    fn depends_on(&self, step: usize) -> Vec<usize> {
        self.0.depends_on(step)
    }

    fn conditionals(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        let logits = self.0.conditionals(levels, None)?;
        let scale = condition.unwrap().to_dtype(DType::F32)?;
        Ok(logits.broadcast_mul(&scale.reshape(((), 1, 1, 1, 1))?)?)
    }

    fn stepper(&self, batch: usize, _: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>> {
        self.0.stepper(batch, None)
    }
}

fn by_class(seed: u64) -> ByClass {
    let domain = Domain::new(2, 3, 5, 4).unwrap();
    let mut rng = random::stream(seed, "test", &[]);
    ByClass(Chain {
        domain,
        order: Order::random(&domain, ChannelSteps::Separate, &mut rng),
        leak: None,
        drifts: false,
    })
}

fn images() -> Tensor {
    let levels = (0..60).map(|i| (i * 7 % 11) as u32 % 4).collect();
    let domain = Domain::new(2, 3, 5, 4).unwrap();
    domain.tensor(levels, &Device::Cpu).unwrap()
}

#[test]
fn all_steps_together_are_the_image() {
    let (model, levels) = (by_class(0), images());
    let by_step = class_log_likelihoods_by_step(&model, &levels).unwrap();
    let whole = class_log_likelihoods(&model, &levels).unwrap();
    for (rows, whole) in by_step.iter().zip(&whole) {
        assert_eq!((rows.len(), rows[0].len()), (30, 3));
        for (a, b) in rows[29].iter().zip(whole) {
            assert!((a - b).abs() < 1e-4, "{a} {b}");
        }
        // Class 0 is uniform, whatever is known.
        for (step, row) in rows.iter().enumerate() {
            let uniform = -(step as f64 + 1.0) * 4f64.ln();
            assert!((row[0] - uniform).abs() < 1e-4, "{step}: {row:?}");
        }
    }
}

#[test]
fn a_step_is_scored_given_those_before_it_alone() {
    let (model, levels) = (by_class(1), images());
    let class = Tensor::full(2u32, 2, &Device::Cpu).unwrap();
    let nats = score_steps(&model, &levels, Some(&class)).unwrap();
    // Another value in step 20 is another likelihood from there on.
    let mut changed = levels.flatten_all().unwrap().to_vec1::<u32>().unwrap();
    let at = model.order().dims_of(20).next().unwrap();
    changed[at] = (changed[at] + 1) % 4;
    let changed = model.domain().tensor(changed, &Device::Cpu).unwrap();
    let others = score_steps(&model, &changed, Some(&class)).unwrap();
    assert_eq!(nats[0][..20], others[0][..20]);
    assert!(nats[0][20] != others[0][20] && nats[1] == others[1]);
}

#[test]
fn a_mixture_averages_what_its_members_say_in_one_order() {
    let levels = images();
    let mixture = |seeds: [u64; 2]| {
        let members = seeds.map(|seed| Arc::new(by_class(seed)) as Arc<dyn Model>);
        Mixture::new(members.to_vec()).unwrap()
    };
    let alone = class_log_likelihoods_by_step(&by_class(0), &levels).unwrap();
    let twice = class_log_likelihoods_by_step(&mixture([0, 0]), &levels).unwrap();
    for (a, b) in alone.concat().concat().iter().zip(twice.concat().concat()) {
        assert!((a - b).abs() < 1e-9, "{a} {b}");
    }
    let error = class_log_likelihoods_by_step(&mixture([0, 1]), &levels).unwrap_err();
    assert!(error.to_string().contains("orders"), "{error}");
}
