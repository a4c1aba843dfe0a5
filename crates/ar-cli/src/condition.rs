//! What images are conditioned on: their labels, or the classes asked for.

use anyhow::Result;
use ar_core::Conditioning;
use ar_data::{Dataset, Split};
use candle_core::{Device, Tensor};

use crate::failure::usage;
use crate::picture::{Picture, Sheet};
use crate::run::Run;
use crate::words::meant;

/// Refuses data that a model cannot be conditioned on.
///
/// # Errors
/// When an image has no label, or one that is no class.
pub(crate) fn has_classes(dataset: &Dataset) -> Result<()> {
    let classes = dataset.classes.len();
    let images = dataset.train.len();
    if classes > images.max(1000) {
        return Err(usage(format!(
            "--conditional: the labels of {} count {classes} classes for {images} training images; number them \
             from 0 without gaps",
            dataset.name
        )));
    }
    for split in [Split::Train, Split::Validation, Split::Test] {
        let images = dataset.split(split);
        let problem = match images.labels() {
            _ if images.is_empty() => continue,
            None => format!("its {} images have no labels", split.name()),
            Some(labels) => match labels.iter().find(|label| **label as usize >= classes) {
                Some(label) => format!("a {} image has label {label} of {classes}", split.name()),
                None => continue,
            },
        };
        return Err(usage(format!(
            "--conditional: {} cannot condition a model: {problem}",
            dataset.name
        )));
    }
    Ok(())
}

/// The class that `text` means: a class's name, or else its number from 0.
///
/// # Errors
/// When there is no such class; the message lists those there are.
pub(crate) fn class_named(text: &str, names: &[String], classes: usize) -> Result<u32> {
    let text = text.trim();
    let by_name = names.iter().position(|name| name == text);
    let by_number = || text.parse().ok().filter(|n| *n < classes);
    by_name
        .or_else(by_number)
        .map(|class| class as u32)
        .ok_or_else(|| {
            let numbered = |name: &String| *name != text && name.parse::<usize>().is_err();
            let known = if names.iter().any(numbered) {
                format!(": {}", names.join(", "))
            } else {
                String::new()
            };
            let last = classes.saturating_sub(1);
            usage(format!(
                "--class {text}: there is no such class{}; there are 0 to {last}{known}",
                meant(text, names.iter().map(String::as_str))
            ))
        })
}

/// The names of classes for people, of many only the first.
pub(crate) fn listed_classes(names: &[String]) -> String {
    const TOLD: usize = 40;
    match names.len() {
        n if n > TOLD => format!("{} and {} more", names[..TOLD].join(", "), n - TOLD),
        _ => names.join(", "),
    }
}

/// What a class is called: its number where it has no name.
pub(crate) fn name_of(class: u32, names: &[String]) -> String {
    let name = names.get(class as usize);
    name.cloned().unwrap_or_else(|| class.to_string())
}

/// What one image or recording is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Told {
    Nothing,
    Class(u32),
    /// How loud a recording is in bands of frequency.
    Bands(Vec<f32>),
}

impl Told {
    /// The condition of `count` images of the model of `run` that are all given this.
    ///
    /// # Errors
    /// When the model is given something else.
    pub(crate) fn repeated(&self, count: usize, run: &Run) -> ar_core::Result<Option<Tensor>> {
        let (conditioning, device) = (run.spec.conditioning, run.model.device());
        match self {
            Self::Nothing => conditioning.of_labels(None, device),
            Self::Class(class) => conditioning.of_labels(Some(vec![*class; count]), device),
            Self::Bands(bands) => {
                let (bands, domain) = (bands.repeat(count), run.model.domain());
                let condition = conditioning.of_features(bands, count, &domain, device)?;
                Ok(Some(condition))
            }
        }
    }
}

/// Samples in rows of one class each; of an unconditional model just so many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rows {
    /// Class of each row; none for an unconditional model.
    pub(crate) classes: Vec<u32>,
    /// Images of each class, or all in all.
    pub(crate) each: usize,
}

impl Rows {
    /// About `about` images: as many of every class of the model, at least one and at most eight.
    pub(crate) fn about(about: usize, conditioning: Conditioning) -> Self {
        let classes = every_class(conditioning);
        let each = match classes.len() {
            0 => about,
            n => about.div_ceil(n).clamp(1, 8),
        };
        Self { classes, each }
    }

