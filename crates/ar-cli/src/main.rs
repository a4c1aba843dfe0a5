//! Entry point: environment, allocator, exit code. All else is in the library.

use std::process::ExitCode;

use ar_cli::{Cli, Output, exit_code, run};
use clap::Parser as _;

/// Keeps pages between the large buffers of consecutive training steps.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    fix_thread_count();
    let cli = Cli::parse();
    let output = Output::new(cli.verbosity(), cli.json());
    output.install_log();
    match run(cli, &output) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = exit_code(&error);
            if code != 0 {
                output.error(&error);
            }
            ExitCode::from(code)
        }
    }
}

/// Without this variable the tensor library asks the system for the number of cores at every
/// matrix product, 16 microseconds a time.
#[expect(
    unsafe_code,
    reason = "the environment is only written here, before any thread starts"
)]
fn fix_thread_count() {
    const NAME: &str = "RAYON_NUM_THREADS";
    if std::env::var_os(NAME).is_none() {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        // SAFETY: first thing in `main`; no other thread exists that could read the environment.
        unsafe { std::env::set_var(NAME, threads.to_string()) };
    }
}
