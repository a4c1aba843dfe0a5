//! One file per command: its arguments and what it does.

pub(crate) mod archive;
mod arrival;
pub(crate) mod check;
pub(crate) mod classify;
pub(crate) mod compare;
pub(crate) mod complete;
pub(crate) mod completions;
pub(crate) mod compress;
pub(crate) mod data;
pub(crate) mod decompress;
mod drawing;
pub(crate) mod eval;
mod evidence;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod info;
mod inputs;
mod known;
pub(crate) mod man;
mod maps;
mod position;
mod priming;
mod recordings;
pub(crate) mod runs;
pub(crate) mod sample;
pub(crate) mod score;
mod scores;
mod scoring;
mod subjects;
pub(crate) mod train;
mod train_args;

use anyhow::Result;
use clap::CommandFactory as _;

use crate::args::{Cli, Command};
use crate::output::Output;

/// Runs the command and gives the exit code of one that did not fail.
///
/// # Errors
/// What the command could not do; [`crate::exit_code`] says whose fault it is.
pub fn run(cli: Cli, output: &Output) -> Result<u8> {
    match cli.command {
        Command::Train(args) => train::run(&args, output),
        Command::Sample(args) => sample::run(&args, output),
        Command::Complete(args) => complete::run(&args, output),
        Command::Eval(args) => eval::run(&args, output),
        Command::Score(args) => score::run(&args, output),
        Command::Classify(args) => classify::run(&args, output),
        Command::Compress(args) => compress::run(&args, output),
        Command::Decompress(args) => decompress::run(&args, output),
        Command::Archive(args) => archive::run(&args, output),
        Command::Check(args) => check::run(&args, output),
        Command::Info(args) => info::run(&args, output),
        Command::Data(args) => data::run(args, output),
        Command::Runs(args) => runs::run(&args, output),
        Command::Compare(args) => compare::run(&args, output),
        Command::Import(args) => import::run(&args, output),
        Command::Export(args) => export::run(&args, output),
        Command::Completions(args) => completions::run(&args, Cli::command(), output),
        Command::Man(args) => man::run(&args, Cli::command(), output),
    }
}
