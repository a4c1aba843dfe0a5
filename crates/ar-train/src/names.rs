//! What the files of a run are called in its directory.

/// The last checkpoint.
pub const MODEL: &str = "model.safetensors";
/// What resuming needs; complete in itself.
pub const STATE: &str = "state.safetensors";
/// The checkpoint of the lowest validation.
pub const BEST: &str = "best.safetensors";
/// One JSON object a line.
pub const METRICS: &str = "metrics.jsonl";
/// The resolved configuration.
pub const CONFIG: &str = "config.toml";
/// How the run was made, where the program around it says.
pub const RECORD: &str = "run.json";
/// What it ended with, where the program around it says.
pub const RESULT: &str = "result.json";
/// Sample grids.
pub const SAMPLES: &str = "samples";
/// Held while a process trains.
pub(crate) const LOCK: &str = ".lock";
