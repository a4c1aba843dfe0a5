//! The three tables of a configuration while they are put together.

use anyhow::Result;
use ar_train::TrainConfig;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::section::Section;
use super::value::{parse, to_toml};
use super::{ConfigFile, DataConfig, defaults};
use crate::failure::usage;
use crate::models::{listed, names};
use crate::values::order;
use crate::words::meant;

/// A configuration that starts with every default and takes a file's and then the flags' values.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    /// The model's name.
    pub(crate) name: String,
    /// Colours it sees RGB pixels by unless told otherwise.
    pub(crate) usual_palette: Option<usize>,
    sections: [Section; 3],
}

impl Draft {
    /// The defaults of the model asked for as `name`, the trainer and the data; with a `preset`, the
    /// model in that size.
    ///
    /// # Errors
    /// When there is no such model, or no such preset of it.
    pub(crate) fn new(asked: &str, preset: Option<&str>) -> Result<Self> {
        let entry = ar_models::find(asked).ok_or_else(|| {
            usage(format!(
                "unknown model {asked:?}{}; models are {}",
                meant(asked, names()),
                listed()
            ))
        })?;
        let name = entry.name;
        let model = match preset {
            Some(preset) => super::presets::preset(entry, preset)?,
            None => ar_models::Spec::default_config(name)?,
        };
        let train = serde_json::to_value(defaults::train(name, preset))?;
        let data = serde_json::to_value(defaults::data(asked))?;
        let sections = [
            Section::new("model", model, |_| Ok(())),
            Section::new("train", train, readable::<TrainConfig>),
            Section::new("data", data, readable::<DataConfig>),
        ];
        Ok(Self {
            name: name.to_owned(),
            usual_palette: defaults::palette(name, preset),
            sections,
        })
    }

    /// Takes over what `file` gives.
    ///
    /// # Errors
    /// On a field that nothing has, or a value that does not fit.
    pub(crate) fn merge(&mut self, file: &ConfigFile) -> Result<()> {
        for section in &mut self.sections {
            for (key, value) in file.table(section.title) {
                let origin = file.path.display().to_string();
                put(section, &normal(key), value.clone(), &origin)?;
            }
        }
        Ok(())
    }

    /// Takes over one `--set KEY=VALUE`; KEY may be prefixed with the table's name.
    ///
    /// # Errors
    /// When there is no such field, two tables have it, or the value does not fit.
    pub(crate) fn set(&mut self, assignment: &str) -> Result<()> {
        let origin = format!("--set {assignment}");
        let Some((key, text)) = assignment.split_once('=') else {
            return Err(usage(format!("{origin}: must have the form KEY=VALUE")));
        };
        let key = normal(key.trim());
        let value = parse(text).map_err(|must| usage(format!("{origin}: {must}")))?;
        let prefixed = key.split_once('.').and_then(|(title, rest)| {
            self.sections
                .iter_mut()
                .find(|s| s.title == title)
                .map(|section| (section, rest))
        });
        if let Some((section, rest)) = prefixed {
            return put(section, rest, value, &origin);
        }
        let mut owners: Vec<_> = self
            .sections
            .iter_mut()
            .filter(|section| section.knows(&key))
            .collect();
        match owners.as_mut_slice() {
            [section] => put(section, &key, value, &origin),
            [] => {
                let fields: Vec<_> = self.sections.iter().flat_map(Section::fields).collect();
                Err(usage(format!(
                    "{origin}: unknown field {key:?}{}; known are {}",
                    meant(&key, fields.iter().map(String::as_str)),
                    self.all_fields()
                )))
            }
            [first, second, ..] => Err(usage(format!(
                "{origin}: both [{}] and [{}] have {key:?}; write {}.{key} or {}.{key}",
                first.title, second.title, first.title, second.title
            ))),
        }
    }

    /// Takes over the value of an option, if it was given.
    ///
    /// # Errors
    /// When the value does not fit.
    pub(crate) fn flag(
        &mut self,
        flag: &str,
        title: &str,
        key: &str,
        value: Option<Value>,
    ) -> Result<()> {
        let section = self
            .sections
            .iter_mut()
            .find(|section| section.title == title);
        match (value, section) {
            (Some(value), Some(section)) => section.put(key, value, flag),
            _ => Ok(()),
        }
    }

