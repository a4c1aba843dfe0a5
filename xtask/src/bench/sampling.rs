//! `--sampling`: what drawing images costs, in forward passes, and how much the usual loop costs more.

use anyhow::Result;
use serde_json::{Value, json};

use super::Comparison;
use super::peer::{Job, Peer};
use super::report::{Runs, write};
use crate::process::target_dir;
use crate::table::{cell, seconds, table, times};

/// Every model; a name that is missing here is only left out of the table.
const ALL: &[&str] = &[
    "made",
    "rnn",
    "pixelrnn",
    "pixelcnn",
    "pixelcnn-plain",
    "gated-pixelcnn",
    "wavenet",
    "imagegpt",
    "pixelcnn-pp",
    "multiscale",
    "masked-transformer",
    "image-transformer",
    "pixelsnail",
];

/// What is timed of each model.
const VERBS: [&str; 3] = ["forward", "sample", "whole"];

/// Times every model, prints the table, writes the JSON.
///
/// # Errors
/// When a program does not build or fails, or the JSON cannot be written.
pub(super) fn run(options: &Comparison) -> Result<()> {
    let ours = Peer::ours(&options.profile)?;
    let names = options.models_or(ALL);
    let mut models: Vec<[Runs; 3]> = names.iter().map(|_| Default::default()).collect();
    for _ in 0..options.rounds {
        for (model, runs) in names.iter().zip(&mut models) {
            for (verb, runs) in VERBS.into_iter().zip(runs) {
                let job = Job {
                    verb,
                    model,
                    batch: options.sample_batch,
                    repeats: Some(options.repeats),
                    threads: options.threads,
                    default_size: true,
                };
                runs.add(ours.time(&job)?);
            }
        }
    }

    let (mut rows, mut entries) = (Vec::new(), Vec::new());
    for (model, [forward, sample, whole]) in names.iter().zip(&models) {
        let parameters = sample.parameters;
        let [forward, sample, whole] = [forward, sample, whole].map(Runs::median);
        let passes = sample.zip(forward).map(|(s, f)| s / f);
        let faster = whole.zip(sample).map(|(w, s)| w / s);
        rows.push(vec![
            model.clone(),
            cell(parameters, |n| n.to_string()),
            cell(forward, seconds),
            cell(sample, seconds),
            cell(whole, seconds),
            cell(passes, times),
            cell(faster, times),
        ]);
        entries.push(json!({
            "model": model,
            "parameters": parameters,
            "forward": forward,
            "sample": sample,
            "whole_passes": whole,
            "sample_over_forward": passes,
            "whole_passes_over_sample": faster,
        }));
    }
    let header = [
        "model",
        "params",
        "forward",
        "sample",
        "whole passes",
        "sample/forward",
        "whole/sample",
    ];
    let (threads, batch) = (options.threads, options.sample_batch);
    println!("\n{threads} threads, {batch} binary images of 28x28, default sizes\n");
    println!("{}", table(&header, &rows));
    let standard = || target_dir().join("bench/sampling.json");
    let out = options.out.clone().unwrap_or_else(standard);
    let report: Value = json!({"threads": threads, "batch": batch, "models": entries});
    write(&out, &report)?;
    println!("written to {}", out.display());
    Ok(())
}
