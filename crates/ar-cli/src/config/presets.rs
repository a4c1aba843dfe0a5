//! `--preset`: named sizes of a model.

use anyhow::Result;
use ar_models::{ModelEntry, registry};
use serde_json::Value;

use crate::failure::usage;
use crate::models::with_aliases;
use crate::words::meant;

/// The configuration that `entry` calls `name`.
///
/// # Errors
/// When it has none of that name; the message lists those it has.
pub(crate) fn preset(entry: &ModelEntry, name: &str) -> Result<Value> {
    let all = entry.presets()?;
    let names = all.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let known = match names.as_slice() {
        [] => format!("{} has no presets", entry.name),
        names => format!("those of {} are {}", entry.name, names.join(", ")),
    };
    let found = all.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, config)| config).ok_or_else(|| {
        let meant = meant(name, names.iter().copied());
        usage(format!("--preset {name}: there is none{meant}; {known}"))
    })
}

/// The models and their presets, for `--help`.
pub(crate) fn help() -> String {
    let line = |entry: &ModelEntry| {
        let presets = entry.presets().unwrap_or_default();
        let names: Vec<_> = presets.iter().map(|(name, _)| *name).collect();
        match names.as_slice() {
            [] => format!("  {}", with_aliases(entry)),
            names => format!("  {}, presets {}", with_aliases(entry), names.join(", ")),
        }
    };
    let lines: Vec<_> = registry().into_iter().map(line).collect();
    format!("Models:\n{}", lines.join("\n"))
}
