//! The table `[data]`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ar_data::{
    Bands, Binarization, ClassPattern, Companding, DataRange, Dataset, Encoding, Framing, Law,
    Layout, LoadOptions, NamePattern, SoundOptions, Source,
};
use serde::{Deserialize, Serialize};

use super::defaults;
use crate::destination::ending_of;
use crate::failure::usage;
use crate::paths::absolute;
use crate::values::Size;
use crate::words::meant;

/// Which data, which part of them, and what is made of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct DataConfig {
    /// `auto`, `mnist`, `cifar10`, `digits`, `letters`, `tones`, or the path of a file or folder.
    pub(crate) source: String,
    /// Folder of named data sets, looked at before the cache.
    pub(crate) data_dir: Option<PathBuf>,
    /// Levels K the model sees.
    pub(crate) levels: Option<usize>,
    /// How values become 0 or 1, if they do.
    pub(crate) binarize: Option<Binarize>,
    /// Colours K of the palette that RGB pixels are reduced to, if they are.
    pub(crate) palette: Option<usize>,
    /// Levels the data have, where they do not say.
    pub(crate) native_levels: Option<usize>,
    /// Order of the axes of arrays.
    pub(crate) layout: Option<Layout>,
    /// What the values of arrays stand between.
    pub(crate) data_range: Option<DataRange>,
    /// Height and width that pictures are scaled to.
    pub(crate) resize: Option<Size>,
    /// Height and width of the window that is cut out of pictures; of recordings, 1 and the samples that count.
    pub(crate) crop: Option<Size>,
    /// How samples of sound become levels.
    pub(crate) quantize: Option<Law>,
    /// Samples a second that recordings are resampled to.
    pub(crate) sample_rate: Option<u32>,
    /// How the names of recordings say their class.
    pub(crate) classes_from: Option<ClassPattern>,
    /// Names of the recordings that are for the test alone.
    pub(crate) hold_out: Option<NamePattern>,
    /// Samples before a crop that it is given; the model's reach unless told.
    pub(crate) context: Option<usize>,
    /// Bands of frequency whose energy a model is told, of each stretch of a recording; 0 for none.
    pub(crate) bands: usize,
    /// Samples of such a stretch.
    pub(crate) bands_every: usize,
    /// Seed of stochastic binarization; apart from the training seed, so that runs are compared on
    /// the same images.
    pub(crate) binarize_seed: u64,
    /// Whether labels are what the model is conditioned on.
    pub(crate) conditional: bool,
    /// At most so many images held out for validation where the data come without.
    pub(crate) validation: usize,
    /// At most so many images held out for the test where the data come without.
    pub(crate) test: usize,
    /// Built-in training digits.
    pub(crate) digits: usize,
    /// Built-in recordings for training.
    pub(crate) tones: usize,
    /// Whether a named set that is not here may be downloaded.
    pub(crate) download: bool,
}

/// Data sets that have names.
const NAMES: [&str; 6] = ["auto", "mnist", "cifar10", "digits", "letters", "tones"];

/// `--binarize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Binarize {
    /// 1 with the pixel's value as probability, drawn once
    Fixed,
    /// the same, drawn anew every epoch of training; the test is drawn once
    Fresh,
    /// 1 from half of the range on
    Threshold,
}

impl Default for DataConfig {
    fn default() -> Self {
        let LoadOptions {
            validation,
            test,
            digits,
            download,
            sound: SoundOptions { tones, .. },
            ..
        } = LoadOptions::default();
        Self {
            source: "auto".to_owned(),
            data_dir: None,
            levels: None,
            binarize: None,
            palette: None,
            native_levels: None,
            layout: None,
            data_range: None,
            resize: None,
            crop: None,
            quantize: None,
            sample_rate: None,
            classes_from: None,
            hold_out: None,
            context: None,
            bands: 0,
            bands_every: 128,
            binarize_seed: 0,
            conditional: false,
            validation,
            test,
            digits,
            tones,
            download,
        }
    }
}

impl DataConfig {
    /// Where ar-data should look.
    pub(crate) fn source(&self) -> Source {
        let Ok(source) = self.source.parse();
        source
    }

    /// How ar-data should load.
    pub(crate) fn load_options(&self) -> LoadOptions {
        LoadOptions {
            data_dir: self.data_dir.clone(),
            validation: self.validation,
            test: self.test,
            digits: self.digits,
            download: self.download,
            native_levels: self.native_levels,
            layout: self.layout,
            data_range: self.data_range,
            framing: self.framing(),
            sound: self.sound(),
            ..LoadOptions::default()
        }
    }

    /// What is made of pictures before a model sees them.
    pub(crate) fn framing(&self) -> Framing {
        Framing {
            resize: self.resize.map(|size| size.0),
            crop: self.crop.map(|size| size.0),
        }
    }