    /// All images.
    pub(crate) fn count(&self) -> usize {
        self.each.saturating_mul(self.classes.len().max(1))
    }

    /// What each image is conditioned on.
    ///
    /// # Errors
    /// As [`Conditioning::of_labels`].
    pub(crate) fn condition(
        &self,
        conditioning: Conditioning,
        device: &Device,
    ) -> ar_core::Result<Option<Tensor>> {
        let repeated = |class: &u32| std::iter::repeat_n(*class, self.each);
        let labels = self.classes.iter().flat_map(repeated).collect();
        conditioning.of_labels(Some(labels), device)
    }

    /// A sheet with a row for each class, called as in `names`; without classes rows mean nothing.
    pub(crate) fn sheet(&self, names: &[String]) -> Sheet {
        if self.classes.len() < 2 || self.each < 2 {
            return Sheet::default();
        }
        let labels = self.classes.iter().map(|&class| name_of(class, names));
        Sheet {
            columns: Some(self.each),
            labels: labels.collect(),
            scale: None,
        }
    }

    /// A few images to show in the terminal: the first of each class, or the first of all.
    pub(crate) fn few(&self, images: &[Picture]) -> Vec<Picture> {
        const FEW: usize = 10;
        let step = if self.classes.len() > 1 { self.each } else { 1 };
        images.iter().step_by(step).take(FEW).cloned().collect()
    }
}

/// All classes of a model that is conditioned on one, otherwise none.
pub(crate) fn every_class(conditioning: Conditioning) -> Vec<u32> {
    (0..conditioning.classes().unwrap_or(0) as u32).collect()
}

/// A line for people: "nothing", "one of 10 classes".
pub(crate) fn in_words(conditioning: Conditioning) -> String {
    match conditioning {
        Conditioning::None => "nothing".to_owned(),
        Conditioning::Class { classes } => format!("one of {classes} classes"),
        Conditioning::Classes { of: [a, b] } => {
            format!("one of {a} classes and one of {b} others")
        }
        Conditioning::Vector { size } => format!("a vector of {size} numbers"),
        Conditioning::Map { features, every: 1 } => format!("{features} features of every pixel"),
        Conditioning::Map { features, every } => {
            format!("{features} features of every {every} pixels each way")
        }
        other => format!("{other:?}"),
    }
}

/// ", given one of 10 classes" of a conditional model, otherwise nothing.
pub(crate) fn given(conditioning: Conditioning) -> String {
    match conditioning {
        Conditioning::None => String::new(),
        other => format!(", given {}", in_words(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_by_name_and_then_by_number() {
        let names = ["daisy".to_owned(), "0".to_owned(), "tulip".to_owned()];
        let class = |text: &str| class_named(text, &names, 3);
        assert_eq!(class("tulip").unwrap(), 2);
        assert_eq!(class("0").unwrap(), 1, "a name goes before a number");
        assert_eq!(class("2").unwrap(), 2);
        for wrong in ["3", "-1", "rose", ""] {
            let error = class(wrong).unwrap_err().to_string();
            assert!(error.contains("0 to 2: daisy, 0, tulip"), "{error}");
        }
    }

    #[test]
    fn rows_are_of_one_class_each() {
        let class = |classes| Conditioning::Class { classes };
        assert_eq!(
            Rows::about(36, Conditioning::None),
            Rows {
                classes: Vec::new(),
                each: 36
            }
        );
        let sizes = |classes| {
            let rows = Rows::about(36, class(classes));
            (rows.each, rows.count(), rows.sheet(&[]).columns)
        };
        assert_eq!(sizes(10), (4, 40, Some(4)));
        assert_eq!(sizes(2), (8, 16, Some(8)));
        assert_eq!(sizes(100), (1, 100, None));
        let rows = Rows {
            classes: vec![3, 1],
            each: 2,
        };
        let condition = rows.condition(class(4), &Device::Cpu).unwrap().unwrap();
        assert_eq!(condition.to_vec1::<u32>().unwrap(), [3, 3, 1, 1]);
        assert!(condition_of_none(&rows).is_none());
    }

    fn condition_of_none(rows: &Rows) -> Option<Tensor> {
        rows.condition(Conditioning::None, &Device::Cpu).unwrap()
    }
}
