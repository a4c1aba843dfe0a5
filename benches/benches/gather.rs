//! The causal convolution, 64 to 64 features: gathered live taps by both routes, beside candle's
//! dense `conv2d` with a masked weight.

mod setup;

use ar_benches::{DenseTwin, Layer, levels};
use ar_core::{Distribution as _, Model as _, Pass};
use ar_nn::Route;
use criterion::{BenchmarkId, Criterion, Throughput};
use setup::must;

const BATCH: usize = 8;
const SIZES: [usize; 2] = [3, 7];
const ROUTES: [(&str, Route); 2] = [("fused", Route::Fused), ("composite", Route::Composite)];

fn main() {
    setup::run(&[forward, forward_and_backward]);
}

fn id(way: &str, size: usize) -> BenchmarkId {
    BenchmarkId::new(way, format!("{size}x{size}, batch {BATCH}"))
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gather/forward");
    group.throughput(Throughput::Elements(BATCH as u64));
    for size in SIZES {
        let layer = Layer::Convolution { size };
        let (x, vars) = (
            must(levels(&layer.domain(), BATCH)),
            must(layer.parameters()),
        );
        for (way, route) in ROUTES {
            let network = must(layer.frozen(&vars, route));
            group.bench_function(id(way, size), |b| {
                b.iter(|| must(network.conditionals(&x, None)));
            });
        }
        let twin = must(DenseTwin::new(size, &vars)).frozen();
        group.bench_function(id("conv2d", size), |b| {
            b.iter(|| must(twin.conditionals(&x)));
        });
    }
}

fn forward_and_backward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("gather/forward+backward");
    group.throughput(Throughput::Elements(BATCH as u64));
    for size in SIZES {
        let layer = Layer::Convolution { size };
        let (x, vars) = (
            must(levels(&layer.domain(), BATCH)),
            must(layer.parameters()),
        );
        for (way, route) in ROUTES {
            let network = must(layer.trainable(&vars, route));
            let both = || must(network.loss_and_gradient(&x, None, &Pass::default()));
            group.bench_function(id(way, size), |b| b.iter(both));
        }
        let twin = must(DenseTwin::new(size, &vars));
        let both = || must(must(twin.loss(&x)).backward());
        group.bench_function(id("conv2d", size), |b| b.iter(both));
    }
}
