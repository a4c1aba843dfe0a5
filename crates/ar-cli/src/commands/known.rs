//! Which pixels of an image are given.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_core::Domain;
use ar_data::{LoadOptions, read_images};

use super::inputs::{Input, PICTURES, files_in, is_there};
use crate::destination::ending_of;
use crate::failure::usage;
use crate::words::counted;

/// Which pixels are given.
#[derive(Debug)]
pub(super) struct Known {
    /// `(H, W)`: one for all images, or one for each.
    masks: Vec<Vec<bool>>,
}

impl Known {
    /// The first `rows` rows.
    ///
    /// # Errors
    /// When there are not so many.
    pub(super) fn rows(rows: usize, domain: &Domain) -> Result<Self> {
        if rows > domain.height {
            return Err(usage(format!(
                "--keep-rows {rows}: the model's images have {} rows",
                domain.height
            )));
        }
        let mask = (0..domain.positions()).map(|p| p / domain.width < rows);
        Ok(Self {
            masks: vec![mask.collect()],
        })
    }

    /// What is not black: in the picture `path`, or in its images, one for each input, or in the pictures of
    /// the folder `path`, each for the input of the same name, or for the input in the same place where inputs
    /// are no files.
    ///
    /// # Errors
    /// When a mask is missing, cannot be read or is of another size.
    pub(super) fn masks(path: &Path, inputs: &[Input], domain: &Domain) -> Result<Self> {
        is_there("--mask", path)?;
        let files = if path.is_dir() {
            masks_of(path, inputs)?
        } else {
            vec![path.to_owned()]
        };
        let mut masks = Vec::new();
        for file in &files {
            masks.extend(known_in(file, domain)?);
        }
        let one_for_all = masks.len() == 1 && !path.is_dir();
        if !one_for_all && masks.len() != inputs.len() {
            return Err(usage(format!(
                "--mask {}: {} for {}",
                path.display(),
                counted(masks.len(), "mask"),
                counted(inputs.len(), "image")
            )));
        }
        Ok(Self { masks })
    }

    /// Whether there is nothing to draw in any image.
    pub(super) fn is_all(&self) -> bool {
        self.masks.iter().flatten().all(|&known| known)
    }

    /// Of the `i`-th input.
    pub(super) fn of(&self, i: usize) -> &[bool] {
        &self.masks[i % self.masks.len()]
    }
}

/// For each input that is a picture the file of the same name in `folder`; in order of names where one is not.
fn masks_of(folder: &Path, inputs: &[Input]) -> Result<Vec<PathBuf>> {
    let found = files_in("--mask", folder, PICTURES)?;
    let named: Option<Vec<&PathBuf>> = inputs.iter().map(|i| i.picture.as_ref()).collect();
    let Some(pictures) = named else {
        return Ok(found);
    };
    let of = |picture: &&PathBuf| {
        let same = |mask: &&PathBuf| mask.file_stem() == picture.file_stem();
        found.iter().find(same).cloned().ok_or_else(|| {
            usage(format!(
                "--mask {}: there is no mask for {}; it must be called like it",
                folder.display(),
                picture.display()
            ))
        })
    };
    pictures.iter().map(of).collect()
}

/// Of each image in `file`, which pixels are not black.
fn known_in(file: &Path, domain: &Domain) -> Result<Vec<Vec<bool>>> {
    let (height, width) = (domain.height, domain.width);
    if ["jpg", "jpeg"].contains(&ending_of(file).as_str()) {
        let problem = "JPEG blurs what is black; give a PNG";
        return Err(usage(format!("--mask {}: {problem}", file.display())));
    }
    let masks = read_images(file, &LoadOptions::default())
        .with_context(|| format!("cannot read --mask {}", file.display()))?;
    let shape = masks.shape();
    if (shape.height, shape.width) != (height, width) {
        let got = format!("{}x{}", shape.height, shape.width);
        return Err(usage(format!(
            "--mask {} is {got} pixels, the images are {height}x{width}",
            file.display()
        )));
    }
    let not_black = |i: usize| {
        let planes = masks.image(i);
        let values = (0..height * width).map(|p| planes.iter().skip(p).step_by(height * width));
        values.map(|mut at| at.any(|&v| v > 0)).collect()
    };
    Ok((0..masks.len()).map(not_black).collect())
}
