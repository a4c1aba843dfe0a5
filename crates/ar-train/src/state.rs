//! Everything a run needs to go on as if it had never stopped, in one file replaced in one rename.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::container::{Array, Container, FORMAT_VERSION, encode};
use crate::{Best, Error, Manifest, Result, TrainConfig};

/// Counters of a run. Epoch and batch follow from the step and the number of batches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Progress {
    /// Updates made.
    pub(crate) step: u64,
    /// Wall-clock seconds of training so far.
    pub(crate) seconds: f64,
    /// Set by the first call of `train`.
    pub(crate) batches_per_epoch: Option<u64>,
    /// The step of the last validation, 0 before the first.
    pub(crate) validated: u64,
    pub(crate) best: Option<Best>,
    /// Validations since the best.
    #[serde(default)]
    pub(crate) stale: u64,
    /// Running mean of the loss, in nats per image; of no meaning before the first step.
    #[serde(with = "exact")]
    pub(crate) smoothed: f64,
}

/// Arrays by parameter name.
pub(crate) type Arrays = BTreeMap<String, Array>;

/// All arrays of a run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Snapshot {
    pub(crate) weights: Arrays,
    pub(crate) averaged: Option<Arrays>,
    /// The mean gradient.
    pub(crate) first: Arrays,
    /// Adam's mean squared gradient, of what Adam updates.
    pub(crate) second: Arrays,
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) manifest: Manifest,
    /// Fields of the trainer's configuration, to be compared with the present one.
    pub(crate) config: BTreeMap<String, Value>,
    pub(crate) progress: Progress,
    pub(crate) arrays: Snapshot,
}

/// The bytes of a state file.
pub(crate) fn encode_state(
    path: &Path,
    manifest: &Manifest,
    config: &TrainConfig,
    progress: &Progress,
    arrays: &Snapshot,
) -> Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Header<'a> {
        format_version: u64,
        kind: &'static str,
        manifest: &'a Manifest,
        train: &'a TrainConfig,
        progress: &'a Progress,
    }
    let header = Header {
        format_version: FORMAT_VERSION,
        kind: "state",
        manifest,
        train: config,
        progress,
    };
    let groups = [
        ("weights", Some(&arrays.weights)),
        ("averaged", arrays.averaged.as_ref()),
        ("first", Some(&arrays.first)),
        ("second", Some(&arrays.second)),
    ];
    let named = groups.into_iter().flat_map(|(group, arrays)| {
        arrays
            .into_iter()
            .flatten()
            .map(move |(name, array)| (format!("{group}.{name}"), array))
    });
    encode(path, &header, named)
}

/// The manifest of a state file, without its arrays.
pub(crate) fn read_manifest(path: &Path) -> Result<Manifest> {
    open(path)?.field("manifest")
}

/// Reads a state file and checks that its parts fit together.
pub(crate) fn read_state(path: &Path) -> Result<State> {
    let container = open(path)?;
    let manifest = container.field("manifest")?;
    let config: BTreeMap<String, Value> = container.field("train")?;
    let progress = container.field("progress")?;
    let mut groups: BTreeMap<String, Arrays> = BTreeMap::new();
    for (name, array) in container.arrays()? {
        let (group, name) = name
            .split_once('.')
            .ok_or_else(|| Error::damaged(path, format!("`{name}` has no place in it")))?;
        groups
            .entry(group.to_owned())
            .or_default()
            .insert(name.to_owned(), array);
    }
    let mut take = |group: &str| groups.remove(group);
    let weights = take("weights").ok_or_else(|| Error::damaged(path, "the weights are missing"))?;
    let fitting = |group: &str, arrays: Arrays, all: bool| {
        let fits = |arrays: &Arrays| {
            let like = |(name, array): (_, &Array)| {
                weights
                    .get::<String>(name)
                    .is_some_and(|w| w.shape == array.shape)
            };
            (!all || arrays.len() == weights.len()) && arrays.iter().all(like)
        };
        if fits(&arrays) {
            Ok(arrays)
        } else {
            let problem = format!("`{group}` does not fit the weights");
            Err(Error::damaged(path, problem))
        }
    };
    // Muon has no second moments. A state of before there was a choice is Adam's.
    let muon = config.get("optimizer").is_some_and(|name| name == "muon");
    let first = fitting("first", take("first").unwrap_or_default(), true)?;
    let second = fitting("second", take("second").unwrap_or_default(), !muon)?;
    let averaged = take("averaged")
        .map(|arrays| fitting("averaged", arrays, true))
        .transpose()?;
    Ok(State {
        manifest,
        config,
        progress,
        arrays: Snapshot {
            weights,
            averaged,
            first,
            second,
        },
    })
}

/// Numbers as text: the JSON reader may move the last bit of a number, and a resumed run must not differ.
pub(crate) mod exact {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    pub(crate) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}

fn open(path: &Path) -> Result<Container<'_>> {
    let container = Container::open(path)?;
    match container.field::<String>("kind")?.as_str() {
        "state" => Ok(container),
        kind => Err(Error::NotACheckpoint {
            path: path.to_path_buf(),
            problem: format!("it holds a `{kind}`, not a training state"),
        }),
    }
}
