//! A configuration file.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value};

use super::value::from_toml;
use crate::failure::usage;

/// A TOML file with the model's `name` and the tables `[model]`, `[train]` and `[data]`, each with
/// any of its fields. A run's `config.toml` is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigFile {
    /// Where it is, for messages.
    pub(crate) path: PathBuf,
    /// The model, if it says.
    pub(crate) name: Option<String>,
    tables: Map<String, Value>,
}

impl ConfigFile {
    /// Reads `path`.
    ///
    /// # Errors
    /// When it cannot be read, is not TOML, or has another table or top-level field.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(usage(format!(
                "{} is a folder; a configuration is a file, such as the config.toml of a run",
                path.display()
            )));
        }
        if !path.exists() {
            return Err(usage(format!("there is no file {}", path.display())));
        }
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let at = |problem: String| usage(format!("{}: {problem}", path.display()));
        let table: toml::Table =
            toml::from_str(&text).map_err(|error| at(error.to_string().trim_end().to_owned()))?;
        let mut file = Self {
            path: path.to_owned(),
            ..Self::default()
        };
        for (key, value) in table {
            match (
                key.as_str(),
                from_toml(value).map_err(|must| at(format!("{key}: {must}")))?,
            ) {
                ("name", Value::String(name)) => file.name = Some(name),
                ("model" | "train" | "data", table @ Value::Object(_)) => {
                    file.tables.insert(key, table);
                }
                _ => {
                    let known = "known are name = \"MODEL\", [model], [train] and [data]";
                    return Err(at(format!("unknown field {key:?}; {known}")));
                }
            }
        }
        Ok(file)
    }

    /// Whether it says anything of table `title`.
    pub(crate) fn has(&self, title: &str) -> bool {
        self.table(title).next().is_some()
    }

    /// The field `key` of table `title`, if it says.
    pub(crate) fn get(&self, title: &str, key: &str) -> Option<&Value> {
        self.tables.get(title)?.get(key)
    }

    /// The fields of table `title`, none if it is not there.
    pub(super) fn table(&self, title: &str) -> impl Iterator<Item = (&String, &Value)> {
        self.tables
            .get(title)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    }
}
