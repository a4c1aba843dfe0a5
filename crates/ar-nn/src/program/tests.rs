//! Every primitive by every route, in raster and other orders, with channels separate and joint.

mod aside;
mod attention;
mod orders;
mod parts;
mod recurrent;
mod streams;

use ar_core::harness::{prove_distribution, prove_network};
use ar_core::{
    ChannelSteps, Conditioning, Distribution, Domain, Kernel, MaskType, Model, Order, Result,
    Weights,
};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::{Builder, Network, Route};
use crate::init::{Initializer, existing};
use crate::{Activation, ConvConfig};

type Describe = fn(&Domain, &Order, Conditioning, &VarBuilder<'_>) -> Result<Network>;

/// A gated residual network on embedded levels.
fn gated(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.embedded_levels(6, &vb.pp("embed"))?;
    let first = ConvConfig {
        kernel: Kernel {
            height: 3,
            width: 5,
            dilation: 1,
        },
        ..ConvConfig::square(3, MaskType::A, 6)
    };
    let h = net.conv(x, first, &vb.pp("first"))?;
    let y = net.norm(h, &vb.pp("norm"))?;
    let look = ConvConfig {
        kernel: Kernel {
            height: 3,
            width: 3,
            dilation: 2,
        },
        ..ConvConfig::square(3, MaskType::B, 12)
    };
    let y = net.conv(y, look.before(Activation::Elu), &vb.pp("look"))?;
    let y = net.condition(y, &vb.pp("condition"))?;
    let y = net.gate(y)?;
    let h = net.residual_conv(y, ConvConfig::pointwise(6), h, &vb.pp("out"))?;
    let h = net.add(h, y)?;
    let outputs = net.outputs();
    let y = net.conv(
        h,
        ConvConfig::pointwise(outputs).before(Activation::Elu),
        &vb.pp("head"),
    )?;
    net.finish(y, vb)
}

/// Dilated taps along the order, over sub-pixels.
fn sequence(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::of_subpixels(domain, order, conditioning)?;
    let x = net.embedded_levels(3, &vb.pp("embed"))?;
    let first = ConvConfig::sequence(3, 1, MaskType::A, 4);
    let mut h = net.conv(x, first, &vb.pp("first"))?;
    for (i, dilation) in [1, 3].into_iter().enumerate() {
        let vb = vb.pp(i);
        let look = ConvConfig::sequence(2, dilation, MaskType::B, 4).for_gate();
        let y = net.conv(h, look, &vb.pp("look"))?;
        let y = net.condition(y, &vb.pp("condition"))?;
        let y = net.gate(y)?;
        h = net.residual_conv(y, ConvConfig::pointwise(4), h, &vb.pp("out"))?;
    }
    let outputs = net.outputs();
    let y = net.conv(h, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

fn smooth(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.scaled_levels();
    let y = net.conv(
        x,
        ConvConfig::square(3, MaskType::A, 7).after(Activation::Elu),
        &vb.pp("first"),
    )?;
    let y = net.condition(y, &vb.pp("condition"))?;
    let y = net.conv(
        y,
        ConvConfig::square(3, MaskType::B, 8).before(Activation::Relu),
        &vb.pp("look"),
    )?;
    let outputs = net.outputs();
    let y = net.conv(y, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

/// Every check of the harness by every route.
fn prove_in(
    describe: impl Fn(&Domain, &Order, Conditioning, &VarBuilder<'_>) -> Result<Network>,
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    tiny: bool,
) {
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    describe(domain, order, conditioning, &vb).unwrap();
    // Biases begin at zero, where a norm of the empty first position has a kink.
    let away = |n: &str, t: &Tensor| {
        if n.ends_with("bias") {
            (t.ones_like()? * 0.2)?.contiguous()
        } else {
            Ok(t.detach())
        }
    };
    let named: Weights = init
        .into_vars()
        .into_iter()
        .map(|(n, v)| (n.clone(), away(&n, v.as_tensor()).unwrap()))
        .collect();
    for route in [Route::Fused, Route::Composite] {
        let build = |named: &Weights| -> Result<Box<dyn Model>> {
            let network = describe(domain, order, conditioning, &existing(named))?;
            Ok(Box::new(if named.dtype() == DType::F32 {
                network.with_route(route)
            } else {
                network
            }))
        };
        let verdict = if tiny {
            prove_distribution(&named, &build)
        } else {
            prove_network(&named, &build)
        };
        verdict.unwrap_or_else(|e| panic!("{route:?} {domain:?} {:?}: {e}", order.name()));
    }
}

fn prove(
    describe: Describe,
    domain: [usize; 4],
    channels: ChannelSteps,
    shuffled: bool,
    conditioning: Conditioning,
    tiny: bool,
) {
    let [c, h, w, k] = domain;
    let domain = Domain::new(c, h, w, k).unwrap();
    let order = if shuffled {
        let n = domain.positions() as u32;
        let step = (2..n)
            .find(|&s| (2..=s).all(|d| !(n.is_multiple_of(d) && s.is_multiple_of(d))))
            .unwrap_or(1);
        Order::permutation(
            &domain,
            channels,
            (0..n).map(|i| (i * step + 1) % n).collect(),
        )
        .unwrap()
    } else {
        Order::raster(&domain, channels)
    };
    prove_in(describe, &domain, &order, conditioning, tiny);
}

#[test]
fn networks_of_every_primitive_are_proved() {
    use ChannelSteps::{Joint, Separate};
    let none = Conditioning::None;
    for shuffled in [false, true] {
        for describe in [gated as Describe, smooth] {
            prove(describe, [1, 5, 7, 4], Separate, shuffled, none, false);
            prove(describe, [3, 3, 4, 3], Separate, shuffled, none, false);
            prove(describe, [2, 4, 3, 3], Joint, shuffled, none, false);
            prove(describe, [1, 1, 9, 2], Separate, shuffled, none, false);
        }
        prove(sequence, [1, 3, 7, 4], Separate, shuffled, none, false);
        prove(sequence, [3, 2, 3, 3], Separate, shuffled, none, false);
    }
}

#[test]
fn conditions_reach_every_value() {
    for conditioning in [
        Conditioning::Class { classes: 3 },
        Conditioning::Vector { size: 2 },
        Conditioning::Map {
            features: 2,
            every: 1,
        },
    ] {
        for describe in [gated as Describe, smooth, sequence] {
            let channels = ChannelSteps::Separate;
            prove(describe, [2, 3, 4, 3], channels, false, conditioning, false);
            prove(describe, [1, 2, 3, 2], channels, true, conditioning, true);
        }
    }
}

#[test]
fn they_are_distributions_and_samples_follow() {
    let none = Conditioning::None;
    for shuffled in [false, true] {
        for channels in [ChannelSteps::Separate, ChannelSteps::Joint] {
            prove(gated, [2, 1, 3, 3], channels, shuffled, none, true);
        }
        let channels = ChannelSteps::Separate;
        prove(smooth, [1, 3, 3, 2], channels, shuffled, none, true);
        prove(sequence, [2, 1, 3, 3], channels, shuffled, none, true);
    }
}

#[test]
fn memory_of_a_step_pass_does_not_grow_with_the_length() {
    let slots = |length: usize| {
        let domain = Domain::new(1, 1, length, 4).unwrap();
        let order = Order::raster(&domain, ChannelSteps::Separate);
        let init = Initializer::new(5);
        let vb = init.builder(DType::F32, &Device::Cpu);
        let net = sequence(&domain, &order, Conditioning::None, &vb).unwrap();
        let program = net.program();
        (0..program.values())
            .map(|v| program.schedule().slots[v])
            .collect::<Vec<_>>()
    };
    assert_eq!(slots(100), slots(10_000));
    assert!(slots(100).iter().all(|&s| s <= 4), "{:?}", slots(100));
}

#[test]
fn the_gradient_of_a_condition_is_to_be_had() {
    let domain = Domain::new(1, 3, 4, 3).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let net = gated(&domain, &order, Conditioning::Vector { size: 2 }, &vb).unwrap();
    let x = Tensor::zeros((2, 1, 3, 4), DType::U32, &Device::Cpu).unwrap();
    let condition = Tensor::new(&[[0.5f32, -1.0], [0.2, 0.3]], &Device::Cpu).unwrap();
    let var = candle_core::Var::from_tensor(&condition).unwrap();
    let loss = |condition: &Tensor| net.nll(&x, Some(condition)).unwrap().mean(0).unwrap();
    let (tracked, plain) = (loss(&var), loss(&condition));
    let [a, b] = [&tracked, &plain].map(|t| t.to_scalar::<f64>().unwrap());
    assert!((a - b).abs() < 1e-4);
    let gradient = tracked
        .backward()
        .unwrap()
        .get(&var)
        .unwrap()
        .abs()
        .unwrap();
    assert!(gradient.sum_all().unwrap().to_scalar::<f32>().unwrap() > 0.0);
}

#[test]
fn a_network_that_sees_its_target_is_refused() {
    let domain = Domain::new(1, 3, 3, 2).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let mut net = Builder::new(&domain, &order, Conditioning::None);
    let x = net.scaled_levels();
    let y = net
        .conv(x, ConvConfig::square(3, MaskType::B, 1), &vb)
        .unwrap();
    assert!(
        net.finish(y, &vb)
            .unwrap_err()
            .to_string()
            .contains("type A")
    );
}

#[test]
fn levels_out_of_range_and_other_shapes_are_errors() {
    let domain = Domain::new(1, 3, 3, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let net = smooth(
        &domain,
        &order,
        Conditioning::None,
        &init.builder(DType::F32, &Device::Cpu),
    )
    .unwrap();
    let of = |level: u32, shape: (usize, usize, usize, usize)| {
        Tensor::full(level, shape, &Device::Cpu).unwrap()
    };
    assert!(net.nll(&of(3, (2, 1, 3, 3)), None).is_ok());
    assert!(net.nll(&of(4, (2, 1, 3, 3)), None).is_err());
    assert!(
        net.conditionals(&of(0, (2, 1, 3, 2)), None)
            .unwrap_err()
            .to_string()
            .contains("(B, 1, 3, 3)")
    );
}

/// A sigmoid put together from exponentials has no gradient where they overflow.
#[test]
fn gates_that_are_shut_have_a_gradient_on_tensors() {
    let shut = candle_core::Var::new(&[[-200f32, -100.0, 0.0, 200.0]], &Device::Cpu).unwrap();
    let sum = crate::activation::sigmoid_of(&shut)
        .unwrap()
        .sum_all()
        .unwrap();
    let gradient = sum
        .backward()
        .unwrap()
        .get(&shut)
        .unwrap()
        .to_vec2::<f32>()
        .unwrap();
    assert_eq!(gradient, [[0.0, 0.0, 0.25, 0.0]]);
}

#[test]
fn a_batch_of_nothing_is_an_error_by_every_route() {
    let domain = Domain::new(1, 1, 1, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    for route in [Route::Fused, Route::Composite] {
        let vb = Initializer::new(5).builder(DType::F32, &Device::Cpu);
        let net = smooth(&domain, &order, Conditioning::None, &vb)
            .unwrap()
            .with_route(route);
        let empty = Tensor::zeros((0, 1, 1, 1), DType::U32, &Device::Cpu).unwrap();
        assert!(net.nll(&empty, None).is_err());
        assert!(
            net.loss_and_gradient(&empty, None, &ar_core::Pass::default())
                .is_err()
        );
        // The smallest image there is.
        ar_core::harness::step_equals_full(&net).unwrap();
    }
}

#[test]
fn images_may_weigh_differently_in_the_gradient() {
    let domain = Domain::new(1, 4, 3, 3).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let net = gated(
        &domain,
        &order,
        Conditioning::None,
        &init.builder(DType::F32, &Device::Cpu),
    )
    .unwrap();
    let vars = init.into_vars();
    let x: Vec<u32> = (0..36).map(|i| i % 3).collect();
    let x = Tensor::from_vec(x, (3, 1, 4, 3), &Device::Cpu).unwrap();
    let weights = Tensor::new(&[0.5f64, 0.0, 2.0], &Device::Cpu).unwrap();
    let mut all = Vec::new();
    for net in [net.with_route(Route::Fused), {
        let named = vars
            .iter()
            .map(|(n, v)| (n.clone(), v.as_tensor().clone()))
            .collect();
        gated(&domain, &order, Conditioning::None, &existing(&named))
            .unwrap()
            .with_route(Route::Composite)
    }] {
        let loss = (net.nll(&x, None).unwrap() * &weights)
            .unwrap()
            .sum_all()
            .unwrap();
        let grads = loss.backward().unwrap();
        all.push(
            grads
                .get(&vars["look.weight"])
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap(),
        );
    }
    assert!(
        all[0]
            .iter()
            .zip(&all[1])
            .all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs()))
    );
}

/// 257 is no number of this type, nor is 999: they would be their neighbours.
#[test]
fn in_half_precision_levels_and_classes_stay_what_they_are() {
    let domain = Domain::new(1, 1, 4, 300).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let conditioning = Conditioning::Class { classes: 1001 };
    sequence(&domain, &order, conditioning, &vb).unwrap();
    let named: Weights = init
        .into_vars()
        .into_iter()
        .map(|(n, v)| (n, v.as_tensor().to_dtype(DType::BF16).unwrap()))
        .collect();
    let net = sequence(&domain, &order, conditioning, &existing(&named)).unwrap();
    let of = |level: u32, class: u32| {
        let x = Tensor::full(level, (1, 1, 1, 4), &Device::Cpu).unwrap();
        let class = Tensor::new(&[class], &Device::Cpu).unwrap();
        let all = net.conditionals(&x, Some(&class)).unwrap();
        let all = all.to_dtype(DType::F32).unwrap().flatten_all().unwrap();
        all.to_vec1::<f32>().unwrap()
    };
    assert!(of(257, 999) != of(256, 999));
    assert!(of(257, 999) != of(257, 1000));
    assert!(of(257, 999) == of(257, 999));
}
