//! Drawing images: stepwise, and by whole forward passes on an image small enough to wait for.

mod setup;

use ar_benches::{PEER_DOMAIN, frozen, peer_spec};
use ar_core::{Domain, Engine, SampleOptions, sample};
use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput};
use setup::must;

const MODELS: [&str; 2] = ["pixelcnn", "pixelcnn-plain"];

fn main() {
    setup::run(&[stepwise, engines]);
}

fn options(count: usize, engine: Engine) -> SampleOptions {
    SampleOptions {
        count,
        engine,
        ..SampleOptions::default()
    }
}

fn stepwise(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sampling/stepwise");
    group.sampling_mode(SamplingMode::Flat);
    for name in MODELS {
        let model = must(frozen(&must(peer_spec(name, PEER_DOMAIN))));
        for count in [1, 16, 64] {
            let options = options(count, Engine::Stepwise);
            let draw = || must(sample(&*model, &options, &|_, _| true));
            group.throughput(Throughput::Elements(count as u64));
            let id = BenchmarkId::new(name, format!("28x28, {count} images"));
            group.bench_function(id, |b| b.iter(draw));
        }
    }
}

fn engines(criterion: &mut Criterion) {
    const COUNT: usize = 4;
    let mut group = criterion.benchmark_group("sampling/engines");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(COUNT as u64));
    let domain = must(Domain::new(1, 8, 8, 256));
    for name in MODELS {
        let model = must(frozen(&must(peer_spec(name, domain))));
        for (way, engine) in [
            ("stepwise", Engine::Stepwise),
            ("whole pass", Engine::WholePass),
        ] {
            let options = options(COUNT, engine);
            let draw = || must(sample(&*model, &options, &|_, _| true));
            let id = BenchmarkId::new(format!("{name}, {way}"), format!("8x8, {COUNT} images"));
            group.bench_function(id, |b| b.iter(draw));
        }
    }
}
