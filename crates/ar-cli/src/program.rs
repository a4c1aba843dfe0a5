//! The program from its first line to its exit code.

use std::process::ExitCode;

use clap::Parser as _;

use crate::{BAD_USAGE, Cli, Output, Verbosity, exit_code, run};

/// The whole of `main`: reads the command line, runs the command, says what went wrong. `register` is called
/// before anything else and adds models to those that every command knows:
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     // ar_models::register::<MyModel>() for a model of one's own.
///     ar_cli::main_with(|| Ok(()))
/// }
/// ```
///
/// To be called first thing in `main`, as it fixes the number of threads in the environment.
pub fn main_with(register: impl FnOnce() -> ar_core::Result<()>) -> ExitCode {
    fix_thread_count();
    if let Err(error) = register() {
        Output::new(Verbosity::Normal, false).error(&error.into());
        return ExitCode::from(BAD_USAGE);
    }
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