    /// How recordings are read and seen.
    fn sound(&self) -> SoundOptions {
        let usual = SoundOptions::default();
        SoundOptions {
            rate: self.sample_rate,
            crop: self.crop.map_or(usual.crop, |Size([_, samples])| samples),
            context: self.context.unwrap_or(usual.context),
            classes: self.classes_from.clone(),
            hold_out: self.hold_out.clone(),
            tones: self.tones,
            bands: self.bands(),
        }
    }

    /// What a model is told of each stretch of a recording, if it is.
    pub(crate) fn bands(&self) -> Option<Bands> {
        let (count, every) = (self.bands, self.bands_every);
        (count > 0).then_some(Bands { count, every })
    }

    /// The same data where `place` looks for them: the fingerprint says whether they are the same.
    pub(crate) fn at(&self, place: &Self) -> Self {
        Self {
            source: place.source.clone(),
            data_dir: place.data_dir.clone(),
            download: place.download,
            ..self.clone()
        }
    }

    /// Refuses a path that leads nowhere, by the option that names the data.
    ///
    /// # Errors
    /// With the name that may have been meant.
    pub(crate) fn is_there(&self, option: &str) -> Result<()> {
        if let Some(dir) = self.data_dir.as_ref().filter(|dir| !dir.is_dir()) {
            return Err(usage(format!(
                "--data-dir {}: there is no such folder",
                dir.display()
            )));
        }
        match self.source() {
            Source::Path(path) if !path.exists() => Err(usage(format!(
                "{option} {}: there is no such file, folder or data set{}",
                self.source,
                meant(
                    &path.file_name().unwrap_or_default().to_string_lossy(),
                    NAMES
                )
            ))),
            _ => Ok(()),
        }
    }

    /// Refuses what contradicts itself, before anything is loaded.
    ///
    /// # Errors
    /// On binarization to more than two levels, or a palette beside either.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.conditional && self.bands > 0 {
            let problem = "contradicts --conditional: a model is given the one or the other";
            return Err(usage(format!("--bands {} {problem}", self.bands)));
        }
        let contradiction = match (self.palette, self.binarize, self.levels) {
            (Some(k), Some(_), _) => format!("--palette {k} contradicts --binarize"),
            (Some(k), _, Some(levels)) => {
                format!("--palette {k} contradicts --levels {levels}: the colours are the levels")
            }
            (None, Some(_), Some(levels)) if levels != 2 => {
                format!("--levels {levels} contradicts --binarize, which gives 2 levels")
            }
            _ => return Ok(()),
        };
        Err(usage(contradiction))
    }

    /// Whether `source`, or else what these data are, is a file of an array.
    pub(crate) fn is_array(&self, source: Option<&str>) -> bool {
        let path = Path::new(source.unwrap_or(&self.source));
        ["npy", "npz"].contains(&ending_of(path).as_str())
    }

    /// Refuses what says nothing of such data as `dataset`, rather than leave it unheard.
    ///
    /// # Errors
    /// With the option and what it is for.
    pub(crate) fn suits(&self, dataset: &Dataset) -> Result<()> {
        let is_sound = dataset.sample_rate.is_some();
        let path = match self.source() {
            Source::Path(path) => path,
            _ => PathBuf::new(),
        };
        let sound = (is_sound, "sound");
        let named = (is_sound && path.is_dir(), "a folder of recordings");
        let images = (!is_sound, "images");
        let arrays = (self.is_array(None), "arrays");
        let options = [
            ("--quantize", self.quantize.is_some(), sound),
            ("--sample-rate", self.sample_rate.is_some(), sound),
            ("--bands", self.bands > 0, sound),
            ("--classes-from", self.classes_from.is_some(), named),
            ("--hold-out", self.hold_out.is_some(), named),
            ("--palette", self.palette.is_some(), images),
            ("--binarize", self.binarize.is_some(), images),
            ("--resize", self.resize.is_some(), images),
            ("--native-levels", self.native_levels.is_some(), images),
            ("--layout", self.layout.is_some(), arrays),
            ("--data-range", self.data_range.is_some(), arrays),
        ];
        let unheard = options
            .into_iter()
            .find(|(_, given, (is, _))| *given && !is);
        if let Some((option, _, (_, what))) = unheard {
            return Err(usage(format!(
                "{option} is for {what}; {} is {}",
                dataset.name,
                if is_sound { "sound" } else { "of images" }
            )));
        }
        match self.crop {
            Some(Size([height, width])) if is_sound && height != 1 => Err(usage(format!(
                "--crop {height}x{width}: {} is sound; give a number of samples",
                dataset.name
            ))),
            _ => Ok(()),
        }
    }

    /// What is applied to the pixels of `dataset`; `usual_palette` is how many colours RGB pixels
    /// are reduced to when nothing is asked for.
    ///
    /// # Errors
    /// On more levels than the data have, or fewer than two; on a palette for what is not RGB.
    pub(crate) fn encoding(
        &self,
        dataset: &Dataset,
        usual_palette: Option<usize>,
    ) -> Result<Encoding> {
        self.validate()?;
        let native = dataset.native_levels();
        if dataset.sample_rate.is_some() {
            return self.companding();
        }
        let is_rgb = dataset.shape().channels == 3 && native == 256;
        let asked = (self.palette, self.levels, self.binarize);
        let (palette, levels, binarize) = if asked == (None, None, None) {
            let (levels, binarize) = defaults::encoding(&dataset.name);
            (usual_palette.filter(|_| is_rgb), levels, binarize)
        } else {
            asked
        };
        if let Some(colours) = palette {
            return Ok(Encoding::palette(&dataset.train, colours)?);
        }
        Ok(match (binarize, levels) {
            (Some(how), _) => Encoding::binary(native, how.seeded(self.binarize_seed))?,
            (None, levels) => Encoding::levels_of(native, levels.unwrap_or(native))?,
        })
    }

    /// What is applied to the samples of recordings.
    fn companding(&self) -> Result<Encoding> {
        let (law, levels) = (
            self.quantize.unwrap_or(Law::MuLaw),
            self.levels.unwrap_or(256),
        );
        let companding = Companding::new(law, levels);
        let told = || format!("--quantize {law} --levels {levels}");
        Ok(Encoding::Sound(companding.with_context(told)?))
    }

    /// With everything that was left open filled in, so that the same command later means the same:
    /// `auto` becomes what was found, paths become absolute, levels are named.
    pub(crate) fn resolved(&self, dataset: &Dataset, encoding: &Encoding) -> Self {
        let source = match self.source() {
            Source::Auto => dataset.name.clone(),
            Source::Path(path) => absolute(&path).to_string_lossy().into_owned(),
            named => named.to_string(),
        };
        let binarize = match encoding {
            Encoding::Levels(_) | Encoding::Palette(_) | Encoding::Sound(_) => None,
            Encoding::Binary(how, _) => Some(match how {
                Binarization::Fixed { .. } => Binarize::Fixed,
                Binarization::Fresh { .. } => Binarize::Fresh,
                Binarization::Threshold => Binarize::Threshold,
            }),
        };
        let palette = match encoding {
            Encoding::Palette(palette) => Some(palette.levels()),
            Encoding::Levels(_) | Encoding::Binary(..) | Encoding::Sound(_) => None,
        };
        let quantize = match encoding {
            Encoding::Sound(companding) => Some(companding.law()),
            _ => None,
        };
        let sound = self.sound();
        let crop = quantize.map(|_| Size([1, sound.crop])).or(self.crop);
        Self {
            quantize,
            crop,
            context: quantize.map(|_| sound.context),
            sample_rate: dataset.sample_rate,
            source,
            data_dir: self.data_dir.as_deref().map(absolute),
            levels: palette.is_none().then(|| encoding.levels()),
            binarize,
            palette,
            native_levels: quantize.is_none().then(|| dataset.native_levels()),
            ..self.clone()
        }
    }
}

