//! What the command line gives to a run.

use std::path::PathBuf;

use anyhow::Result;
use serde_json::Value;

use crate::config::Draft;
use crate::failure::usage;
use crate::reading::Flag;

/// What the command line gives, each value only where it was given.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The model's name.
    pub(crate) model: Option<String>,
    /// `--config`.
    pub(crate) config: Option<PathBuf>,
    /// `--set`, in order.
    pub(crate) set: Vec<String>,
    /// Options that stand for a field: option, table, field, value.
    pub(crate) flags: Vec<Flag>,
    /// `--preset`.
    pub(crate) preset: Option<String>,
    /// `--run`.
    pub(crate) run: Option<PathBuf>,
}

/// Fields that end a run; giving one on the command line replaces those of a file.
pub(super) const LIMITS: [&str; 3] = ["epochs", "steps", "minutes"];
impl Given {
    /// `--set`, then options; a limit given here replaces all limits that were there.
    ///
    /// # Errors
    /// When a field is unknown, a value does not fit, or two contradict each other.
    pub(super) fn apply(&self, draft: &mut Draft) -> Result<()> {
        let before = draft.clone();
        for assignment in &self.set {
            draft.set(assignment)?;
        }
        for (flag, title, key, value) in &self.flags {
            let by_set = draft.get(title, key) != before.get(title, key);
            if by_set
                && value
                    .as_ref()
                    .is_some_and(|value| *value != draft.get(title, key))
            {
                return Err(usage(format!(
                    "{flag} and --set {key} contradict each other; give one of them"
                )));
            }
            draft.flag(flag, title, key, value.clone())?;
        }
        let changed = |field: &&str| draft.get("train", field) != before.get("train", field);
        if LIMITS.iter().any(&changed) {
            let kept: Vec<_> = LIMITS
                .iter()
                .filter(|field| !changed(field) && !self.names_limit(field))
                .collect();
            for field in kept {
                draft.flag("the new limit", "train", field, Some(Value::Null))?;
            }
        }
        Ok(())
    }

    /// Whether the command line gives this limit, be it the same as before.
    fn names_limit(&self, field: &str) -> bool {
        let by_flag = self
            .flags
            .iter()
            .any(|(_, _, key, value)| *key == field && value.is_some());
        let by_set = self
            .set
            .iter()
            .filter_map(|text| text.split_once('='))
            .any(|(key, _)| {
                let key = key.trim();
                key == field || key.strip_prefix("train.") == Some(field)
            });
        by_flag || by_set
    }
}
