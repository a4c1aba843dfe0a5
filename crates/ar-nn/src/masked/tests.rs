use ar_core::random::stream;
use ar_core::{ChannelSteps, Conditioning, Domain, Model, Order, harness};
use candle_core::{DType, Device};

use super::step::MaskedStepper;
use super::{Degrees, InputCoding, MaskedConfig, MaskedNetwork};
use crate::init::Initializer;

fn network(domain: &Domain, config: &MaskedConfig, seed: u64) -> MaskedNetwork {
    let mut rng = stream(seed, "test", &[]);
    let order = Order::random(domain, ChannelSteps::Separate, &mut rng);
    let vb = Initializer::new(seed).builder(DType::F32, &Device::Cpu);
    MaskedNetwork::new(domain, &order, Conditioning::None, config, &vb).unwrap()
}

fn config(domain: &Domain, hidden: &[usize], direct: bool, seed: u64) -> MaskedConfig {
    let mut rng = stream(seed, "degrees", &[]);
    MaskedConfig {
        degrees: Degrees::random(domain.dims(), hidden, &mut rng),
        input: InputCoding::Scaled,
        direct,
    }
}

#[test]
fn each_unit_is_computed_once_and_as_soon_as_it_can() {
    let domain = Domain::new(2, 3, 2, 2).unwrap();
    let config = config(&domain, &[30, 20], true, 1);
    let network = network(&domain, &config, 2);
    let mut stepper = MaskedStepper::new(&network, 3, None).unwrap();
    for step in 0..12 {
        let known = config.degrees.layers().iter();
        let known = known.map(|layer| layer.iter().filter(|&&m| m as usize <= step).count());
        ar_core::Stepper::conditionals(&mut stepper, step).unwrap();
        assert_eq!(stepper.computed(), known.collect::<Vec<_>>());
        ar_core::Stepper::feed(&mut stepper, step, &[1, 0, 1]).unwrap();
    }
    assert_eq!(stepper.computed(), [30, 20]);
}

/// Several values may come in one step, side by side in the outputs.
#[test]
fn joint_channels_are_one_step() {
    let domain = Domain::new(3, 2, 2, 3).unwrap();
    let config = MaskedConfig {
        degrees: Degrees::cyclic(4, &[30]),
        input: InputCoding::OneHot,
        direct: true,
    };
    let mut rng = stream(1, "test", &[]);
    let order = Order::random(&domain, ChannelSteps::Joint, &mut rng);
    let vb = Initializer::new(1).builder(DType::F32, &Device::Cpu);
    let network = MaskedNetwork::new(&domain, &order, Conditioning::None, &config, &vb).unwrap();
    harness::step_equals_full(&network).unwrap();
    harness::no_leak_and_alive(&network).unwrap();
}

/// Whether a weight from a unit known after `from` steps to one known after `to` is live.
fn product_of_masks(layers: &[Vec<u32>]) -> Vec<Vec<bool>> {
    let live = |from: &[u32], to: &[u32]| -> Vec<Vec<bool>> {
        let row = |f: &u32| to.iter().map(|t| f <= t).collect();
        from.iter().map(row).collect()
    };
    let masks = layers.windows(2).map(|ends| live(&ends[0], &ends[1]));
    masks
        .reduce(|a, b| {
            let row = |row: &Vec<bool>| {
                let reaches = |j: usize| row.iter().zip(&b).any(|(x, to)| *x && to[j]);
                (0..b[0].len()).map(reaches).collect()
            };
            a.iter().map(row).collect()
        })
        .unwrap()
}

#[test]
fn dependence_is_the_product_of_the_masks() {
    let domain = Domain::new(3, 1, 3, 2).unwrap();
    // Few units: many connections that the order allows do not exist.
    for (seed, hidden) in [(1, &[3][..]), (2, &[4, 2]), (3, &[2, 5, 3]), (4, &[9])] {
        let config = config(&domain, hidden, false, seed);
        let network = network(&domain, &config, seed);
        let order = network.order();
        let step_of = |d: usize| order.step_of(d / 3, d % 3) as u32;
        let mut layers = vec![(0..9).map(|d| step_of(d) + 1).collect::<Vec<_>>()];
        layers.extend(config.degrees.layers().iter().cloned());
        layers.push((0..9).map(step_of).collect());
        let (reaches, declared) = (product_of_masks(&layers), network.dependence());
        for (d, reaches) in reaches.iter().enumerate() {
            for (o, reaches) in reaches.iter().enumerate() {
                let step = step_of(o) as usize;
                assert_eq!(
                    declared.contains(step, d),
                    *reaches,
                    "{hidden:?}: {o} of {d}"
                );
            }
        }
    }
}

#[test]
fn what_cannot_be_built_names_the_field() {
    let domain = Domain::new(1, 2, 2, 2).unwrap();
    let build = |domain: &Domain, config: &MaskedConfig| {
        let order = Order::raster(domain, ChannelSteps::Separate);
        let vb = Initializer::new(1).builder(DType::F32, &Device::Cpu);
        let built = MaskedNetwork::new(domain, &order, Conditioning::None, config, &vb);
        built.unwrap_err().to_string()
    };
    assert!(build(&domain, &config(&domain, &[], false, 1)).contains("direct"));
    assert!(build(&domain, &config(&domain, &[0], true, 1)).contains("hidden"));
    let other = Domain::new(1, 1, 3, 2).unwrap();
    assert!(build(&other, &config(&domain, &[50], true, 1)).contains("degrees"));
    let large = Domain::new(3, 64, 64, 256).unwrap();
    assert!(build(&large, &config(&large, &[1], true, 1)).contains("direct"));
}
