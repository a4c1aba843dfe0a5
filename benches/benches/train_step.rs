//! A training step as `ar-train` makes it: loss, backward, Adam, averaged weights.

mod setup;

use std::time::Duration;

use ar_benches::{PEER_DOMAIN, peer_spec, step_times};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use setup::must;

const BATCH: usize = 32;

fn main() {
    setup::run(&[train_step]);
}

fn train_step(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("train_step");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.sampling_mode(SamplingMode::Flat);
    for model in ["pixelcnn", "pixelcnn-plain"] {
        let spec = must(peer_spec(model, PEER_DOMAIN));
        // The trainer is made anew for each sample; only its steps count.
        let timed = |steps| -> Duration { must(step_times(&spec, BATCH, steps)).iter().sum() };
        let id = BenchmarkId::new(model, format!("28x28, batch {BATCH}"));
        group.bench_function(id, |b| b.iter_custom(timed));
    }
}
