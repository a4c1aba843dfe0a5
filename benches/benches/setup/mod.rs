//! What every bench starts with. All settings are small: the whole takes minutes, and criterion's
//! own flags ask for more.

use std::fmt::Debug;
use std::time::Duration;

use criterion::Criterion;

/// The programs' allocator: it keeps pages between the large buffers of consecutive passes.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Says how many threads work, then runs `benches`.
#[expect(clippy::print_stderr, reason = "timings mean nothing without it")]
pub(crate) fn run(benches: &[fn(&mut Criterion)]) {
    let threads = candle_core::utils::get_num_threads();
    let note = match std::env::var_os("RAYON_NUM_THREADS") {
        Some(_) => "",
        None => " (RAYON_NUM_THREADS is not set: small products ask the system every time)",
    };
    eprintln!("threads: {threads}{note}");
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for bench in benches {
        bench(&mut criterion);
    }
    criterion.final_summary();
}

/// What fails is not timed: it ends the bench, as it would a test.
#[expect(
    clippy::expect_used,
    reason = "a bench has nobody to return an error to"
)]
pub(crate) fn must<T, E: Debug>(result: Result<T, E>) -> T {
    result.expect("a bench failed")
}
