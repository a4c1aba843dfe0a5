//! `cargo xtask golden`: exports the fixtures that hold the models to PyTorch's numbers.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::process::{command, root, run as spawn};

/// The script that writes the fixtures beside itself.
const SCRIPT: &str = "crates/ar-models/tests/golden/export.py";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The Python that has torch, numpy and safetensors
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
}

/// Runs the export.
///
/// # Errors
/// When Python or one of its packages is missing, or a model cannot be exported.
pub(crate) fn run(args: &Args) -> Result<()> {
    spawn(command(&args.python).arg(root().join(SCRIPT))).with_context(|| {
        "the fixtures are exported once and kept; to export them again: pip install torch numpy safetensors"
    })
}
