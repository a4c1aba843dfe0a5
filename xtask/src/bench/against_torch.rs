//! `--against-torch`: our models and their PyTorch twins, in turns on the same machine.

use std::num::NonZero;

use anyhow::{Result, bail};
use serde_json::json;

use super::peer::{Job, Peer};
use super::report::{ModelReport, as_json, as_table, write};
use super::{Comparison, TWINS};
use crate::process::target_dir;

/// Times every model on both sides, prints the table, writes the JSON.
///
/// # Errors
/// When a program fails, the JSON cannot be written, or a model and its twin differ in live parameters.
pub(super) fn run(options: &Comparison) -> Result<()> {
    let ours = Peer::ours(&options.profile)?;
    let torch = match Peer::torch(&options.python) {
        Ok(found) => Some(found),
        Err(reason) => {
            println!("{reason}; timing ours only");
            None
        }
    };
    let (torch, version) = torch.unzip();
    let names = options.models_or(TWINS);
    let mut models: Vec<ModelReport> = names.iter().map(|name| ModelReport::new(name)).collect();
    // Rounds outermost: a slow minute of the machine falls on every model and both sides.
    for _ in 0..options.rounds {
        for model in &mut models {
            round(options, &ours, torch.as_ref(), model)?;
        }
    }

    let (batch, sample_batch) = (options.batch, options.sample_batch);
    let (threads, rounds) = (options.threads, options.rounds);
    let torch_name = version.as_deref().unwrap_or("none");
    println!(
        "\n{threads} threads, step of {batch} images, {sample_batch} images sampled and forward, \
         medians of {rounds} rounds, profile {}, torch {torch_name}\n",
        options.profile
    );
    println!("{}", as_table(&models));
    let conditions = json!({
        "cores": std::thread::available_parallelism().ok().map(NonZero::get),
        "threads": threads,
        "batch": batch,
        "sample_batch": sample_batch,
        "repeats": options.repeats,
        "rounds": rounds,
        "profile": options.profile,
        "torch": version,
    });
    let standard = || target_dir().join("bench/against-torch.json");
    let out = options.out.clone().unwrap_or_else(standard);
    write(&out, &as_json(&models, conditions))?;
    println!("written to {}", out.display());

    let mismatches: Vec<String> = models.iter().filter_map(ModelReport::mismatch).collect();
    if !mismatches.is_empty() {
        bail!("not the same network: {}", mismatches.join("; "));
    }
    Ok(())
}

fn round(
    options: &Comparison,
    ours: &Peer,
    torch: Option<&Peer>,
    report: &mut ModelReport,
) -> Result<()> {
    let model = report.model.clone();
    let job = |verb, batch, repeats| Job {
        verb,
        model: &model,
        batch,
        repeats,
        threads: options.threads,
        default_size: false,
    };
    let step = job("step", options.batch, Some(options.repeats));
    report.step.ours.add(ours.time(&step)?);
    if let Some(torch) = torch {
        report.step.torch.add(torch.time(&step)?);
    }
    let sample = job("sample", options.sample_batch, Some(options.repeats));
    report.sample.ours.add(ours.time(&sample)?);
    let forward = job("forward", options.sample_batch, Some(options.repeats));
    report.forward.add(ours.time(&forward)?);
    if let Some(torch) = torch {
        // PyTorch's loop is timed over a few positions and scaled by the script itself.
        let sample = job("sample", options.sample_batch, None);
        report.sample.torch.add(torch.time(&sample)?);
    }
    Ok(())
}
