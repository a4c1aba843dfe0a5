//! What goes to standard output, what to standard error, and how it looks there.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _, stderr, stdout};

use anyhow::{Context as _, Result};
use indicatif::MultiProgress;
use serde::Serialize;

use crate::picture::{Picture, preview_samples};

/// How much is said on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Warnings and errors.
    Quiet,
    /// Progress and what was done.
    Normal,
    /// Also what the libraries report.
    Verbose,
}

/// Where a command writes. Results for people go to standard output, or to standard error under
/// `--json`, which leaves standard output to one JSON object. Notes and progress go to standard
/// error.
#[derive(Debug, Clone)]
pub struct Output {
    verbosity: Verbosity,
    json: bool,
    terminal: bool,
    colour: bool,
    bars: MultiProgress,
}

impl Output {
    /// Looks at the standard streams and at `NO_COLOR`.
    pub fn new(verbosity: Verbosity, json: bool) -> Self {
        let terminal = stderr().is_terminal();
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            verbosity,
            json,
            terminal,
            colour,
            bars: MultiProgress::new(),
        }
    }

    /// Whether standard error is a terminal that progress may be drawn on.
    pub(crate) fn draws(&self) -> bool {
        self.terminal && self.verbosity > Verbosity::Quiet
    }

    /// Whether anything but warnings is wanted on standard error.
    pub(crate) fn is_quiet(&self) -> bool {
        self.verbosity == Verbosity::Quiet
    }

    /// The bars that notes and logs must not write across.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// A line of the result, for people.
    pub(crate) fn say(&self, text: impl Display) -> Result<()> {
        self.bars
            .suspend(|| {
                if self.json {
                    writeln!(stderr(), "{text}")
                } else {
                    writeln!(stdout(), "{text}")
                }
            })
            .context("cannot write the result")
    }

    /// A remark on standard error, not under `--quiet`.
    pub(crate) fn note(&self, text: impl Display) {
        if !self.is_quiet() {
            self.warn(text);
        }
    }

    /// A remark on standard error.
    pub(crate) fn warn(&self, text: impl Display) {
        // A closed standard error leaves nowhere to say so.
        let _ = self.bars.suspend(|| writeln!(stderr(), "{text}"));
    }

    /// What ended the program.
    pub fn error(&self, error: &anyhow::Error) {
        self.warn(format_args!("error: {error:#}"));
    }

    /// The result for programs, under `--json`.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let text = serde_json::to_string(value).context("cannot write the result as JSON")?;
        writeln!(stdout(), "{text}").context("cannot write the result")
    }

    /// Characters in a line of the result, for people.
    pub(crate) fn columns(&self) -> usize {
        let terminal = if self.json {
            console::Term::stderr()
        } else {
            console::Term::stdout()
        };
        usize::from(terminal.size().1).clamp(20, 120)
    }

    /// The images in the terminal, if standard error is one.
    pub(crate) fn preview(&self, images: &[Picture]) {
        if self.draws() {
            let columns = usize::from(console::Term::stderr().size().1).clamp(20, 120);
            self.note(preview_samples(images, columns, self.colour).trim_end_matches('\n'));
        }
    }

    /// Sends the libraries' events to standard error: warnings and news, with `--verbose` all they say.
    /// `RUST_LOG` overrides.
    pub fn install_log(&self) {
        use tracing_subscriber::EnvFilter;
        let filter = match self.verbosity {
            Verbosity::Quiet => "warn",
            Verbosity::Normal => "warn,ar_data=info",
            Verbosity::Verbose => "info,ar_core=debug,ar_models=debug,ar_data=debug,ar_train=debug",
        };
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(filter));
        let bars = self.bars.clone();
        // Fails only when there is a subscriber already, as in tests.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_ansi(self.colour)
            .with_target(self.verbosity == Verbosity::Verbose)
            .without_time()
            .with_writer(move || Log(bars.clone()))
            .try_init();
    }
}

/// Standard error, with the bars out of the way.
struct Log(MultiProgress);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.suspend(|| stderr().write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        stderr().flush()
    }
}
