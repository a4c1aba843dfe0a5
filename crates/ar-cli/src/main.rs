//! Entry point: the allocator. All else is in the library.

use std::process::ExitCode;

/// Keeps pages between the large buffers of consecutive training steps.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    ar_cli::main_with(|| Ok(()))
}