impl Binarize {
    /// ar-data's word for it.
    pub(crate) fn seeded(self, seed: u64) -> Binarization {
        match self {
            Self::Fixed => Binarization::Fixed { seed },
            Self::Fresh => Binarization::Fresh { seed },
            Self::Threshold => Binarization::Threshold,
        }
    }
}

/// A data source as a run keeps it: paths absolute.
pub(crate) fn absolute_source(text: &str) -> String {
    match text.parse() {
        Ok(Source::Path(path)) => absolute(&path).to_string_lossy().into_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use ar_data::{Images, Shape};

    use super::*;

    fn dataset(channels: usize) -> Dataset {
        let shape = Shape::new(channels, 4, 4);
        let pixels = (0..shape.dims() * 3)
            .map(|i| (i * 5 % 256) as u16)
            .collect();
        let images = Images::new(shape, 256, pixels, None).unwrap();
        let none = images.select(&[]).unwrap();
        Dataset::new("t", "test", [images, none.clone(), none], Vec::new()).unwrap()
    }

    #[test]
    fn the_usual_palette_is_for_colours_of_which_nothing_is_asked() {
        let encoded = |config: &DataConfig, channels, usual| {
            let dataset = dataset(channels);
            let encoding = config.encoding(&dataset, usual).unwrap();
            let resolved = config.resolved(&dataset, &encoding);
            // What a run keeps gives the same again, whatever is usual then.
            assert_eq!(resolved.encoding(&dataset, None).unwrap(), encoding);
            (encoding.levels(), matches!(encoding, Encoding::Palette(_)))
        };
        let open = DataConfig::default();
        assert_eq!(encoded(&open, 3, Some(7)), (7, true));
        assert_eq!(encoded(&open, 3, None), (256, false));
        assert_eq!(encoded(&open, 1, Some(7)), (256, false));
        let levels = DataConfig {
            levels: Some(8),
            ..open.clone()
        };
        assert_eq!(encoded(&levels, 3, Some(7)), (8, false));
        let palette = DataConfig {
            palette: Some(5),
            ..open
        };
        assert_eq!(encoded(&palette, 3, Some(7)), (5, true));
    }
}
