//! How far a long task is: a bar on a terminal, a line now and then otherwise.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::output::Output;

/// Without a terminal a line is written this often, and none before so much time has passed.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Progress of one task. May be told from several threads.
#[derive(Debug)]
pub(crate) struct Progress {
    output: Output,
    label: String,
    unit: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    pace: Mutex<Pace>,
}

#[derive(Debug)]
struct Pace {
    started: Instant,
    /// Where it was when it started: a resumed run does not start at 0.
    first: Option<u64>,
    written: Instant,
}

impl Progress {
    /// A task called `label` of `total` `unit`s.
    pub(crate) fn new(
        output: &Output,
        label: impl Into<String>,
        unit: &'static str,
        total: u64,
    ) -> Self {
        let label = label.into();
        let bar = output.draws().then(|| {
            let bar = output.bars().add(ProgressBar::new(total));
            let template = format!("{{prefix}} {{bar:24}} {{pos}}/{{len}} {unit}s{{msg}}");
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            bar.set_prefix(label.clone());
            bar
        });
        let now = Instant::now();
        let pace = Mutex::new(Pace {
            started: now,
            first: None,
            written: now,
        });
        Self {
            output: output.clone(),
            label,
            unit,
            total,
            bar,
            pace,
        }
    }

    /// `done` of the total, with a remark such as the current likelihood.
    pub(crate) fn at(&self, done: u64, remark: impl FnOnce() -> String) {
        if self.output.is_quiet() {
            return;
        }
        let Ok(mut pace) = self.pace.lock() else {
            return;
        };
        let first = *pace.first.get_or_insert(done.saturating_sub(1));
        if self.bar.is_none() && pace.written.elapsed() < BETWEEN_LINES {
            return;
        }
        pace.written = Instant::now();
        let rate =
            done.saturating_sub(first) as f64 / pace.started.elapsed().as_secs_f64().max(1e-9);
        let remark = remark();
        let comma = if remark.is_empty() { "" } else { ", " };
        // Nothing done since it began tells nothing of how long the rest takes.
        let message = if rate > 0.0 {
            let left = duration(self.total.saturating_sub(done) as f64 / rate);
            format!(", {rate:.1}/s, {left} left{comma}{remark}")
        } else {
            format!("{comma}{remark}")
        };
        if let Some(bar) = &self.bar {
            bar.set_message(message);
            bar.set_position(done);
        } else {
            let (label, total, unit) = (&self.label, self.total, self.unit);
            self.output
                .note(format_args!("{label} {done}/{total} {unit}s{message}"));
        }
    }

    /// Takes the bar away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
            self.output.bars().remove(bar);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Seconds as people say them: `23 ms`, `7.5 s`, `3:20 min`, `2:05 h`.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.9995 => format!("{:.0} ms", seconds * 1000.0),
        _ if seconds < 59.95 => format!("{seconds:.1} s"),
        0..3600 => format!("{}:{:02} min", whole / 60, whole % 60),
        _ => format!("{}:{:02} h", whole / 3600, whole % 3600 / 60),
    }
}

/// How many a second, with the digits that tell something: `0.08`, `5.6`, `310`.
pub(crate) fn rate(count: usize, seconds: f64) -> String {
    let rate = count as f64 / seconds.max(1e-9);
    match rate {
        ..0.995 => format!("{rate:.2}"),
        ..9.95 => format!("{rate:.1}"),
        _ => format!("{rate:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_read_well() {
        let said = [(1, 12.5), (28, 5.0), (310, 1.0)].map(|(n, seconds)| rate(n, seconds));
        assert_eq!(said, ["0.08", "5.6", "310"]);
    }

    #[test]
    fn durations_read_well() {
        let said = [0.0234, 7.46, 59.9, 59.96, 200.0, 3599.6, 7500.0].map(duration);
        assert_eq!(
            said,
            [
                "23 ms", "7.5 s", "59.9 s", "1:00 min", "3:20 min", "1:00 h", "2:05 h"
            ]
        );
    }
}
