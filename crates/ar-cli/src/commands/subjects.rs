//! What is scored one by one: images or recordings, each with a name.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use ar_core::{Conditioning, Domain};
use ar_data::{Binarization, Encoding, Images, Shape, Source, Split};

use super::inputs::{Files, is_there, tests};
use super::recordings::recordings;
use super::scoring::{config_of, data_of, has_classes_of, reads_sound, seen_by};
use crate::complexity::complexity;
use crate::condition::in_words;
use crate::config::DataConfig;
use crate::dataset::Data;
use crate::failure::usage;
use crate::output::Output;
use crate::reading::ReadingArgs;
use crate::run::Run;
use crate::scored::with_bar;

/// Images or recordings of the kind of a run.
#[derive(Debug)]
pub(super) struct Subjects {
    pub(super) names: Vec<String>,
    pub(super) images: Arc<Images>,
    pub(super) encoding: Encoding,
    /// Whether they were made binary at half the range, where the run draws.
    is_halved: bool,
}

/// How data are read, and as what they are taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Taken<'a> {
    pub(super) reading: &'a ReadingArgs,
    /// Without the scaling and cutting that the run's own data had.
    pub(super) full_size: bool,
    /// As one of this class, whatever they are.
    pub(super) class: Option<u32>,
}

impl Subjects {
    /// The images of `files`, or of a run of sound its recordings.
    ///
    /// # Errors
    /// When one cannot be read, is not of the run's kind, or has no class where the run needs it.
    pub(super) fn of_files(
        files: &Files,
        class: Option<u32>,
        run: &mut Run,
        output: &Output,
    ) -> Result<Self> {
        if run.data.config.sample_rate.is_some() {
            reads_sound(run, files.reading, files.full_size)?;
            return Self::of_recordings(files, class, run);
        }
        let inputs = files.read(run, output)?;
        let Domain {
            channels,
            height,
            width,
            levels,
        } = run.model.domain();
        let values = inputs.iter().flat_map(|input| &input.levels);
        let pixels = values.map(|&level| level as u16).collect();
        let classes = inputs.iter().map(|input| class.or(input.class)).collect();
        let is_halved = inputs.iter().any(|input| input.is_halved);
        let names: Vec<String> = inputs.into_iter().map(|input| input.name).collect();
        let labels = labels(&names, classes, run)?;
        let shape = Shape::new(channels, height, width);
        Ok(Self {
            names,
            images: Arc::new(Images::new(shape, levels, pixels, labels)?),
            encoding: Encoding::native(levels)?,
            is_halved,
        })
    }

    fn of_recordings(files: &Files, class: Option<u32>, run: &Run) -> Result<Self> {
        let (mut values, mut lengths) = (Vec::new(), Vec::new());
        let (mut names, mut classes) = (Vec::new(), Vec::new());
        for recording in recordings(files.option, files.paths, run)? {
            lengths.push(recording.samples.len());
            values.extend(recording.samples);
            classes.push(class.or(recording.class));
            names.push(recording.path.display().to_string());
        }
        let labels = labels(&names, classes, run)?;
        let images = joined(values, &lengths, labels, run)?;
        Ok(Self {
            names,
            images: Arc::new(images),
            encoding: run.encoding.clone(),
            is_halved: false,
        })
    }

    /// The first `count` test images of the run's data.
    ///
    /// # Errors
    /// When the data cannot be had.
    pub(super) fn of_test(
        count: usize,
        taken: Taken,
        run: &mut Run,
        output: &Output,
    ) -> Result<Self> {
        let data = data_of(run, None, taken.reading, taken.full_size, output)?;
        let (test, count) = tests(&data, count, output)?;
        let images = Images::clone(test).limit(count);
        Self::of_images(images, data.encoding, "test", taken, run)
    }

