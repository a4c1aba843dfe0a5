//! Data as a model takes them: loaded, encoded, and turned back into pictures.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ar_core::{Conditioning, Domain};
use ar_data::{Bands, Dataset, Encoding, Images, Kinds, Split};
use ar_train::domain_of;

use crate::condition::has_classes;
use crate::config::DataConfig;
use crate::failure::usage;
use crate::picture::{Picture, sounds};

/// A data set with its encoding.
#[derive(Debug, Clone)]
pub(crate) struct Data {
    /// Short name, as "mnist".
    pub(crate) name: String,
    /// Where it came from, a line for people.
    pub(crate) source: String,
    /// SHA-256 over all pixels and labels.
    pub(crate) fingerprint: String,
    /// How it is known how many levels they have.
    pub(crate) native_from: String,
    /// Names of the classes, if there are any.
    pub(crate) classes: Vec<String>,
    /// Where each is two things at once, what these are.
    pub(crate) kinds: Option<Kinds>,
    /// What is applied to pixels.
    pub(crate) encoding: Encoding,
    /// What was asked for, with nothing left open.
    pub(crate) config: DataConfig,
    splits: [Arc<Images>; 3],
}

impl Data {
    /// Loads what `config` asks for, with the encoding it asks for; `usual_palette` is how many
    /// colours RGB pixels are reduced to when it asks for none.
    ///
    /// # Errors
    /// When the data cannot be had, or not with this encoding.
    pub(crate) fn load(config: &DataConfig, usual_palette: Option<usize>) -> Result<Self> {
        config.validate()?;
        let data = Self::encoded(config, |dataset| {
            config.suits(dataset)?;
            config.encoding(dataset, usual_palette)
        })?;
        data.encoding.distinguishes(data.split(Split::Train))?;
        Ok(data)
    }

    /// Loads what `config` asks for, to be seen as a run of `encoding` sees it: with its palette,
    /// which would be another if it were fitted to these data.
    ///
    /// # Errors
    /// As [`Data::load`].
    pub(crate) fn like(config: &DataConfig, encoding: &Encoding) -> Result<Self> {
        config.is_there("--data")?;
        // Not guessed again: other data, or an older run's, may have another largest value.
        let native = config.native_levels.unwrap_or(encoding.native_levels());
        let is_sound = matches!(encoding, Encoding::Sound(_));
        match (is_sound, ar_data::is_sound(&config.source())) {
            (true, false) => {
                let problem = "is of images, the run's data are sound";
                return Err(usage(format!("{} {problem}", config.source)));
            }
            (false, true) => {
                let problem = "is sound, the run's data are images";
                return Err(usage(format!("{} {problem}", config.source)));
            }
            _ => {}
        }
        let config = DataConfig {
            native_levels: (!is_sound).then_some(native),
            ..config.clone()
        };
        Self::encoded(&config, |dataset| match encoding {
            Encoding::Palette(_) | Encoding::Sound(_) => Ok(encoding.clone()),
            Encoding::Levels(_) | Encoding::Binary(..) => config.encoding(dataset, None),
        })
    }

    fn encoded(
        config: &DataConfig,
        encoding: impl FnOnce(&Dataset) -> Result<Encoding>,
    ) -> Result<Self> {
        config.is_there("--data")?;
        let dataset = ar_data::load(&config.source(), &config.load_options())
            .with_context(|| format!("cannot load --data {}", config.source))?;
        if config.conditional {
            has_classes(&dataset)?;
        }
        let encoding = encoding(&dataset)?;
        let config = config.resolved(&dataset, &encoding);
        Ok(Self {
            name: dataset.name,
            source: dataset.source,
            fingerprint: dataset.fingerprint,
            native_from: dataset.native_from,
            classes: dataset.classes,
            kinds: dataset.kinds,
            encoding,
            config,
            splits: [dataset.train, dataset.validation, dataset.test].map(Arc::new),
        })
    }

    /// The images of `split`.
    pub(crate) fn split(&self, split: Split) -> &Arc<Images> {
        match split {
            Split::Train => &self.splits[0],
            Split::Validation => &self.splits[1],
            Split::Test => &self.splits[2],
        }
    }

    /// The same, if it came from a `.npy` file with no value outside `0..levels`, as the levels a
    /// model of so many levels sees: what `sample` writes can be scored.
    ///
    /// # Errors
    /// Never for what was loaded.
    pub(crate) fn with_own_levels(mut self, levels: usize) -> Result<Self> {
        let is_array = Path::new(&self.config.source)
            .extension()
            .is_some_and(|e| e.eq_ignore_ascii_case("npy"));
        let fits = |images: &Arc<Images>| {
            images
                .pixels()
                .iter()
                .all(|&value| usize::from(value) < levels)
        };
        // Pixels that a palette is for are no levels yet.
        let shape = self.splits[0].shape();
        let seen = shape.channels == 1 || self.encoding.shape(shape) == shape;
        if is_array && seen && self.splits.iter().all(fits) {
            for images in &mut self.splits {
                *images = Arc::new(Images::clone(images).with_native_levels(levels)?);
            }
            self.encoding = Encoding::native(levels)?;
        }
        Ok(self)
    }

    /// What a model of these data is a distribution over.
    ///
    /// # Errors
    /// When images are too large.
    pub(crate) fn domain(&self) -> Result<Domain> {
        Ok(domain_of(&self.splits[0], &self.encoding)?)
    }

    /// Of recordings, samples a second.
    pub(crate) fn sample_rate(&self) -> Option<u32> {
        self.config.sample_rate
    }

    /// What a model of these data is conditioned on.
    pub(crate) fn conditioning(&self) -> Conditioning {
        if let Some(Bands { count, every }) = self.config.bands() {
            let features = count;
            return Conditioning::Map { features, every };
        }
        match &self.kinds {
            _ if !self.config.conditional => Conditioning::None,
            Some(kinds) => Conditioning::Classes { of: kinds.sizes },
            None => Conditioning::Class {
                classes: self.classes.len(),
            },
        }
    }
}

/// `(N, C, H, W)` levels as N pictures: the colours of a palette, otherwise levels spread evenly from
/// black to white; sound, of `rate` samples a second, as waveform and spectrogram. Where there are neither one
/// nor three channels, the first is shown.
///
/// # Errors
/// Never for levels of `domain`.
pub(crate) fn pictures(
    levels: &[u32],
    domain: &Domain,
    encoding: &Encoding,
    rate: Option<u32>,
) -> Result<Vec<Picture>> {
    if let (Encoding::Sound(_), Some(rate)) = (encoding, rate) {
        let of = |levels: &[u32]| sounds(&[&encoding.decode(levels)], rate);
        return levels.chunks(domain.dims()).map(of).collect();
    }
    let shown = if domain.channels == 3 { 3 } else { 1 };
    levels
        .chunks(domain.dims())
        .map(|image| {
            let image = &image[..shown * domain.positions()];
            let planes = encoding.display(image);
            let channels = planes.len() / domain.positions();
            Picture::from_planes((channels, domain.height, domain.width), &planes)
        })
        .collect()
}

/// Writes `(N, C, H, W)` levels as a `.npy` file of that shape.
///
/// # Errors
/// When `path` cannot be written; the error names it.
pub(crate) fn save_levels(path: &Path, levels: &[u32], domain: &Domain) -> Result<()> {
    let shape = [
        levels.len() / domain.dims(),
        domain.channels,
        domain.height,
        domain.width,
    ];
    ar_data::write_npy(path, shape, levels)
        .with_context(|| format!("cannot save {}", path.display()))
}
