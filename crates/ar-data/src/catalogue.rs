//! The sets that have names: where they are looked for and how they are had.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::formats::{Cifar, Idx};
use crate::{Error, LoadOptions, Result};

/// A set that is looked for in folders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Mnist,
    Cifar10,
}

/// A line of [`list`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownSet {
    /// What to give as a source.
    pub name: &'static str,
    /// What it is.
    pub description: &'static str,
    /// Folders it is looked for in, in order; none for a set that needs no file.
    pub looked_for: Vec<PathBuf>,
    /// The folder it is in now.
    pub found: Option<PathBuf>,
    /// Whether it can be used now without a download.
    pub present: bool,
}

/// What [`fetch`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It was in this folder before.
    AlreadyHere(PathBuf),
    /// It was downloaded into this folder.
    Downloaded(PathBuf),
    /// It is part of the program.
    BuiltIn,
}

/// The sets that have names, and whether they are here.
pub fn list(options: &LoadOptions) -> Vec<KnownSet> {
    let named = [Named::Mnist, Named::Cifar10].map(|set| {
        let found = find(set, options);
        let present = found.is_some();
        let (name, description) = (set.name(), set.description());
        KnownSet {
            name,
            description,
            looked_for: set.folders(options),
            found,
            present,
        }
    });
    let digits = "built-in handwritten digits, 28x28 grey, 10 classes, no file needed";
    let letters =
        "built-in capital letters by the same hand, 28x28 grey, 10 classes, no file needed";
    let tones = "built-in sung vowels, sound of 8 kHz, 5 classes, no file needed";
    let built_in =
        [("digits", digits), ("letters", letters), ("tones", tones)].map(|(name, description)| {
            KnownSet {
                name,
                description,
                looked_for: Vec::new(),
                found: None,
                present: true,
            }
        });
    named.into_iter().chain(built_in).collect()
}

/// Downloads a named set into the cache, unless it is here.
///
/// # Errors
/// When the name is unknown, or the set cannot be had; the message says where to put which file.
pub fn fetch(name: &str, options: &LoadOptions) -> Result<Fetched> {
    let set = match name {
        "mnist" => Named::Mnist,
        "cifar10" => Named::Cifar10,
        "digits" | "letters" | "tones" => return Ok(Fetched::BuiltIn),
        other => {
            return Err(Error::UnknownName {
                name: other.to_owned(),
            });
        }
    };
    if let Some(dir) = find(set, options) {
        return Ok(Fetched::AlreadyHere(dir));
    }
    obtain(set, options, options.patience)
        .map(Fetched::Downloaded)
        .map_err(|reason| set.missing(options, reason))
}

/// The first folder that has the set.
pub(crate) fn find(set: Named, options: &LoadOptions) -> Option<PathBuf> {
    set.folders(options).into_iter().find(|dir| set.is_in(dir))
}

/// Downloads a set and gives its folder, or says why not.
pub(crate) fn obtain(
    set: Named,
    options: &LoadOptions,
    patience: Duration,
) -> std::result::Result<PathBuf, String> {
    if !options.download {
        return Err("downloading is off".to_owned());
    }
    #[cfg(feature = "hub")]
    return crate::hub::download(set, options, patience);
    #[cfg(not(feature = "hub"))]
    {
        let _ = (set, patience);
        Err("this build cannot download; feature `hub` is off".to_owned())
    }
}

impl Named {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mnist => "mnist",
            Self::Cifar10 => "cifar10",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Mnist => "handwritten digits, 28x28 grey, 10 classes, 60000 + 10000 images",
            Self::Cifar10 => "photographs, 32x32 RGB, 10 classes, 50000 + 10000 images",
        }
    }

    const fn files(self) -> &'static str {
        match self {
            Self::Mnist => {
                "train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, t10k-images-idx3-ubyte.gz \
                 and t10k-labels-idx1-ubyte.gz (gzipped or not)"
            }
            Self::Cifar10 => "data_batch_1.bin to data_batch_5.bin and test_batch.bin",
        }
    }

    /// Names of subfolders, the first one being what the cache uses.
    const fn subfolders(self) -> &'static [&'static str] {
        match self {
            Self::Mnist => &["mnist"],
            Self::Cifar10 => &["cifar10", "cifar-10-batches-bin"],
        }
    }

    /// Where it is looked for, in order.
    pub(crate) fn folders(self, options: &LoadOptions) -> Vec<PathBuf> {
        let below = |dir: &Path| {
            self.subfolders()
                .iter()
                .map(|name| dir.join(name))
                .collect::<Vec<_>>()
        };
        let data = options
            .data_dir
            .iter()
            .flat_map(|dir| [vec![dir.clone()], below(dir)].concat());
        data.chain(options.cache_dir.iter().flat_map(|dir| below(dir)))
            .collect()
    }

    /// The folder of the cache for this set.
    #[cfg_attr(
        not(feature = "hub"),
        expect(dead_code, reason = "only downloads write there")
    )]
    pub(crate) fn cache_folder(self, options: &LoadOptions) -> Option<PathBuf> {
        options
            .cache_dir
            .as_ref()
            .map(|dir| dir.join(self.subfolders()[0]))
    }

    fn is_in(self, dir: &Path) -> bool {
        match self {
            Self::Mnist => Idx::find(dir).is_some(),
            Self::Cifar10 => Cifar::find(dir).is_some(),
        }
    }

    /// The error that says where to put which file.
    pub(crate) fn missing(self, options: &LoadOptions, reason: String) -> Error {
        let folder = self
            .folders(options)
            .into_iter()
            .find(|dir| dir.ends_with(self.subfolders()[0]));
        let put_into = folder.unwrap_or_else(|| PathBuf::from("a folder and give its path"));
        Error::Missing {
            name: self.name(),
            reason,
            files: self.files(),
            put_into,
        }
    }
}
