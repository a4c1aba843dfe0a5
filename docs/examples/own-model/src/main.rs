//! Every command of `ar-cli`, with one model more.

mod dilated_cnn;

use std::process::ExitCode;

fn main() -> ExitCode {
    ar_cli::main_with(ar_models::register::<dilated_cnn::DilatedCnnConfig>)
}
