//! Recurrences over rows, diagonals and sequences by every route.

use ar_core::{
    ChannelSteps, Conditioning, Distribution, Domain, Kernel, MaskType, Order, Pass, Result,
};
use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::{Describe, prove};
use crate::init::{Initializer, existing};
use crate::{Builder, ConvConfig, Direction, Network, Route};

pub(super) fn row(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.scaled_levels();
    let mut h = net.conv(x, ConvConfig::square(3, MaskType::A, 6), &vb.pp("first"))?;
    for i in 0..2 {
        let vb = vb.pp(i);
        let beside = ConvConfig {
            kernel: Kernel {
                height: 1,
                width: 3,
                dilation: 1,
            },
            ..ConvConfig::square(3, MaskType::B, 5).for_lstm()
        };
        let gates = net.conv(h, beside, &vb.pp("i2s"))?;
        let gates = net.condition(gates, &vb.pp("condition"))?;
        let y = net.row_lstm(gates, 3, &vb.pp("s2s"))?;
        h = net.residual_conv(y, ConvConfig::pointwise(6), h, &vb.pp("out"))?;
    }
    let outputs = net.outputs();
    let y = net.conv(h, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

fn diagonal(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.scaled_levels();
    let mut h = net.conv(x, ConvConfig::square(3, MaskType::A, 6), &vb.pp("first"))?;
    for i in 0..2 {
        let vb = vb.pp(i);
        let mut half = |direction, vb: VarBuilder<'_>| {
            let gates = net.conv(h, ConvConfig::pointwise(5).for_lstm(), &vb.pp("i2s"))?;
            let gates = net.condition(gates, &vb.pp("condition"))?;
            net.diagonal_lstm(gates, direction, &vb.pp("s2s"))
        };
        let right = half(Direction::Right, vb.pp("right"))?;
        let left = half(Direction::Left, vb.pp("left"))?;
        let both = net.add(right, left)?;
        h = net.residual_conv(both, ConvConfig::pointwise(6), h, &vb.pp("out"))?;
    }
    let outputs = net.outputs();
    let y = net.conv(h, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

/// An LSTM and a GRU in turn.
fn along_the_order(mut net: Builder, vb: &VarBuilder<'_>) -> Result<Network> {
    let x = net.scaled_levels();
    let first = ConvConfig::sequence(2, 1, MaskType::A, 6);
    let mut h = net.conv(x, first, &vb.pp("first"))?;
    for i in 0..2 {
        let vb = vb.pp(i);
        let gates = ConvConfig::pointwise(6);
        let gates = if i == 0 {
            gates.for_lstm()
        } else {
            gates.for_gru()
        };
        let gates = net.conv(h, gates, &vb.pp("i2s"))?;
        let gates = net.condition(gates, &vb.pp("condition"))?;
        let y = if i == 0 {
            net.sequence_lstm(gates, &vb.pp("s2s"))?
        } else {
            net.sequence_gru(gates, &vb.pp("s2s"))?
        };
        h = net.add(h, y)?;
    }
    let outputs = net.outputs();
    let y = net.conv(h, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

fn pixels(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    along_the_order(Builder::new(domain, order, conditioning), vb)
}

fn subpixels(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    along_the_order(Builder::of_subpixels(domain, order, conditioning)?, vb)
}

#[test]
fn rows_and_diagonals_are_proved() {
    use ChannelSteps::{Joint, Separate};
    let none = Conditioning::None;
    for describe in [row as Describe, diagonal] {
        prove(describe, [1, 4, 5, 4], Separate, false, none, false);
        prove(describe, [3, 2, 3, 3], Separate, false, none, false);
        prove(describe, [2, 3, 3, 3], Joint, false, none, false);
        prove(describe, [1, 5, 1, 2], Separate, false, none, false);
        prove(describe, [2, 2, 2, 2], Separate, false, none, true);
    }
    prove(row, [1, 1, 5, 2], Separate, false, none, false);
    let class = Conditioning::Class { classes: 3 };
    prove(row, [2, 3, 3, 3], Separate, false, class, false);
    prove(diagonal, [2, 3, 3, 3], Separate, false, class, false);
}

#[test]
fn sequences_are_proved() {
    use ChannelSteps::{Joint, Separate};
    let none = Conditioning::None;
    for shuffled in [false, true] {
        prove(subpixels, [1, 3, 4, 4], Separate, shuffled, none, false);
        prove(subpixels, [3, 2, 2, 3], Separate, shuffled, none, false);
        prove(pixels, [3, 2, 3, 3], Separate, shuffled, none, false);
        prove(pixels, [2, 3, 2, 3], Joint, shuffled, none, false);
        prove(subpixels, [2, 1, 3, 3], Separate, shuffled, none, true);
        let map = Conditioning::Map {
            features: 2,
            every: 1,
        };
        prove(subpixels, [2, 2, 3, 3], Separate, shuffled, map, false);
    }
}

fn refusal(describe: Describe, order: &Order, domain: &Domain) -> String {
    let vb = Initializer::new(5).builder(DType::F32, &Device::Cpu);
    let refused = describe(domain, order, Conditioning::None, &vb);
    refused.unwrap_err().to_string()
}

#[test]
fn rows_and_diagonals_need_raster_order() {
    let domain = Domain::new(1, 1, 3, 2).unwrap();
    let order = Order::permutation(&domain, ChannelSteps::Separate, vec![2, 0, 1]).unwrap();
    for describe in [row as Describe, diagonal] {
        assert!(refusal(describe, &order, &domain).contains("raster"));
    }
}

#[test]
fn gates_come_in_fours_and_kernels_are_odd() {
    let domain = Domain::new(1, 3, 3, 2).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let vb = Initializer::new(5).builder(DType::F32, &Device::Cpu);
    let mut net = Builder::new(&domain, &order, Conditioning::None);
    let x = net.scaled_levels();
    let six = net.conv(x, ConvConfig::square(3, MaskType::A, 6), &vb.pp("a"));
    let six = six.unwrap();
    let refused = net.sequence_lstm(six, &vb.pp("b")).unwrap_err();
    assert!(refused.to_string().contains("4 gates"));
    assert!(net.sequence_gru(six, &vb.pp("c")).is_ok());
    let refused = net.row_lstm(six, 2, &vb.pp("d")).unwrap_err();
    assert!(refused.to_string().contains("odd"));
}

/// The loss of a sequence of `width · 32` sites and its gradient.
fn train_step(width: usize, route: Route) {
    let domain = Domain::new(1, 32, width, 2).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    pixels(&domain, &order, Conditioning::None, &vb).unwrap();
    let vars = init.into_vars();
    let named = vars.iter().map(|(n, v)| (n.clone(), v.as_tensor().clone()));
    let vb = existing(&named.collect());
    let net = pixels(&domain, &order, Conditioning::None, &vb).unwrap();
    let net = net.with_route(route);
    let levels: Vec<u32> = (0..domain.dims() as u32).map(|i| i / 3 % 2).collect();
    let x = Tensor::from_vec(levels, (1, 1, 32, width), &Device::Cpu).unwrap();
    let (_, mut grads) = net.loss_and_gradient(&x, None, &Pass::default()).unwrap();
    for (name, var) in &vars {
        let norm = grads.take(var).unwrap().sqr().unwrap().sum_all().unwrap();
        let norm = norm.to_scalar::<f32>().unwrap();
        assert!(norm.is_finite() && norm > 0.0, "{name}: {norm}");
    }
}

#[test]
fn a_sequence_of_thousands_is_trained() {
    train_step(96, Route::Fused);
}

#[test]
fn tensor_operations_train_a_long_sequence_on_a_large_stack() {
    let thread = std::thread::Builder::new().stack_size(64 << 20);
    let work = thread.spawn(|| train_step(25, Route::Composite)).unwrap();
    work.join().unwrap();
}