    /// The test images of the set `set`, or all of a folder or file that has no test of its own, at most `limit`;
    /// to be held against `others`.
    ///
    /// # Errors
    /// When they cannot be had, or are not of the kind and size of the others.
    pub(super) fn of_set(
        set: &str,
        limit: Option<usize>,
        taken: Taken,
        others: &Self,
        run: &mut Run,
        output: &Output,
    ) -> Result<Self> {
        let config = config_of(run, Some(set), taken.reading, taken.full_size);
        let config = match config.source() {
            Source::Path(path) => {
                is_there("--against", &path)?;
                // Nothing was trained on, so nothing need be held out.
                DataConfig {
                    validation: 0,
                    test: 0,
                    ..config
                }
            }
            _ => config,
        };
        let told = || format!("--against {set}");
        let before = run.model.domain();
        let data = Data::like(&config, &run.encoding)
            .and_then(|data| seen_by(run, data, output))
            .with_context(told)?;
        let after = run.model.domain();
        if before != after {
            return Err(usage(format!(
                "{}: its images are {}x{}, the others {}x{}; likelihoods of different sizes are not compared",
                told(),
                after.height,
                after.width,
                before.height,
                before.width
            )));
        }
        let is_conditional = run.spec.conditioning.classes().is_some();
        if is_conditional && taken.class.is_none() && !has_classes_of(run, &data) {
            return Err(usage(format!(
                "{}: its classes are not those of the model; say with --class as which all are to be taken",
                told()
            )));
        }
        let images = match data.split(Split::Test) {
            test if test.is_empty() => data.split(Split::Train),
            test => test,
        };
        let images = Images::clone(images).limit(limit.unwrap_or(usize::MAX));
        // What was made binary in another way would be told apart by that.
        let encoding = match data.encoding {
            Encoding::Binary(_, native) if others.is_halved => {
                Encoding::binary(native, Binarization::Threshold)?
            }
            own => own,
        };
        Self::of_images(images, encoding, set, taken, run)
    }

    fn of_images(
        images: Images,
        encoding: Encoding,
        of: &str,
        taken: Taken,
        run: &Run,
    ) -> Result<Self> {
        let is_conditional = run.spec.conditioning.classes().is_some();
        let images = match taken.class {
            Some(class) => images.all_of_class(class),
            None if is_conditional && images.labels().is_none() => {
                return Err(usage(format!(
                    "the model is conditioned on classes and {of} has no labels; name a class with --class"
                )));
            }
            None => images,
        };
        Ok(Self {
            names: (0..images.len()).map(|i| format!("{of}[{i}]")).collect(),
            images: Arc::new(images),
            encoding: encoding.for_scoring(),
            is_halved: false,
        })
    }

    /// Values of each, by which bits are counted: of recordings their samples, of images those a model sees.
    pub(super) fn dims(&self) -> Vec<f64> {
        let of_image = self.encoding.shape(self.images.shape()).dims();
        let of = |i| match self.images.context() {
            Some(_) => self.images.values(i),
            None => of_image,
        };
        (0..self.names.len()).map(|i| of(i) as f64).collect()
    }

    /// The `(C, H, W)` levels of one, as a model sees it; of a recording, all of it.
    ///
    /// # Errors
    /// Never for what was read.
    pub(super) fn levels(&self, i: usize) -> Result<(Vec<u32>, [usize; 3])> {
        if let Encoding::Sound(companding) = &self.encoding {
            let samples = self.images.recording(i);
            let shape = [companding.channels(), 1, samples.len()];
            return Ok((companding.levels_of(samples), shape));
        }
        let mut levels = Vec::new();
        self.encoding.encode(&self.images, i, 0, &mut levels)?;
        let shape = self.encoding.shape(self.images.shape());
        Ok((levels, [shape.channels, shape.height, shape.width]))
    }

