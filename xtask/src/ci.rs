//! `cargo xtask ci`: everything a change must pass, cheapest first.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::process::{cargo, run as spawn};
use crate::table::{seconds, table};
use crate::{docs, tidy};

/// The README's test command.
pub(crate) const TEST_COMMAND: &str = "cargo test --workspace --locked";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Leave a stage out (repeatable)
    #[arg(long, value_enum, value_name = "STAGE")]
    skip: Vec<Stage>,
    /// Run nothing but this stage (repeatable)
    #[arg(long, value_enum, value_name = "STAGE")]
    only: Vec<Stage>,
}

/// In the order in which they run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Formatting
    Fmt,
    /// `cargo xtask tidy`
    Tidy,
    /// Lints of all targets, warnings are errors
    Clippy,
    /// The README's test command
    Test,
    /// Rustdoc, warnings are errors
    Doc,
    /// Every bench once, untimed
    Bench,
    /// The book's links, and the book itself where mdbook is installed
    Book,
}

impl Stage {
    fn name(self) -> String {
        self.to_possible_value()
            .map_or_else(String::new, |value| value.get_name().to_owned())
    }

    fn run(self) -> Result<()> {
        match self {
            Self::Fmt => spawn(&mut cargo(["fmt", "--all", "--", "--check"])),
            Self::Tidy => tidy::run(),
            Self::Clippy => spawn(&mut clippy()),
            Self::Test => spawn(&mut cargo(TEST_COMMAND.split_whitespace().skip(1))),
            Self::Doc => spawn(&mut docs::rustdoc()),
            Self::Bench => spawn(&mut bench_smoke()),
            Self::Book => docs::book_in_ci(),
        }
    }
}

/// Runs the chosen stages, stops at the first failure, prints what each took.
///
/// # Errors
/// The first failing stage's.
pub(crate) fn run(args: &Args) -> Result<()> {
    let started = Instant::now();
    let mut took = Vec::new();
    let mut result = Ok(());
    for stage in chosen(args) {
        eprintln!("\n== {} ==", stage.name());
        let start = Instant::now();
        result = stage
            .run()
            .with_context(|| format!("stage {}", stage.name()));
        took.push((stage, start.elapsed(), result.is_ok()));
        if result.is_err() {
            break;
        }
    }
    println!("\n{}", summary(&took, started.elapsed()));
    result
}

fn chosen(args: &Args) -> impl Iterator<Item = Stage> {
    Stage::value_variants().iter().copied().filter(|stage| {
        !args.skip.contains(stage) && (args.only.is_empty() || args.only.contains(stage))
    })
}

fn summary(took: &[(Stage, Duration, bool)], total: Duration) -> String {
    let mut rows: Vec<Vec<String>> = took
        .iter()
        .map(|(stage, time, ok)| {
            let verdict = if *ok { "ok" } else { "FAILED" };
            vec![
                stage.name(),
                seconds(time.as_secs_f64()),
                verdict.to_owned(),
            ]
        })
        .collect();
    rows.push(vec!["all".to_owned(), seconds(total.as_secs_f64())]);
    table(&["stage", "time", "result"], &rows)
}

fn clippy() -> Command {
    let mut command = cargo(["clippy", "--workspace", "--all-targets", "--locked"]);
    command.args(["--", "-D", "warnings"]);
    command
}

/// Criterion runs each bench once when it is not told `--bench`. The whole workspace is named, and
/// bench targets only, so that features and profile are the test stage's and nothing is rebuilt.
fn bench_smoke() -> Command {
    cargo(["test", "--workspace", "--locked", "--bench", "*"])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(skip: &[Stage], only: &[Stage]) -> Vec<String> {
        let (skip, only) = (skip.to_vec(), only.to_vec());
        chosen(&Args { skip, only }).map(Stage::name).collect()
    }

    #[test]
    fn stages_are_chosen_in_their_order() {
        assert_eq!(
            names(&[], &[]),
            ["fmt", "tidy", "clippy", "test", "doc", "bench", "book"]
        );
        assert_eq!(names(&[], &[Stage::Test, Stage::Fmt]), ["fmt", "test"]);
        assert_eq!(names(&[Stage::Clippy, Stage::Book], &[]).len(), 5);
    }

    #[test]
    fn the_summary_names_the_failure() {
        let text = summary(
            &[
                (Stage::Fmt, Duration::from_millis(1500), true),
                (Stage::Tidy, Duration::from_millis(20), false),
            ],
            Duration::from_secs(2),
        );
        assert!(text.contains("fmt     1.500 s      ok"), "{text}");
        assert!(text.contains("tidy   20.00 ms  FAILED"), "{text}");
    }
}
