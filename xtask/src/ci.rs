//! `cargo xtask ci`: everything a change must pass, cheapest first.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::process::{cargo, root, run as spawn, target_dir};
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
    /// The program outside the workspace that has a model of its own: built, checked, trained
    Outside,
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
            Self::Outside => outside(),
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

/// What a user does with a model that is in no crate of ours: every command knows it by name.
fn outside() -> Result<()> {
    let package = root().join("docs/examples/own-model");
    // The versions that the workspace is tested with; cargo leaves out what the program does not need.
    let (ours, own) = (root().join("Cargo.lock"), package.join("Cargo.lock"));
    std::fs::copy(&ours, &own).with_context(|| own.display().to_string())?;
    let run = target_dir().join("outside");
    if run.exists() {
        std::fs::remove_dir_all(&run).with_context(|| run.display().to_string())?;
    }
    let small = [
        "--data",
        "digits",
        "--set",
        "digits=40",
        "--set",
        "hidden=4",
        "--set",
        "dilations=[1,2]",
    ];
    let train = [&["train", "dilated-cnn", "--steps", "2"], &small[..]].concat();
    for words in [
        &[
            "check",
            "dilated-cnn",
            "--shape",
            "1x7x6",
            "--set",
            "hidden=4",
        ][..],
        &train[..],
        &["sample", "-n", "2"],
    ] {
        let mut command = cargo(["run", "--quiet", "--manifest-path"]);
        command.arg(package.join("Cargo.toml"));
        command
            .arg("--target-dir")
            .arg(target_dir())
            .arg("--")
            .args(words);
        match words[0] {
            "train" => command.arg("--run").arg(&run),
            "sample" => command.arg(&run),
            _ => &mut command,
        };
        spawn(&mut command)?;
    }
    Ok(())
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
            [
                "fmt", "tidy", "clippy", "test", "doc", "bench", "outside", "book"
            ]
        );
        assert_eq!(names(&[], &[Stage::Test, Stage::Fmt]), ["fmt", "test"]);
        assert_eq!(names(&[Stage::Clippy, Stage::Book], &[]).len(), 6);
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