    /// The table `title`, every field in it.
    pub(crate) fn table(&self, title: &str) -> Value {
        self.sections
            .iter()
            .find(|section| section.title == title)
            .map_or(Value::Null, Section::value)
    }

    /// The field `key` of table `title`; no value where there is no such field.
    pub(crate) fn get(&self, title: &str, key: &str) -> Value {
        self.table(title).get(key).cloned().unwrap_or(Value::Null)
    }

    /// Replaces the tables `model` and `data` by what they were resolved to.
    pub(crate) fn resolve(&mut self, model: Value, data: &DataConfig) -> Result<()> {
        let [own_model, _, own_data] = &mut self.sections;
        *own_model = Section::new("model", model, |_| Ok(()));
        *own_data = Section::new("data", serde_json::to_value(data)?, readable::<DataConfig>);
        Ok(())
    }

    /// The table `title` as what it configures.
    ///
    /// # Errors
    /// Never, as every change was checked; kept for the reader's sake.
    pub(crate) fn typed<T: DeserializeOwned>(&self, title: &str) -> Result<T> {
        serde_json::from_value(self.table(title))
            .map_err(|error| usage(format!("[{title}]: {error}")))
    }

    /// How the model is trained.
    ///
    /// # Errors
    /// When a rule is broken; the message names the field.
    pub(crate) fn training(&self) -> Result<TrainConfig> {
        let train: TrainConfig = self.typed("train")?;
        train
            .validate()
            .map_err(|error| usage(format!("in [train]: {error}")))?;
        Ok(train)
    }

    /// Fields whose values differ from those of `other`, as `table.field`.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let mut differing = Vec::new();
        for (own, other) in self.sections.iter().zip(&other.sections) {
            let (a, b) = (own.value(), other.value());
            for field in own.fields() {
                let pointer = format!("/{}", field.replace('.', "/"));
                if a.pointer(&pointer) != b.pointer(&pointer) {
                    differing.push(format!("{}.{field}", own.title));
                }
            }
        }
        differing
    }

    /// The whole as TOML that `--config` accepts.
    ///
    /// # Errors
    /// When a number is larger than TOML's.
    pub(crate) fn to_toml(&self) -> Result<String> {
        let mut all = toml::Table::new();
        all.insert("name".to_owned(), toml::Value::String(self.name.clone()));
        for section in &self.sections {
            all.insert(section.title.to_owned(), to_toml(&section.value()));
        }
        Ok(toml::to_string(&all)?)
    }

    fn all_fields(&self) -> String {
        let fields = self.sections.iter().flat_map(|section| {
            section
                .fields()
                .into_iter()
                .map(move |field| format!("{}.{field}", section.title))
        });
        fields.collect::<Vec<_>>().join(", ")
    }
}

/// Puts a value into a table. An order that a file lists is written out: a run needs no file but its own.
fn put(section: &mut Section, key: &str, value: Value, origin: &str) -> Result<()> {
    let value = match (section.title, key, &value) {
        ("model", "order", Value::String(name)) => order(name)
            .map_err(|problem| usage(format!("{origin}: {problem}")))?
            .into(),
        _ => value,
    };
    section.put(key, value, origin)
}

fn readable<T: DeserializeOwned>(table: &Value) -> Result<(), String> {
    let read = serde_json::from_value::<T>(table.clone()).map(drop);
    read.map_err(|error| in_words(&error.to_string()))
}

/// What a reader says of a value, in the words of [`super::value::fit`] where it speaks of Rust's types.
fn in_words(said: &str) -> String {
    match said.rsplit_once(", expected ") {
        Some((_, "u32" | "u64" | "usize")) => "must be a whole number of at least 0".to_owned(),
        Some((_, "f64")) => "must be a number".to_owned(),
        Some((_, "a string")) => "must be a word".to_owned(),
        _ => said.to_owned(),
    }
}

/// `batch-size` and `batch_size` are the same field.
fn normal(key: &str) -> String {
    key.replace('-', "_")
}
