//! Recordings that a command is given.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_data::{Companding, Encoding};

use super::inputs::{Input, all_files, class_of};
use crate::destination::ending_of;
use crate::failure::usage;
use crate::output::Output;
use crate::run::Run;

/// A recording in whole, at the rate of a run.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) path: PathBuf,
    /// As [`ar_data::read_wav`] gives them; there are some.
    pub(super) samples: Vec<u16>,
    /// What its name or its folder says that it is.
    pub(super) class: Option<u32>,
}

/// The only recording that `option` names.
///
/// # Errors
/// As [`recordings`], and when a folder holds several.
pub(super) fn one_recording(option: &str, path: &Path, run: &Run) -> Result<Recording> {
    let mut read = recordings(option, &[path.to_owned()], run)?;
    match (read.pop(), read.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(usage(format!(
            "{option} {}: give one recording",
            path.display()
        ))),
    }
}

/// The recordings that `option` names, those of a folder by name.
///
/// # Errors
/// When one is not there, or no WAV that can be read and holds samples.
pub(super) fn recordings(option: &str, paths: &[PathBuf], run: &Run) -> Result<Vec<Recording>> {
    let rate = run.data.config.sample_rate;
    let rate = rate.context("the run says no sampling rate")?;
    let read = |path: PathBuf| {
        let called = format!("{option} {}", path.display());
        if ending_of(&path) != "wav" {
            let problem = "the model is of sound; give WAV files";
            return Err(usage(format!("{called}: {problem}")));
        }
        let samples = ar_data::samples_of(&path, rate);
        let samples = samples.with_context(|| format!("cannot read {called}"))?;
        if samples.is_empty() {
            return Err(usage(format!("{called} holds no samples")));
        }
        Ok(Recording {
            class: class_of(&path, run),
            path,
            samples,
        })
    };
    let files = all_files(option, paths, &["wav"])?;
    files.into_iter().map(read).collect()
}

/// The recording `path` in whole, for which the model of `run` is put together anew.
///
/// # Errors
/// When it cannot be read, or the run is of images.
pub(super) fn recording(path: &Path, run: &mut Run, output: &Output) -> Result<Input> {
    let only = one_recording("--input", path, run)?;
    let Encoding::Sound(companding) = run.encoding else {
        return Err(usage("--input: the model is of images"));
    };
    run.take_size([1, only.samples.len()], "--input, of", output)?;
    let name = path.display().to_string();
    Ok(of_sound(&only.samples, name, only.class, companding, run))
}

/// A recording as what a model looks at.
pub(super) fn of_sound(
    samples: &[u16],
    name: String,
    class: Option<u32>,
    companding: Companding,
    run: &Run,
) -> Input {
    let bands = run.data.config.bands();
    Input {
        name,
        levels: companding.levels_of(samples),
        class,
        bands: bands.map(|bands| bands.of(samples)),
        is_halved: false,
        picture: None,
    }
}
