//! A loss of parts of images.

use std::sync::Arc;

use ar_core::{
    ChannelSteps, Conditioning, Distribution, Domain, Gradients, Model, Order, Pass, Weights,
    nll_of_parts,
};
use candle_core::{DType, Device, Tensor};

use super::attention::small;
use super::recurrent::row;
use super::streams::strided;
use super::{Describe, gated, sequence};
use crate::init::{Initializer, existing};
use crate::program::Route;

/// By every route the loss is that of the positions asked for, and so is its gradient.
#[test]
fn a_loss_of_parts_is_theirs_by_every_route() {
    for (describe, domain) in [
        (gated as Describe, Domain::new(3, 3, 4, 3).unwrap()),
        (sequence, Domain::new(2, 1, 9, 4).unwrap()),
        (strided, Domain::new(1, 1, 13, 4).unwrap()),
        (row, Domain::new(1, 4, 5, 3).unwrap()),
        (small, Domain::new(1, 3, 5, 4).unwrap()),
    ] {
        let order = Order::raster(&domain, ChannelSteps::Separate);
        let init = Initializer::new(5);
        let vb = init.builder(DType::F32, &Device::Cpu);
        describe(&domain, &order, Conditioning::None, &vb).unwrap();
        let vars = init.into_vars();
        let named = Weights::from_vars(&vars);
        let levels: Vec<u32> = (0..3 * domain.dims()).map(|i| (i * 7 % 3) as u32).collect();
        let x = domain.tensor(levels, &Device::Cpu).unwrap();
        let scored = Arc::from([2..7, 0..0, 0..domain.positions()]);
        let pass = Pass {
            scored: Some(scored),
            ..Pass::default()
        };
        let net = |route| {
            let net = describe(&domain, &order, Conditioning::None, &existing(&named));
            net.unwrap().with_route(route)
        };
        let of = |(loss, mut gradients): (f64, Gradients)| -> (f64, Vec<f32>) {
            let each = vars.values().flat_map(|var| {
                let gradient = gradients.take(var).unwrap();
                gradient.flatten_all().unwrap().to_vec1::<f32>().unwrap()
            });
            (loss, each.collect())
        };
        let expected = {
            let net = net(Route::Composite);
            let conditionals = net.conditionals(&x, None).unwrap();
            let each = nll_of_parts(&net, &x, &conditionals, pass.scored.as_deref()).unwrap();
            assert_eq!(each.to_vec1::<f64>().unwrap()[1], 0.0);
            of(Gradients::of_loss(&each.mean(0).unwrap()).unwrap())
        };
        for route in [Route::Fused, Route::Composite] {
            let net = net(route);
            let (loss, gradient) = of(net.loss_and_gradient(&x, None, &pass).unwrap());
            assert!(
                (loss - expected.0).abs() < 1e-4,
                "{route:?} {domain:?}: {loss} {}",
                expected.0
            );
            let close = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
            let far = gradient.iter().zip(&expected.1).find(|pair| !close(*pair));
            assert!(far.is_none(), "{route:?} {domain:?}: {far:?}");
            let wrong = Pass {
                scored: Some(Arc::from([0..1, 0..1])),
                ..Pass::default()
            };
            assert!(net.loss_and_gradient(&x, None, &wrong).is_err());
        }
        // What follows a part has no influence on its loss.
        let net = net(Route::Fused);
        let part = |x: &Tensor| {
            let pass = Pass {
                scored: Some(Arc::from([0..5, 0..5, 0..5])),
                ..Pass::default()
            };
            net.loss_and_gradient(x, None, &pass).unwrap().0
        };
        let mut other = x.flatten_all().unwrap().to_vec1::<u32>().unwrap();
        other.iter_mut().enumerate().for_each(|(i, level)| {
            if i % domain.positions() >= 5 {
                *level = 0;
            }
        });
        let other = domain.tensor(other, &Device::Cpu).unwrap();
        assert_eq!(part(&x), part(&other));
    }
}

/// Of the values only what the part depends on is computed.
#[test]
fn what_a_part_does_not_depend_on_is_not_needed() {
    let domain = Domain::new(1, 1, 40, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let net = sequence(&domain, &order, Conditioning::None, &vb).unwrap();
    let program = net.program();
    // Taps 2, 1 and 3 before, after the two values before a site.
    let needed = program.needed(20..30);
    assert_eq!(needed[super::super::LEVELS], 14..29);
    assert_eq!(needed[program.output], 20..30);
    let nothing = program.needed(0..0);
    assert!(nothing.iter().all(std::ops::Range::is_empty));
    let seen = net.depends_on(20);
    assert_eq!(seen.first(), Some(&14));
}
