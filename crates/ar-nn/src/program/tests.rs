//! Every primitive by every route, in raster and other orders, with channels separate and joint.

use std::collections::BTreeMap;

use ar_core::harness::{Named, prove_distribution, prove_network};
use ar_core::{ChannelSteps, Domain, Kernel, MaskType, Model, Order, Result};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::{Builder, Network, Route};
use crate::init::{Initializer, existing};
use crate::{Activation, ConvConfig};

type Describe = fn(&Domain, &Order, &VarBuilder<'_>) -> Result<Network>;

/// A gated residual network on embedded levels.
fn gated(domain: &Domain, order: &Order, vb: &VarBuilder<'_>) -> Result<Network> {
    let mut net = Builder::new(domain, order);
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

fn smooth(domain: &Domain, order: &Order, vb: &VarBuilder<'_>) -> Result<Network> {
    let mut net = Builder::new(domain, order);
    let x = net.scaled_levels();
    let y = net.conv(
        x,
        ConvConfig::square(3, MaskType::A, 7).after(Activation::Elu),
        &vb.pp("first"),
    )?;
    let y = net.conv(
        y,
        ConvConfig::square(3, MaskType::B, 8).before(Activation::Relu),
        &vb.pp("look"),
    )?;
    let outputs = net.outputs();
    let y = net.conv(y, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

fn prove(
    describe: Describe,
    domain: [usize; 4],
    channels: ChannelSteps,
    shuffled: bool,
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
    let init = Initializer::new(5);
    describe(&domain, &order, &init.builder(DType::F32, &Device::Cpu)).unwrap();
    // Biases begin at zero, where a norm of the empty first position has a kink.
    let away = |n: &str, t: &Tensor| {
        if n.ends_with("bias") {
            (t.ones_like()? * 0.2)?.contiguous()
        } else {
            Ok(t.detach())
        }
    };
    let named: Named = init
        .into_vars()
        .into_iter()
        .map(|(n, v)| (n.clone(), away(&n, v.as_tensor()).unwrap()))
        .collect();
    for route in [Route::Fused, Route::Composite] {
        let build = |named: &BTreeMap<String, Tensor>| -> Result<Box<dyn Model>> {
            let dtype = named.values().next().map_or(DType::F32, Tensor::dtype);
            let network = describe(&domain, &order, &existing(named, dtype, &Device::Cpu))?;
            Ok(Box::new(if dtype == DType::F32 {
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
        verdict.unwrap_or_else(|e| {
            panic!("{route:?} {domain:?} {channels:?} shuffled {shuffled}: {e}")
        });
    }
}

#[test]
fn networks_of_every_primitive_are_proved() {
    use ChannelSteps::{Joint, Separate};
    for shuffled in [false, true] {
        for describe in [gated as Describe, smooth] {
            prove(describe, [1, 5, 7, 4], Separate, shuffled, false);
            prove(describe, [3, 3, 4, 3], Separate, shuffled, false);
            prove(describe, [2, 4, 3, 3], Joint, shuffled, false);
            prove(describe, [1, 1, 9, 2], Separate, shuffled, false);
        }
    }
}

#[test]
fn they_are_distributions_and_samples_follow() {
    for shuffled in [false, true] {
        prove(gated, [2, 1, 3, 3], ChannelSteps::Separate, shuffled, true);
        prove(gated, [2, 1, 3, 3], ChannelSteps::Joint, shuffled, true);
        prove(smooth, [1, 3, 3, 2], ChannelSteps::Separate, shuffled, true);
    }
}

#[test]
fn a_network_that_sees_its_target_is_refused() {
    let domain = Domain::new(1, 3, 3, 2).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let mut net = Builder::new(&domain, &order);
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
    let net = smooth(&domain, &order, &init.builder(DType::F32, &Device::Cpu)).unwrap();
    let of = |level: u32, shape: (usize, usize, usize, usize)| {
        Tensor::full(level, shape, &Device::Cpu).unwrap()
    };
    assert!(net.nll(&of(3, (2, 1, 3, 3))).is_ok());
    assert!(net.nll(&of(4, (2, 1, 3, 3))).is_err());
    assert!(
        net.parameters(&of(0, (2, 1, 3, 2)))
            .unwrap_err()
            .to_string()
            .contains("(B, 1, 3, 3)")
    );
}

#[test]
fn images_may_weigh_differently_in_the_gradient() {
    let domain = Domain::new(1, 4, 3, 3).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let net = gated(&domain, &order, &init.builder(DType::F32, &Device::Cpu)).unwrap();
    let vars = init.into_vars();
    let x: Vec<u32> = (0..36).map(|i| i % 3).collect();
    let x = Tensor::from_vec(x, (3, 1, 4, 3), &Device::Cpu).unwrap();
    let weights = Tensor::new(&[0.5f32, 0.0, 2.0], &Device::Cpu).unwrap();
    let mut all = Vec::new();
    for net in [net.with_route(Route::Fused), {
        let named = vars
            .iter()
            .map(|(n, v)| (n.clone(), v.as_tensor().clone()))
            .collect();
        gated(&domain, &order, &existing(&named, DType::F32, &Device::Cpu))
            .unwrap()
            .with_route(Route::Composite)
    }] {
        let loss = (net.nll(&x).unwrap() * &weights)
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
