//! A data set in its three splits.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::{Error, Images, Result, Shape, Split};

/// Images in three splits, and where they came from.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// "mnist", "cifar10", "digits", or the file name of a path.
    pub name: String,
    /// A line for people: which files, what was held out.
    pub source: String,
    /// For fitting.
    pub train: Images,
    /// For choosing; possibly empty.
    pub validation: Images,
    /// For the final figure; possibly empty.
    pub test: Images,
    /// Names of the classes that labels count; empty for a set without labels.
    pub classes: Vec<String>,
    /// Of classes that are pairs, every one of them: what the two of a pair are.
    pub kinds: Option<Kinds>,
    /// A fragment for people: where the number of native levels comes from, as in "the largest value is 4".
    pub native_from: String,
    /// Of recordings, samples a second.
    pub sample_rate: Option<u32>,
    /// SHA-256, in hexadecimal, over shape, native levels, pixels and labels of every split, and the sizes of
    /// pictures that are larger than the window.
    pub fingerprint: String,
}

/// Two things that a class says at once, such as a digit and a speaker: class a · `sizes[1]` + b is the a-th of
/// the first and the b-th of the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kinds {
    /// What they are called.
    pub names: [String; 2],
    /// How many there are of each.
    pub sizes: [usize; 2],
}

impl Dataset {
    /// A data set of three splits.
    ///
    /// # Errors
    /// When the splits differ in shape or levels.
    pub fn new(
        name: impl Into<String>,
        source: impl Into<String>,
        [train, validation, test]: [Images; 3],
        classes: Vec<String>,
    ) -> Result<Self> {
        for split in [&validation, &test] {
            if split.shape() != train.shape() {
                let (expected, got) = (train.shape().dims(), split.shape().dims());
                return Err(Error::Count {
                    what: "values per image in each split",
                    expected,
                    got,
                });
            }
            if split.native_levels() != train.native_levels() {
                let (expected, got) = (train.native_levels(), split.native_levels());
                return Err(Error::Count {
                    what: "native levels in each split",
                    expected,
                    got,
                });
            }
        }
        let train = train.into_split(Split::Train);
        let validation = validation.into_split(Split::Validation);
        let test = test.into_split(Split::Test);
        let fingerprint = fingerprint([&train, &validation, &test]);
        let (name, source) = (name.into(), source.into());
        Ok(Self {
            name,
            source,
            train,
            validation,
            test,
            classes,
            kinds: None,
            native_from: "the set's own".to_owned(),
            sample_rate: None,
            fingerprint,
        })
    }

    /// The shape of every image.
    pub const fn shape(&self) -> Shape {
        self.train.shape()
    }

    /// Levels of every pixel as stored.
    pub const fn native_levels(&self) -> usize {
        self.train.native_levels()
    }

    /// One of the three splits.
    pub const fn split(&self, split: Split) -> &Images {
        match split {
            Split::Train => &self.train,
            Split::Validation => &self.validation,
            Split::Test => &self.test,
        }
    }
}

/// SHA-256 over everything that decides what is learned; sizes come before what they count.
fn fingerprint(splits: [&Images; 3]) -> String {
    let mut hash = Sha256::new();
    let mut buffer = Vec::new();
    for images in splits {
        let Shape {
            channels,
            height,
            width,
        } = images.shape();
        for size in [
            images.len(),
            channels,
            height,
            width,
            images.native_levels(),
        ] {
            hash.update((size as u64).to_le_bytes());
        }
        // Only where there are any: runs made before there were windows are resumed by what they saw.
        if let Some(sizes) = images.picture_sizes() {
            hash.update(b"windows of");
            for side in sizes.flatten() {
                hash.update((side as u64).to_le_bytes());
            }
        }
        for chunk in images.pixels().chunks(1 << 16) {
            buffer.clear();
            buffer.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
            hash.update(&buffer);
        }
        let labels = images.labels();
        hash.update([u8::from(labels.is_some())]);
        for label in labels.unwrap_or_default() {
            hash.update(label.to_le_bytes());
        }
    }
    hash.finalize()
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(pixels: Vec<u16>, labels: Option<Vec<u32>>) -> Images {
        Images::new(Shape::new(1, 1, 2), 4, pixels, labels).unwrap()
    }

    fn set(train: Images, test: Images) -> Dataset {
        let none = train.empty_like();
        Dataset::new("t", "test", [train, none, test], Vec::new()).unwrap()
    }

    #[test]
    fn the_fingerprint_sees_everything_that_matters() {
        let of = |train: &[u16], label, test: &[u16]| {
            let label = Some(vec![label]);
            set(
                images(train.to_vec(), label.clone()),
                images(test.to_vec(), label),
            )
            .fingerprint
        };
        let base = of(&[1, 2], 0, &[3, 0]);
        assert_eq!(base.len(), 64);
        assert_eq!(base, of(&[1, 2], 0, &[3, 0]));
        assert_ne!(base, of(&[2, 1], 0, &[3, 0]));
        assert_ne!(base, of(&[1, 2], 1, &[3, 0]));
        assert_ne!(base, of(&[3, 0], 0, &[1, 2]));
        let moved = Images::new(Shape::new(1, 2, 1), 4, vec![1, 2], Some(vec![0])).unwrap();
        let test = Images::new(Shape::new(1, 2, 1), 4, vec![3, 0], Some(vec![0])).unwrap();
        assert_ne!(base, set(moved, test).fingerprint);
    }

    #[test]
    fn the_fingerprint_of_whole_images_is_pinned() {
        let labels = || Some(vec![0]);
        let set = set(images(vec![1, 2], labels()), images(vec![3, 0], labels()));
        assert_eq!(set.fingerprint, PINNED); // runs made before are resumed by it
    }

    const PINNED: &str = "be2e450f4dda091a8b92ddf0103b86dea73947abce633eac89815ef6fdccd0c5";

    #[test]
    fn the_fingerprint_of_windows_sees_the_sizes_of_the_pictures() {
        let of = |sizes: &[[usize; 2]]| {
            let pixels = (0..12).collect();
            let windows = Images::windows(Shape::new(1, 1, 2), 16, pixels, sizes.to_vec(), None);
            let windows = windows.unwrap();
            set(windows.clone(), windows.empty_like()).fingerprint
        };
        let base = of(&[[2, 3], [3, 2]]);
        assert_eq!(base, of(&[[2, 3], [3, 2]]));
        assert_ne!(base, of(&[[3, 2], [2, 3]]));
        assert_ne!(base, of(&[[2, 3], [2, 3]]));
    }

    #[test]
    fn splits_of_different_kinds_are_refused() {
        let one = images(vec![1, 2], None);
        let other = Images::new(Shape::new(1, 1, 1), 4, vec![1], None).unwrap();
        let refused = Dataset::new("t", "test", [one.clone(), one.clone(), other], Vec::new());
        assert!(matches!(
            refused,
            Err(Error::Count {
                expected: 2,
                got: 1,
                ..
            })
        ));
        let other = Images::new(Shape::new(1, 1, 2), 8, vec![1, 7], None).unwrap();
        let refused = Dataset::new("t", "test", [one.clone(), one, other], Vec::new());
        assert!(matches!(
            refused,
            Err(Error::Count {
                expected: 4,
                got: 8,
                ..
            })
        ));
    }

    #[test]
    fn splits_know_what_they_are() {
        let set = set(images(vec![1, 2], None), images(vec![1, 2], None));
        assert_eq!(set.split(Split::Test).split(), Split::Test);
        assert_eq!(set.split(Split::Validation).len(), 0);
    }
}
