//! The criterion benches of package `ar-benches`.

use anyhow::Result;

use super::Args;
use crate::process::{cargo, run as spawn};

/// Builds and runs them, with criterion's own report.
///
/// # Errors
/// When they do not build or one fails.
pub(super) fn run(args: &Args) -> Result<()> {
    let threads = args.comparison.threads.to_string();
    println!("threads: {threads} (RAYON_NUM_THREADS)");
    // Bench targets only: the test harness of the library does not know criterion's arguments.
    let mut command = cargo([
        "bench",
        "--locked",
        "-p",
        "ar-benches",
        "--bench",
        "*",
        "--",
    ]);
    command.args(criterion_args(args));
    spawn(command.env("RAYON_NUM_THREADS", threads))
}

fn criterion_args(args: &Args) -> Vec<&str> {
    let mut list: Vec<&str> = args.filter.as_deref().into_iter().collect();
    for (flag, name) in [
        ("--save-baseline", &args.save),
        ("--baseline", &args.against),
    ] {
        list.extend(name.iter().flat_map(|name| [flag, name.as_str()]));
    }
    list.extend(args.quick.then_some("--quick"));
    list
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn flags_become_criterion_s() {
        let cli = Cli::parse_from(["bench", "gather", "--save", "before", "--quick"]);
        assert_eq!(
            criterion_args(&cli.args),
            ["gather", "--save-baseline", "before", "--quick"]
        );
        let cli = Cli::parse_from(["bench", "--against", "before"]);
        assert_eq!(criterion_args(&cli.args), ["--baseline", "before"]);
    }

    #[test]
    fn jobs_do_not_mix() {
        assert!(Cli::try_parse_from(["bench", "gather", "--against-torch"]).is_err());
        assert!(Cli::try_parse_from(["bench", "--threads", "0"]).is_err());
    }
}
