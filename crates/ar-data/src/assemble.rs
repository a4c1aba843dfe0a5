//! From what a format found to a data set.

use crate::hold_out::complete;
use crate::native::{Nature, settle};
use crate::pile::Pile;
use crate::{Dataset, Kinds, LoadOptions, Result};

/// What a source holds, as it was read.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) name: String,
    /// What was read and where, for people.
    pub(crate) said: String,
    pub(crate) nature: Nature,
    pub(crate) train: Pile,
    pub(crate) validation: Option<Pile>,
    pub(crate) test: Option<Pile>,
    pub(crate) classes: Vec<String>,
    pub(crate) kinds: Option<Kinds>,
    pub(crate) sound: Option<Sound>,
}

/// How recordings are seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sound {
    /// Samples a second.
    pub(crate) rate: u32,
    pub(crate) crop: usize,
    pub(crate) context: usize,
}

impl Found {
    /// Training images of one source, with nothing else.
    pub(crate) fn only(name: String, said: String, nature: Nature, train: Pile) -> Self {
        Self {
            name,
            said,
            nature,
            train,
            validation: None,
            test: None,
            classes: Vec::new(),
            kinds: None,
            sound: None,
        }
    }

    /// The classes are numbers, as many as the labels of all splits ask for and at least `least`.
    pub(crate) fn with_numbered_classes(mut self, least: u32) -> Self {
        let last = self
            .piles()
            .filter_map(Pile::labels)
            .flatten()
            .copied()
            .max();
        let n = last.map_or(0, |last| least.max(last + 1));
        self.classes = (0..n).map(|class| class.to_string()).collect();
        self
    }

    fn piles(&self) -> impl Iterator<Item = &Pile> {
        let others = [&self.validation, &self.test];
        [&self.train]
            .into_iter()
            .chain(others.into_iter().flatten())
    }
}

/// Settles the levels, holds out what is missing and says what was done. Every source goes through here.
pub(crate) fn assemble(found: Found, options: &LoadOptions) -> Result<Dataset> {
    for pile in found.piles() {
        found.train.agrees(pile)?;
    }
    let highest = found.piles().map(Pile::highest).max().unwrap_or(0);
    let (native, native_from) = settle(&found.name, found.nature, highest, options)?;
    let mut said = vec![found.said.clone()];
    if let Some(Sound {
        rate,
        crop,
        context,
    }) = found.sound
    {
        said.push(format!(
            "{rate} Hz, crops of {crop} after {context} samples ({:.0} ms)",
            context as f64 / f64::from(rate) * 1e3
        ));
    } else if let Some([height, width]) = options.framing.resize {
        said.push(format!("resized to {height}x{width}"));
    }
    let cropped = options.framing.crop.filter(|_| found.sound.is_none());
    if let Some([height, width]) = cropped {
        let mixed = found.piles().any(Pile::is_mixed);
        let of = if mixed {
            " of pictures of different sizes"
        } else {
            ""
        };
        said.push(format!("windows of {height}x{width}{of}"));
    }
    let images = |pile: Pile| pile.into_images(native);
    let validation = found.validation.map(images).transpose()?;
    let test = found.test.map(images).transpose()?;
    let (splits, held) = complete(images(found.train)?, validation, test, options)?;
    if !held.is_empty() {
        said.push(held);
    }
    if let Some(bands) = options.sound.bands {
        bands.validate()?;
    }
    let bands = options.sound.bands.filter(|_| found.sound.is_some());
    let splits = splits.map(|images| images.with_bands(bands));
    let set = Dataset::new(found.name, said.join("; "), splits, found.classes)?;
    Ok(Dataset {
        native_from,
        kinds: found.kinds,
        sample_rate: found.sound.map(|sound| sound.rate),
        ..set
    })
}
