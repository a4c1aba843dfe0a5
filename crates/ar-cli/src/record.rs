//! By which program, on which machine and with which command a run was made: `run.json`.

use std::path::Path;

use anyhow::{Context as _, Result};
use ar_train::RunDirectory;
use candle_core::Device;
use serde::{Deserialize, Serialize};

use crate::device::name;
use crate::picture::write_whole;
use crate::training::Begun;

/// The program's version, with the commit it was built from where that is known.
pub(crate) const VERSION: &str = env!("AR_VERSION");

/// One call of `train`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// Updates made before it.
    pub(crate) from_step: u64,
    /// When it began, in UTC.
    pub(crate) started: String,
    /// Version and commit of the program.
    pub(crate) version: String,
    /// The whole command line.
    pub(crate) command: Vec<String>,
    /// What trains: "cpu", "cuda:0", ..
    pub(crate) device: String,
    /// Name of the processor.
    pub(crate) processor: String,
    /// Threads of the arithmetic.
    pub(crate) threads: usize,
}

/// Everything that a run's results may depend on beside its configuration.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// From the first on.
    pub(crate) sessions: Vec<Session>,
}

impl Record {
    /// The record at `path`; an empty one where there is none, as of older runs.
    pub(crate) fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// Adds this call of the program to the record of a run.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn record(
    directory: &RunDirectory,
    begun: Begun,
    from_step: u64,
    device: &Device,
) -> Result<()> {
    let path = directory.record_path();
    let mut record = match begun {
        Begun::Anew => Record::default(),
        Begun::Resumed => Record::read(&path),
    };
    if record.sessions.is_empty() && path.exists() {
        // It cannot be read; somebody may still want it.
        std::fs::rename(&path, path.with_extension("json.damaged"))
            .with_context(|| format!("cannot put {} aside", path.display()))?;
    }
    record.sessions.push(Session {
        from_step,
        started: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        version: VERSION.to_owned(),
        command: std::env::args_os()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect(),
        device: name(device),
        processor: processor(),
        threads: candle_core::utils::get_num_threads(),
    });
    let text = serde_json::to_string_pretty(&record)? + "\n";
    write_whole(&path, text.as_bytes()).context("cannot keep the record of the run")
}

/// What the system calls the processor.
fn processor() -> String {
    use sysinfo::{CpuRefreshKind, RefreshKind, System};
    let what = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(what).ok();
    let brand = system.and_then(|system| Some(system.cpus().first()?.brand().trim().to_owned()));
    brand
        .filter(|brand| !brand.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}
