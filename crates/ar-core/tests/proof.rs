//! The checks themselves are checked: they pass what is right and name what is wrong.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use ar_core::check::causality;
use ar_core::harness::{
    batch_independent, no_leak_and_alive, normalised, samples_follow, step_equals_full,
};
use ar_core::{ChannelSteps, Domain, Order, score_images, score_pixels, surprise};
use candle_core::Device;
use common::Chain;

fn chain(leak: Option<(usize, usize)>) -> Chain {
    let domain = Domain::new(1, 2, 3, 3).unwrap();
    let order =
        Order::permutation(&domain, ChannelSteps::Separate, vec![5, 0, 3, 1, 4, 2]).unwrap();
    Chain {
        domain,
        order,
        leak,
        drifts: false,
    }
}

#[test]
fn a_causal_model_passes_every_check() {
    let model = chain(None);
    no_leak_and_alive(&model).unwrap();
    step_equals_full(&model).unwrap();
    batch_independent(&model).unwrap();
    samples_follow(&model, &normalised(&model).unwrap()).unwrap();
}

#[test]
fn a_leak_is_named_by_who_sees_what() {
    // Step 1 draws position 0 and sees position 4, which step 4 draws.
    let report = causality(&chain(Some((1, 4))), 0, 1, &mut |_, _| true).unwrap();
    assert!(!report.causal);
    assert_eq!(report.leaks.len(), 1);
    let leak = &report.leaks[0];
    assert_eq!(
        (leak.step, leak.row, leak.column, leak.sees),
        (1, 0, 0, [0, 1, 1])
    );
    assert_eq!(report.undeclared, 1);
    assert!(
        no_leak_and_alive(&chain(Some((1, 4))))
            .unwrap_err()
            .starts_with("leak")
    );
    // Seeing oneself is a leak too.
    assert!(
        !causality(&chain(Some((2, 3))), 0, 1, &mut |_, _| true)
            .unwrap()
            .causal
    );
}

#[test]
fn a_leak_breaks_the_distribution_and_undeclared_sight_is_found() {
    assert!(normalised(&chain(Some((1, 0)))).is_err());
    // An earlier value is no leak, but it was not declared.
    let report = causality(&chain(Some((4, 5))), 0, 1, &mut |_, _| true).unwrap();
    assert!(report.causal && report.undeclared == 1);
}

#[test]
fn a_stepper_that_drifts_is_caught() {
    let drifting = Chain {
        drifts: true,
        ..chain(None)
    };
    assert!(step_equals_full(&drifting).unwrap_err().contains("step 3"));
}

#[test]
fn wrong_probabilities_are_caught() {
    let model = chain(None);
    let mut probabilities = normalised(&model).unwrap();
    probabilities.reverse();
    assert!(samples_follow(&model, &probabilities).is_err());
}

#[test]
fn the_surprise_of_all_pixels_is_that_of_the_image() {
    let domain = Domain::new(2, 2, 3, 3).unwrap();
    let model = Chain {
        domain,
        order: Order::raster(&domain, ChannelSteps::Separate),
        leak: None,
        drifts: false,
    };
    let levels = (0..36).map(|v| v * v % 7 % 3).collect();
    let levels = domain.tensor(levels, &Device::Cpu).unwrap();
    let of_pixels = surprise(&model, &levels, None).unwrap();
    let of_images = score_images(&model, &levels, None).unwrap();
    let upper = [true, true, true, false, false, false];
    let of_upper = score_pixels(&model, &levels, None, &upper).unwrap();
    assert_eq!(of_pixels.len(), 3);
    for (i, pixels) in of_pixels.iter().enumerate() {
        assert!(pixels.len() == 6 && pixels.iter().all(|&nats| nats > 0.0));
        let sum = |some: &[f64]| some.iter().sum::<f64>();
        assert!((sum(pixels) - of_images[i]).abs() < 1e-9);
        assert!((sum(&pixels[..3]) - of_upper[i]).abs() < 1e-9);
    }
}
