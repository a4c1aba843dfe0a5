//! What the models are made of: the paper's residual block and the tutorials' 7x7 layer, as they
//! run on a CPU.

mod setup;

use ar_benches::{Layer, levels};
use ar_core::{Distribution as _, Model as _, Pass};
use ar_nn::Route;
use criterion::{BenchmarkId, Criterion, Throughput};
use setup::must;

const BATCH: usize = 16;
const LAYERS: [(&str, Layer); 2] = [
    ("residual block", Layer::ResidualBlock),
    ("plain 7x7", Layer::Plain),
];

fn main() {
    setup::run(&[forward, forward_and_backward]);
}

fn id(name: &str) -> BenchmarkId {
    BenchmarkId::new(name, format!("batch {BATCH}"))
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layers/forward");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, layer) in LAYERS {
        let x = must(levels(&layer.domain(), BATCH));
        let network = must(layer.frozen(&must(layer.parameters()), Route::Fused));
        group.bench_function(id(name), |b| {
            b.iter(|| must(network.conditionals(&x, None)));
        });
    }
}

fn forward_and_backward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("layers/forward+backward");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (name, layer) in LAYERS {
        let x = must(levels(&layer.domain(), BATCH));
        let network = must(layer.trainable(&must(layer.parameters()), Route::Fused));
        let both = || must(network.loss_and_gradient(&x, None, &Pass::default()));
        group.bench_function(id(name), |b| b.iter(both));
    }
}
