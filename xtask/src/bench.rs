//! `cargo xtask bench`: criterion, or one of the comparisons the README's figures come from.

mod against_torch;
mod criterion;
mod dev_build;
mod measurement;
mod peer;
mod report;
mod sampling;

use std::path::PathBuf;

use anyhow::Result;

/// One of four jobs: criterion benches (the default), `--against-torch`, `--dev-build`, `--sampling`.
#[derive(Debug, clap::Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Args {
    /// Run only the benches whose name contains this
    filter: Option<String>,
    /// Keep the timings as a criterion baseline of this name
    #[arg(long, value_name = "NAME", conflicts_with = "against")]
    save: Option<String>,
    /// Compare with a baseline kept by --save
    #[arg(long, value_name = "NAME")]
    against: Option<String>,
    /// Fewer samples: a first impression
    #[arg(long)]
    quick: bool,

    /// Time our models beside their PyTorch twins
    #[arg(long, conflicts_with_all = ["filter", "save", "against", "quick"])]
    against_torch: bool,
    /// Time a training step of the plain `cargo build` beside --release
    #[arg(long, conflicts_with_all = ["filter", "save", "against", "quick", "against_torch"])]
    dev_build: bool,
    /// Time sampling beside a forward pass and beside the loop of whole passes, every model in its
    /// default size
    #[arg(long, conflicts_with_all = ["filter", "save", "against", "quick", "against_torch", "dev_build"])]
    sampling: bool,

    #[command(flatten)]
    comparison: Comparison,
}

/// What the comparisons measure.
#[derive(Debug, clap::Args)]
struct Comparison {
    /// Models to compare [default: pixelcnn,pixelcnn-plain; with --sampling all]
    #[arg(long, value_delimiter = ',')]
    models: Vec<String>,
    /// Images in a training step
    #[arg(long, default_value_t = 32, value_parser = positive())]
    batch: u64,
    /// Images sampled at once
    #[arg(long, default_value_t = 16, value_parser = positive())]
    sample_batch: u64,
    /// Timed repetitions in one run of a program, which reports their median
    #[arg(long, default_value_t = 5, value_parser = positive())]
    repeats: u64,
    /// Runs of each program, alternating between them
    #[arg(long, default_value_t = 3, value_parser = positive())]
    rounds: u64,
    /// Threads on every side
    #[arg(long, default_value_t = 2, value_parser = positive())]
    threads: u64,
    /// Profile our side is built with
    #[arg(long, default_value = "release")]
    profile: String,
    /// The Python that has torch
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// Where the table is written as JSON [default: target/bench/against-torch.json, dev-build.json or sampling.json]
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
}

impl Comparison {
    fn models_or(&self, default: &[&str]) -> Vec<String> {
        if self.models.is_empty() {
            default.iter().map(|&name| name.to_owned()).collect()
        } else {
            self.models.clone()
        }
    }
}

/// Models that have a twin to compare with, layer for layer.
const TWINS: &[&str] = &["pixelcnn", "pixelcnn-plain"];

/// Runs the chosen job.
///
/// # Errors
/// When a build or a benchmark fails, a result cannot be read or written, or the two sides of a
/// comparison do not have the same number of live parameters.
pub(crate) fn run(args: &Args) -> Result<()> {
    if args.against_torch {
        against_torch::run(&args.comparison)
    } else if args.dev_build {
        dev_build::run(&args.comparison)
    } else if args.sampling {
        sampling::run(&args.comparison)
    } else {
        criterion::run(args)
    }
}

fn positive() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..)
}