    /// Negative log-likelihood of each under the model of `run`, in nats.
    ///
    /// # Errors
    /// When it cannot be computed, or is no number.
    pub(super) fn nats(
        &self,
        run: &Run,
        batch_size: usize,
        label: &str,
        output: &Output,
    ) -> Result<Vec<f64>> {
        let images = &seen_by_model(&self.images, run)?;
        let (model, encoding) = (run.model.as_ref(), &self.encoding);
        let nats = with_bar(model, images, encoding, batch_size, 0, label, output)?;
        if let Some(i) = nats.iter().position(|nats| !nats.is_finite()) {
            bail!("{}: its likelihood is not a finite number", self.names[i]);
        }
        Ok(nats)
    }

    /// How long each is when it is compressed as PNG, in nats.
    ///
    /// # Errors
    /// When one is too large for a PNG.
    pub(super) fn complexities(&self) -> Result<Vec<f64>> {
        let of = |i| {
            let (levels, shape) = self.levels(i)?;
            complexity(&levels, shape, self.encoding.levels())
                .with_context(|| self.names[i].clone())
        };
        (0..self.names.len()).map(of).collect()
    }
}

/// Whether each has a class, where the model of `run` needs one.
fn labels(names: &[String], classes: Vec<Option<u32>>, run: &Run) -> Result<Option<Vec<u32>>> {
    if run.spec.conditioning.classes().is_none() {
        return Ok(None);
    }
    if let Some(i) = classes.iter().position(Option::is_none) {
        return Err(usage(format!(
            "the model is conditioned on classes and {} lies in no folder called like one; name its class with \
             --class",
            names[i]
        )));
    }
    Ok(classes.into_iter().collect())
}

/// Recordings seen through the windows of `run`.
fn joined(
    values: Vec<u16>,
    lengths: &[usize],
    labels: Option<Vec<u32>>,
    run: &Run,
) -> Result<Images> {
    let context = run.data.config.load_options().sound.context;
    let window = [run.spec.domain.width, context];
    let native = run.encoding.native_levels();
    let images = Images::recordings(native, values, lengths, labels, window)?;
    Ok(images.with_bands(run.data.config.bands()))
}

/// The same images; of recordings, through the windows of `run`: another model may look further back, or less far.
///
/// # Errors
/// Never for what was read.
pub(super) fn seen_by_model(images: &Arc<Images>, run: &Run) -> Result<Arc<Images>> {
    if images.context().is_none() {
        return Ok(Arc::clone(images));
    }
    let all = 0..images.len();
    let lengths: Vec<usize> = all.clone().map(|i| images.values(i)).collect();
    let values = all.flat_map(|i| images.recording(i)).copied().collect();
    let labels = images.labels().map(<[u32]>::to_vec);
    Ok(Arc::new(joined(values, &lengths, labels, run)?))
}

/// Opens the run at `path` to be held against `run`, whose images it has to see as that does.
///
/// # Errors
/// When it sees them in another way, or is given a class that the other does not have.
pub(super) fn background(path: &Path, run: &Run, output: &Output) -> Result<Run> {
    let mut other = Run::open(path, run.model.device())?;
    let told = format!("--background {}", path.display());
    let (own, domain) = (run.model.domain(), other.model.domain());
    let kind = |run: &Run| {
        let Domain {
            channels, levels, ..
        } = run.model.domain();
        let encoding = run.encoding.clone().for_scoring();
        (channels, levels, encoding, run.data.config.sample_rate)
    };
    if kind(run) != kind(&other) {
        return Err(usage(format!(
            "{told} sees its data in another way than the run (channels, levels, binarization, palette or \
             sampling rate), so their likelihoods cannot be compared"
        )));
    }
    let is_sound = run.data.config.sample_rate.is_some();
    if own != domain && !is_sound {
        other.take_size([own.height, own.width], &format!("{told}, for"), output)?;
    }
    let given = other.spec.conditioning;
    let same = given == run.spec.conditioning && other.data.classes == run.data.classes;
    if given != Conditioning::None && !same {
        return Err(usage(format!(
            "{told} is given {}, and not the same as the run",
            in_words(given)
        )));
    }
    Ok(other)
}
