//! The sampling loop: completion, streams, progress, cancellation, bad options.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use ar_core::{
    ChannelSteps, Domain, Engine, Error, Given, Order, SampleOptions, Tempering, sample,
};
use common::Chain;

fn chain() -> Chain {
    let domain = Domain::new(1, 3, 3, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    Chain {
        domain,
        order,
        leak: None,
        drifts: false,
    }
}

fn all(_: usize, _: usize) -> bool {
    true
}

#[test]
fn a_sample_depends_on_its_number_alone() {
    let model = chain();
    let options = SampleOptions {
        count: 7,
        seed: 3,
        ..Default::default()
    };
    let seven = sample(&model, &options, &all).unwrap().levels;
    for chunk in [1, 3, 7] {
        let again = sample(
            &model,
            &SampleOptions {
                chunk,
                ..options.clone()
            },
            &all,
        )
        .unwrap();
        assert_eq!(again.levels, seven);
    }
    let two = sample(
        &model,
        &SampleOptions {
            count: 2,
            ..options.clone()
        },
        &all,
    )
    .unwrap();
    assert_eq!(two.levels, seven[..18]);
    assert_ne!(seven[..9], seven[9..18]);
    assert_ne!(
        sample(&model, &SampleOptions { seed: 4, ..options }, &all)
            .unwrap()
            .levels,
        seven
    );
}

#[test]
fn given_values_stay_and_the_rest_follows_them() {
    let model = chain();
    let known: Vec<bool> = (0..9).map(|i| i % 2 == 1).collect();
    let levels: Vec<u32> = (0..18).map(|i| i % 4).collect();
    for engine in [Engine::Stepwise, Engine::WholePass] {
        let given = Some(Given {
            levels: levels.clone(),
            known: known.clone(),
        });
        let options = SampleOptions {
            count: 2,
            given,
            engine,
            ..Default::default()
        };
        let drawn = sample(&model, &options, &all).unwrap().levels;
        assert!((0..18).all(|i| !known[i % 9] || drawn[i] == levels[i]));
        assert!((0..18).any(|i| !known[i % 9] && drawn[i] != levels[i]));
    }
}

#[test]
fn progress_counts_every_step_and_can_cancel() {
    let (model, seen) = (chain(), AtomicUsize::new(0));
    let options = SampleOptions {
        count: 5,
        chunk: 2,
        ..Default::default()
    };
    let count = |done: usize, of: usize| {
        assert!(done <= of && of == 45);
        seen.fetch_max(done, Ordering::Relaxed);
        true
    };
    sample(&model, &options, &count).unwrap();
    assert_eq!(seen.load(Ordering::Relaxed), 45);
    let stop = sample(&model, &options, &|done, _| done < 10);
    assert!(matches!(stop, Err(Error::Cancelled)));
}

#[test]
fn bad_options_are_named() {
    let model = chain();
    let fails = |options: SampleOptions| sample(&model, &options, &all).unwrap_err().to_string();
    assert!(
        fails(SampleOptions {
            count: 0,
            ..Default::default()
        })
        .starts_with("n:")
    );
    let cold = Tempering {
        temperature: -1.0,
        ..Default::default()
    };
    assert!(
        fails(SampleOptions {
            tempering: cold,
            ..Default::default()
        })
        .starts_with("temperature")
    );
    let given = |levels, known| Some(Given { levels, known });
    let short = SampleOptions {
        count: 1,
        given: given(vec![0; 9], vec![true; 8]),
        ..Default::default()
    };
    assert!(fails(short).contains("expected 9 values, got 8"));
    let high = SampleOptions {
        count: 1,
        given: given(vec![4; 9], vec![true; 9]),
        ..Default::default()
    };
    assert!(fails(high).contains("0..4"));
}

/// On whatever thread: a defect is no cancellation.
#[test]
fn a_panic_while_drawing_stays_one() {
    let options = SampleOptions {
        count: 7,
        chunk: 1,
        ..Default::default()
    };
    let model = chain();
    let draw = || sample(&model, &options, &|_, _| panic!("a defect"));
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(draw)).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"a defect"));
}
