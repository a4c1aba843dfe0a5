//! Two streams by shifts, on grids of their own, with a mixture of logistics: PixelCNN++ in small.

use ar_core::{ChannelSteps, Likelihood, Stride};

use super::*;

/// A window of a stream, weight-normalised.
fn window(rows: [isize; 2], columns: [isize; 2], features: usize) -> ConvConfig {
    ConvConfig::window(rows, columns, features).weight_normalised()
}

pub(super) fn strided(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning)
        .with_likelihood(Likelihood::logistic_mixture(domain, 2));
    let x = net.scaled_levels();
    let mut u = net.conv(x, window([-2, -1], [-1, 1], 5), &vb.pp("u"))?;
    let left = net.conv(x, window([-1, 0], [-1, -1], 5), &vb.pp("left"))?;
    let mut ul = net.residual_conv(x, window([-1, -1], [-1, 1], 5), left, &vb.pp("ul"))?;
    let fine = [u, ul];
    u = net.conv(
        u,
        window([-1, 0], [-1, 1], 5).strided(Stride::Down),
        &vb.pp("u_down"),
    )?;
    ul = net.conv(
        ul,
        window([-1, 0], [-1, 0], 5).strided(Stride::Down),
        &vb.pp("ul_down"),
    )?;
    let y = net.concat_elu(ul);
    let y = net.conv(y, window([-1, 0], [-1, 0], 10), &vb.pp("look"))?;
    let y = net.dropout(y, 0.4)?;
    let y = net.condition(y, &vb.pp("condition"))?;
    let y = net.linear_gate(y)?;
    let link = net.conv(u, ConvConfig::pointwise(5), &vb.pp("link"))?;
    ul = net.add(y, link)?;
    let u = net.conv_onto(fine[0], u, window([0, 1], [-1, 1], 5), &vb.pp("u_up"))?;
    let ul = net.conv_onto(fine[1], ul, window([0, 1], [0, 1], 5), &vb.pp("ul_up"))?;
    let both = net.concat(ul, fine[1])?;
    let both = net.concat(both, u)?;
    let head = ConvConfig::pointwise(net.outputs()).before(Activation::Elu);
    let y = net.conv(both, head.weight_normalised(), &vb.pp("head"))?;
    net.finish(y, vb)
}

#[test]
fn strided_streams_are_proved() {
    let none = Conditioning::None;
    for [c, h, w, k] in [[1, 5, 7, 4], [3, 4, 5, 3], [2, 1, 9, 5]] {
        let domain = Domain::new(c, h, w, k).unwrap();
        let order = Order::raster(&domain, ChannelSteps::Joint);
        prove_in(strided, &domain, &order, none, false);
    }
    let domain = Domain::new(1, 5, 6, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Joint);
    let classes = Conditioning::Class { classes: 3 };
    prove_in(strided, &domain, &order, classes, false);
}

#[test]
fn they_are_distributions_over_pixels_of_several_channels() {
    for [c, h, w, k] in [[3, 1, 2, 3], [1, 2, 3, 3]] {
        let domain = Domain::new(c, h, w, k).unwrap();
        let order = Order::raster(&domain, ChannelSteps::Joint);
        prove_in(strided, &domain, &order, Conditioning::None, true);
    }
}

/// A stream that looks ahead at a coarser grid is found out.
#[test]
fn a_stride_that_leaks_is_refused() {
    let domain = Domain::new(1, 6, 6, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Joint);
    let vb = Initializer::new(5).builder(DType::F32, &Device::Cpu);
    let mut net = Builder::new(&domain, &order, Conditioning::None);
    let x = net.scaled_levels();
    let late = net
        .conv(x, window([-1, 0], [-1, -1], 5), &vb.pp("a"))
        .unwrap();
    let down = window([-1, 1], [-1, 0], 5).strided(Stride::Down);
    let half = net.conv(late, down, &vb.pp("b")).unwrap();
    let up = net
        .conv_onto(x, half, window([0, 1], [0, 1], 4), &vb.pp("c"))
        .unwrap();
    let error = net.finish(up, &vb).unwrap_err().to_string();
    assert!(error.contains("sees the value it predicts"), "{error}");
}

/// After calibration what comes out of a weight-normalised convolution has deviation 1.
#[test]
fn calibration_gives_every_layer_its_scale() {
    let domain = Domain::new(3, 6, 6, 8).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Joint);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let net = strided(&domain, &order, Conditioning::None, &vb).unwrap();
    let levels: Vec<u32> = (0..4 * domain.dims() as u32).map(|i| i * i % 7).collect();
    let x = domain.tensor(levels, &Device::Cpu).unwrap();
    let set = net.calibrated(&x, None).unwrap();
    let vars = init.into_vars();
    for (id, tensor) in &set {
        let var = vars.values().find(|v| v.as_tensor().id() == *id).unwrap();
        var.set(tensor).unwrap();
    }
    // A weight-normalised convolution has three parameters, and there are nine.
    assert_eq!(set.len(), 27);
    let out = net.conditionals(&x, None).unwrap().flatten(0, 3).unwrap();
    let rows = out.to_vec2::<f32>().unwrap();
    for feature in 0..rows[0].len() {
        let n = rows.len() as f32;
        let mean = rows.iter().map(|row| row[feature]).sum::<f32>() / n;
        let square = rows.iter().map(|row| row[feature].powi(2)).sum::<f32>() / n;
        assert!(mean.abs() < 1e-3, "{mean}");
        assert!((square - 1.0).abs() < 1e-2, "{square}");
    }
    let again = net.calibrated(&x, None).unwrap();
    assert_eq!(again.len(), 27);
    // A GPU begins as a CPU does.
    let by_tensors = net.with_route(Route::Composite);
    let there = by_tensors.calibrated(&x, None).unwrap();
    for ((id, own), (other, there)) in again.iter().zip(&there) {
        assert_eq!(id, other);
        let numbers = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(numbers(own), numbers(there));
    }
}
