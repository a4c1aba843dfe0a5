//! `ar-cli runs`: the runs in a folder, side by side.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_train::Checkpoint;
use ar_train::names::{METRICS, MODEL};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::failure::usage;
use crate::metrics::{BestStep, Nats, read_metrics};
use crate::output::Output;
use crate::progress::duration;
use crate::run::described;
use crate::scored::Scored;
use crate::training::RunResult;

/// List the runs in a folder: model, data, steps, likelihood, time, parameters
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder that is searched for runs, with the folders in it
    #[arg(value_name = "DIR", default_value = "runs")]
    folder: PathBuf,

    /// One JSON object on standard output: runs, each with run, model, data, steps, finished, seconds,
    /// parameters, validation, test
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is said of a run.
#[derive(Debug, Serialize)]
struct Listed {
    run: PathBuf,
    model: String,
    data: String,
    steps: u64,
    /// Whether it came to its end and was tested.
    finished: bool,
    /// Of training.
    seconds: Option<f64>,
    parameters: usize,
    /// The lowest validation so far.
    validation: Option<BestStep>,
    test: Option<Scored>,
}

/// Folders in folders that are looked into.
const DEPTH: usize = 4;

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    if !args.folder.is_dir() {
        return Err(usage(format!(
            "{}: there is no such folder; runs are in runs/ unless --run says otherwise",
            args.folder.display()
        )));
    }
    let mut folders = Vec::new();
    find(&args.folder, DEPTH, &mut folders, output);
    let mut runs = Vec::new();
    for folder in folders {
        match listed(&folder) {
            Ok(run) => runs.push(run),
            Err(error) => output.warn(format_args!("{}: {error:#}", folder.display())),
        }
    }
    if runs.is_empty() {
        output.say(format_args!("no runs in {}", args.folder.display()))?;
    } else {
        output.say(table(&runs))?;
    }
    output.json(&serde_json::json!({ "runs": runs }))?;
    Ok(0)
}

/// The folders with a checkpoint in `folder`, by name. What cannot be listed is told and left out.
fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>, output: &Output) {
    if folder.join(MODEL).is_file() {
        found.push(folder.to_owned());
        return;
    }
    if depth == 0 {
        return;
    }
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    match entries {
        Ok(entries) => {
            let mut inside: Vec<_> = entries.iter().map(std::fs::DirEntry::path).collect();
            inside.retain(|path| path.is_dir());
            inside.sort();
            for path in &inside {
                find(path, depth - 1, found, output);
            }
        }
        Err(error) => output.warn(format_args!("{}: {error}", folder.display())),
    }
}

fn listed(folder: &Path) -> Result<Listed> {
    let checkpoint = Checkpoint::describe(&folder.join(MODEL))?;
    let (spec, data) = described(&checkpoint.manifest)?;
    let result = RunResult::read(folder).filter(|result| result.steps == checkpoint.step);
    let lines = read_metrics(&folder.join(METRICS)).unwrap_or_default();
    let seconds = lines.last().and_then(|line| line.get("seconds")?.as_f64());
    let validations = lines.iter().filter_map(BestStep::of_metrics);
    let lowest = validations.min_by(|a, b| {
        let order = a.nats.partial_cmp(&b.nats);
        order.unwrap_or(Ordering::Equal)
    });
    Ok(Listed {
        run: folder.to_owned(),
        model: spec.model,
        data: data.name,
        steps: checkpoint.step,
        finished: result.is_some(),
        seconds: result.as_ref().map(|result| result.seconds).or(seconds),
        parameters: checkpoint.parameters,
        validation: lowest,
        test: result.and_then(|result| result.test),
    })
}

fn table(runs: &[Listed]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "run",
        "model",
        "data",
        "steps",
        "nats/image",
        "bits/dim",
        "time",
        "parameters",
    ]);
    for run in runs {
        let (nats, bits) = match (&run.test, &run.validation) {
            (Some(test), _) => (format!("{} test", test.nats()), test.bits()),
            (None, Some(best)) => (
                match best.nats {
                    Nats::Sample(nats) => format!("{nats:.4} nats/sample validation"),
                    Nats::Image(nats) => format!("{nats:.2} validation"),
                },
                String::new(),
            ),
            (None, None) => (String::new(), String::new()),
        };
        let steps = if run.finished {
            run.steps.to_string()
        } else {
            format!("{} unfinished", run.steps)
        };
        table.add_row([
            run.run.display().to_string(),
            run.model.clone(),
            run.data.clone(),
            steps,
            nats,
            bits,
            run.seconds.map_or_else(String::new, duration),
            run.parameters.to_string(),
        ]);
    }
    for (i, column) in table.column_iter_mut().enumerate() {
        if i >= 3 {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}
