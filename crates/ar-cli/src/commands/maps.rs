//! Pictures of where a model was astonished.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::inputs::PICTURES;
use super::subjects::Subjects;
use crate::dataset::pictures;
use crate::destination::{Destinations, ending_of};
use crate::failure::usage;
use crate::output::Output;
use crate::picture::{Picture, astonishing, beside, columns_of};
use crate::progress::Progress;
use crate::run::{Run, order_of};

/// What all maps of a command have in common.
#[derive(Debug, Serialize)]
pub(super) struct Scale {
    /// What the brightest colour stands for, or the highest column.
    pub(super) max: f64,
    pub(super) unit: &'static str,
    /// The order in which each value is given those before it.
    pub(super) order: String,
}

/// Refuses a file in the place of a folder.
///
/// # Errors
/// When it is one.
pub(super) fn is_no_file(folder: &Path) -> Result<()> {
    if folder.is_dir() || !folder.exists() {
        return Ok(());
    }
    Err(usage(format!("--map {}: it is a file", folder.display())))
}

/// A file in `folder` for each of `names`, which is made where it is not there.
///
/// # Errors
/// When one cannot or must not be written.
pub(super) fn places(
    folder: &Path,
    names: &[String],
    files: &mut Destinations,
) -> Result<Vec<PathBuf>> {
    std::fs::create_dir_all(folder)
        .map_err(|error| usage(format!("--map {}: {error}", folder.display())))?;
    let mut all: Vec<PathBuf> = Vec::with_capacity(names.len());
    let mut taken = std::collections::HashSet::new();
    for name in names {
        let stem = stem(name);
        let (mut free, mut n) = (stem.clone(), 1);
        while !taken.insert(free.clone()) {
            n += 1;
            free = format!("{stem}-{n}");
        }
        let file = folder.join(free + ".png");
        files.file("--map", &file, &["png"])?;
        all.push(file);
    }
    Ok(all)
}

/// A file name for a picture of what is called `name`: "a.png" is a, and "b.npy[3]" is b-3.
fn stem(name: &str) -> String {
    let (file, number) = match name.rsplit_once('[') {
        Some((file, rest)) if rest.ends_with(']') => (file, rest.trim_end_matches(']')),
        _ => (name, ""),
    };
    let path = Path::new(file);
    let is_known = PICTURES.iter().chain(&["npy", "npz", "wav"]);
    let stem = if is_known.into_iter().any(|end| *end == ending_of(path)) {
        path.file_stem()
    } else {
        path.file_name()
    };
    let stem = stem.unwrap_or_default().to_string_lossy().into_owned();
    match number {
        "" => stem,
        number => format!("{stem}-{number}"),
    }
}

/// Writes the map of each of `subjects` into its file.
///
/// # Errors
/// When it cannot be computed or written.
pub(super) fn save(
    subjects: &Subjects,
    run: &Run,
    files: &[PathBuf],
    factor: Option<usize>,
    batch_size: usize,
    output: &Output,
) -> Result<Scale> {
    let members = run.model.members();
    let model = *members.first().context("a model without members")?;
    let order = order_of(model);
    if members.len() > 1 {
        output.note(format_args!(
            "maps: of the first of {} orders, {order}, as the average of them all has none for a pixel; another \
             with --order",
            members.len()
        ));
    }
    let (images, encoding) = (&subjects.images, &subjects.encoding);
    let bar = Progress::new(output, "mapping", "image", files.len() as u64);
    let mut all = ar_train::surprise(model, images, encoding, batch_size, &mut |done| {
        bar.at(done as u64, String::new);
        true
    })?;
    drop(bar);
    let unit = match images.context() {
        Some(_) => {
            for own in &mut all {
                let bits: Vec<f64> = own.iter().map(|n| n / std::f64::consts::LN_2).collect();
                *own = columns_of(&bits);
            }
            "bits/sample"
        }
        None => "nats/pixel",
    };
    let max = all.iter().flatten().copied().fold(0.0, f64::max);
    for (i, (file, own)) in files.iter().zip(&all).enumerate() {
        drawn(subjects, run, i, (own, max), factor)?.save_png(file)?;
    }
    Ok(Scale { max, unit, order })
}

fn drawn(
    subjects: &Subjects,
    run: &Run,
    i: usize,
    (surprise, max): (&[f64], f64),
    factor: Option<usize>,
) -> Result<Picture> {
    if let (Some(_), Some(rate)) = (subjects.images.context(), run.data.config.sample_rate) {
        return astonishing(subjects.images.recording(i), surprise, max, rate);
    }
    let (levels, _) = subjects.levels(i)?;
    let image = pictures(&levels, &run.model.domain(), &run.encoding, None)?;
    beside(&image[0], surprise, max, factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_map_has_a_name_of_its_own() {
        assert_eq!(
            ["x/a.png", "b.npy[3]", "test[0]", "c.d", "e.WAV", "f[x.png"].map(stem),
            ["a", "b-3", "test-0", "c.d", "e", "f[x"]
        );
        let folder = tempfile::tempdir().unwrap();
        let names = ["a.png", "x/a.png", "a-2.png", "a.jpg"].map(str::to_owned);
        let into = folder.path().join("maps");
        let files = places(&into, &names, &mut Destinations::new(false)).unwrap();
        let called: Vec<_> = files
            .iter()
            .filter_map(|f| f.file_name()?.to_str())
            .collect();
        assert_eq!(called, ["a.png", "a-2.png", "a-2-2.png", "a-3.png"]);
        let file = folder.path().join("file");
        std::fs::write(&file, b"").unwrap();
        assert!(is_no_file(&file).is_err() && is_no_file(&into).is_ok());
    }
}
