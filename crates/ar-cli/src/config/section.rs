//! One table of the configuration and what its keys may hold.

use anyhow::Result;
use serde_json::{Map, Value};

use super::value::fit;
use crate::failure::usage;
use crate::words::meant;

/// Decides whether a whole table can be read as what it configures.
pub(super) type Check = fn(&Value) -> Result<(), String>;

/// A table with every field, and where each value came from: the default, a file, or a flag.
#[derive(Debug, Clone)]
pub(super) struct Section {
    /// `model`, `train` or `data`.
    pub(super) title: &'static str,
    defaults: Map<String, Value>,
    values: Map<String, Value>,
    check: Check,
}

impl Section {
    /// All defaults. What is no table counts as one without fields.
    pub(super) fn new(title: &'static str, defaults: Value, check: Check) -> Self {
        let defaults = match defaults {
            Value::Object(map) => map,
            _ => Map::new(),
        };
        Self {
            title,
            values: defaults.clone(),
            defaults,
            check,
        }
    }

    pub(super) fn value(&self) -> Value {
        Value::Object(self.values.clone())
    }

    /// Whether `path` (`key` or `key.inner`) is a field.
    pub(super) fn knows(&self, path: &str) -> bool {
        find(&self.defaults, path).is_some()
    }

    /// The fields, `key` or `key.inner`.
    pub(super) fn fields(&self) -> Vec<String> {
        let mut fields = Vec::new();
        collect(&self.defaults, "", &mut fields);
        fields
    }

    /// Puts `new` in the place of the field `path`. `origin` is what the user wrote, for messages.
    pub(super) fn put(&mut self, path: &str, new: Value, origin: &str) -> Result<()> {
        let Some(default) = find(&self.defaults, path) else {
            let known = self.fields().join(", ");
            let fields = self.fields();
            return Err(usage(format!(
                "{origin}: unknown field {path:?} of [{}]{}; known are {known}",
                self.title,
                meant(path, fields.iter().map(String::as_str))
            )));
        };
        if let (Value::Object(_), Value::Object(inner)) = (default, &new) {
            for (key, value) in inner {
                self.put(&format!("{path}.{key}"), value.clone(), origin)?;
            }
            return Ok(());
        }
        let written = new.clone();
        let new = fit(default, new)
            .map_err(|must| usage(format!("{origin}: {path} {must}, not {written}")))?;
        let before = self.values.clone();
        insert(&mut self.values, path, new);
        (self.check)(&self.value()).map_err(|problem| {
            self.values = before;
            usage(format!("{origin}: {path}: {problem}"))
        })
    }
}

fn find<'m>(map: &'m Map<String, Value>, path: &str) -> Option<&'m Value> {
    match path.split_once('.') {
        None => map.get(path),
        Some((first, rest)) => map
            .get(first)
            .and_then(Value::as_object)
            .and_then(|inner| find(inner, rest)),
    }
}

fn insert(map: &mut Map<String, Value>, path: &str, new: Value) {
    match path.split_once('.') {
        None => {
            map.insert(path.to_owned(), new);
        }
        Some((first, rest)) => {
            let inner = map
                .entry(first)
                .or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                insert(inner, rest, new);
            }
        }
    }
}

fn collect(map: &Map<String, Value>, prefix: &str, fields: &mut Vec<String>) {
    for (key, value) in map {
        match value {
            Value::Object(inner) => collect(inner, &format!("{prefix}{key}."), fields),
            _ => fields.push(format!("{prefix}{key}")),
        }
    }
}
