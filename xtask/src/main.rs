//! The workspace's chores: `cargo xtask ci`, `tidy`, `bench` and `docs`.
//!
//! Spawns cargo and links none of the workspace's crates, so it builds in seconds and still runs
//! when they do not compile. Every command is echoed before it runs.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore's result is what it prints"
)]

mod bench;
mod ci;
mod docs;
mod golden;
mod process;
mod table;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The workspace's chores")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything a change must pass, cheapest first
    Ci(ci::Args),
    /// Rules the compiler cannot check: architecture, lints, file sizes, README
    Tidy,
    /// Criterion benches, or timings beside PyTorch
    Bench(bench::Args),
    /// Exports the PyTorch fixtures again
    Golden(golden::Args),
    /// Figures, book and rustdoc
    Docs(docs::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Ci(args) => ci::run(&args),
        Command::Tidy => tidy::run(),
        Command::Bench(args) => bench::run(&args),
        Command::Golden(args) => golden::run(&args),
        Command::Docs(args) => docs::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
