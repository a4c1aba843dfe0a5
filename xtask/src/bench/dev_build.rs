//! `--dev-build`: whether the plain `cargo build` trains at a usable speed.

use anyhow::Result;
use serde_json::{Value, json};

use super::peer::{Job, Peer};
use super::report::{Runs, write};
use super::{Comparison, TWINS};
use crate::process::target_dir;
use crate::table::{cell, seconds, table, times};

/// The share of --release's speed that the profile in Cargo.toml is meant to keep.
const PROMISED: f64 = 0.8;

/// Times a training step of every model with both profiles in turns, prints and writes the ratios.
///
/// # Errors
/// When a program does not build or fails, or the JSON cannot be written.
pub(super) fn run(options: &Comparison) -> Result<()> {
    let (dev, release) = (Peer::ours("dev")?, Peer::ours("release")?);
    let names = options.models_or(TWINS);
    let mut models: Vec<(&str, Runs, Runs)> = names
        .iter()
        .map(|name| (name.as_str(), Runs::default(), Runs::default()))
        .collect();
    for _ in 0..options.rounds {
        for (model, dev_runs, release_runs) in &mut models {
            let job = Job {
                verb: "step",
                model,
                batch: options.batch,
                repeats: Some(options.repeats),
                threads: options.threads,
                default_size: false,
            };
            dev_runs.add(dev.time(&job)?);
            release_runs.add(release.time(&job)?);
        }
    }

    let mut rows = Vec::new();
    let mut entries: Vec<Value> = Vec::new();
    for (model, dev, release) in &models {
        let (dev, release) = (dev.median(), release.median());
        let speed = dev.zip(release).map(|(dev, release)| release / dev);
        rows.push(vec![
            (*model).to_owned(),
            cell(dev, seconds),
            cell(release, seconds),
            cell(speed, times),
            cell(speed, verdict),
        ]);
        entries.push(json!({"model": model, "dev": dev, "release": release, "speed": speed}));
    }
    let header = ["model", "dev step", "release step", "speed", "promised"];
    println!(
        "\n{} threads, step of {} images\n",
        options.threads, options.batch
    );
    println!("{}", table(&header, &rows));
    let standard = || target_dir().join("bench/dev-build.json");
    let out = options.out.clone().unwrap_or_else(standard);
    let report = json!({"threads": options.threads, "batch": options.batch, "models": entries});
    write(&out, &report)?;
    println!("written to {}", out.display());
    Ok(())
}

fn verdict(speed: f64) -> String {
    let word = if speed >= PROMISED { "kept" } else { "BROKEN" };
    format!("{PROMISED}x: {word}")
}

#[cfg(test)]
mod tests {
    use super::verdict;

    #[test]
    fn the_promise_is_judged() {
        assert_eq!(verdict(0.93), "0.8x: kept");
        assert_eq!(verdict(0.79), "0.8x: BROKEN");
    }
}
