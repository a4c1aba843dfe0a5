//! The command line as a whole.

use clap::{Parser, Subcommand};

use crate::commands::{
    archive, check, classify, compare, complete, completions, compress, data, decompress, eval,
    export, import, info, man, runs, sample, score, train,
};
use crate::output::Verbosity;

/// Train, sample, complete, score, classify with, compress with, compare and check deep autoregressive models.
///
/// RUN is a run directory as `train` makes it, or a checkpoint file in one. Results go to standard
/// output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 bad usage or
/// configuration, or something named that is not there.
#[derive(Debug, Parser)]
#[command(name = "ar-cli", version = crate::record::VERSION)]
pub struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Say more: what the libraries report
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    verbose: bool,

    /// Say nothing but results, warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Train(train::Args),
    Sample(sample::Args),
    Complete(complete::Args),
    Eval(eval::Args),
    Score(score::Args),
    Classify(classify::Args),
    Compress(compress::Args),
    Decompress(decompress::Args),
    Archive(archive::Args),
    Check(check::Args),
    Info(info::Args),
    Data(data::Args),
    Runs(runs::Args),
    Compare(compare::Args),
    Import(import::Args),
    Export(export::Args),
    Completions(completions::Args),
    Man(man::Args),
}

impl Cli {
    /// Whether the result is wanted as JSON.
    pub fn json(&self) -> bool {
        match &self.command {
            Command::Train(args) => args.json,
            Command::Sample(args) => args.drawing.json,
            Command::Complete(args) => args.drawing.json,
            Command::Eval(args) => args.json,
            Command::Score(args) => args.json,
            Command::Classify(args) => args.json,
            Command::Compress(args) => args.json,
            Command::Decompress(args) => args.json,
            Command::Archive(args) => args.json,
            Command::Check(args) => args.json,
            Command::Info(args) => args.json,
            Command::Data(args) => args.json(),
            Command::Runs(args) => args.json,
            Command::Compare(args) => args.json,
            Command::Import(args) => args.json,
            Command::Export(args) => args.json,
            Command::Completions(_) | Command::Man(_) => false,
        }
    }

    /// How much to say.
    pub fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
