//! Images that a command is given: files, folders of them, or images of the run's own data.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use ar_data::{Binarization, Encoding, Images, Layout, LoadOptions, Split, framed, read_images};

use super::recordings::of_sound;
use super::scoring::data_of;
use crate::dataset::Data;
use crate::destination::ending_of;
use crate::failure::usage;
use crate::output::Output;
use crate::paths::absolute;
use crate::reading::ReadingArgs;
use crate::run::Run;
use crate::words::counted;

/// An image to complete or to score.
#[derive(Debug)]
pub(super) struct Input {
    /// Its file, with a number where there are several in it; or which test image it is.
    pub(super) name: String,
    /// `(C, H, W)`.
    pub(super) levels: Vec<u32>,
    /// Its label, where it has one.
    pub(super) class: Option<u32>,
    /// Of a recording, what a model of bands is told of it.
    pub(super) bands: Option<Vec<f32>>,
    /// Whether it was made binary at half the range, where the run draws.
    pub(super) is_halved: bool,
    /// The picture it is, unless it is one of an array or of the data.
    pub(super) picture: Option<PathBuf>,
}

/// How files of images are read.
#[derive(Debug)]
pub(super) struct Files<'a> {
    /// What the command line calls them.
    pub(super) option: &'static str,
    /// Endings of what is read of a folder.
    pub(super) in_folders: &'a [&'a str],
    pub(super) paths: &'a [PathBuf],
    pub(super) reading: &'a ReadingArgs,
    /// Without the scaling and cutting that the run's own data had.
    pub(super) full_size: bool,
}

impl Files<'_> {
    /// Their images, one size all of them, for which the model of `run` is put together anew where it was
    /// trained on another. The class of an image is that of the folder it lies in, where that is called like a
    /// class of the run.
    ///
    /// # Errors
    /// When a file cannot be read, or its images are not what the model can be of.
    pub(super) fn read(&self, run: &mut Run, output: &Output) -> Result<Vec<Input>> {
        let mut inputs = Vec::new();
        let files = all_files(self.option, self.paths, self.in_folders)?;
        self.is_heard(&files, run)?;
        for path in files {
            let called = format!("{} {}", self.option, path.display());
            let images = self.images(&path, run)?;
            let size = [images.shape().height, images.shape().width];
            let trained = [run.model.domain().height, run.model.domain().width];
            if size != trained && !inputs.is_empty() {
                return Err(usage(format!(
                    "{called}: its images are {}x{}, those before it {}x{}; give images of one size",
                    size[0], size[1], trained[0], trained[1]
                )));
            }
            run.take_size(size, &format!("{called}, of"), output)?;
            let mut levels = Vec::new();
            let is_picture = !is_array(&path) && images.len() == 1;
            let is_halved = encode(&path, &called, images, run, &mut levels, output)?;
            let class = class_of(&path, run);
            let own = levels.chunks(run.model.domain().dims());
            inputs.extend(own.enumerate().map(|(i, image)| Input {
                name: if is_picture {
                    path.display().to_string()
                } else {
                    format!("{}[{i}]", path.display())
                },
                levels: image.to_vec(),
                class,
                bands: None,
                is_halved,
                picture: is_picture.then(|| path.clone()),
            }));
        }
        Ok(inputs)
    }
}

/// `paths`, with the files of these `endings` that lie in them in place of folders.
///
/// # Errors
/// When one is not there, or a folder holds no such file.
pub(super) fn all_files(option: &str, paths: &[PathBuf], endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        is_there(option, path)?;
        if path.is_dir() {
            files.extend(files_in(option, path, endings)?);
        } else {
            files.push(path.clone());
        }
    }
    Ok(files)
}

/// Endings of pictures.
pub(super) const PICTURES: &[&str] = &["png", "jpg", "jpeg"];

/// All files in `folder` and in folders in it, as of classes, by name.
///
/// # Errors
/// When a folder cannot be read.
pub(super) fn files_below(option: &str, folder: &Path) -> Result<Vec<PathBuf>> {
    let (mut folders, mut files) = (vec![folder.to_path_buf()], Vec::new());
    while let Some(folder) = folders.pop() {
        let cannot = || format!("cannot read {option} {}", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(cannot)? {
            let path = entry.with_context(cannot)?.path();
            let of = if path.is_dir() {
                &mut folders
            } else {
                &mut files
            };
            of.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Those of these `endings`.
pub(super) fn files_in(option: &str, folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = files_below(option, folder)?;
    found.retain(|path| endings.contains(&ending_of(path).as_str()));
    if found.is_empty() {
        let endings = endings.iter().map(|e| format!(".{e}")).collect::<Vec<_>>();
        return Err(usage(format!(
            "{option} {}: the folder holds no files that end in {}",
            folder.display(),
            endings.join(" or ")
        )));
    }
    Ok(found)
}

/// The class of `run` that the name of `path` says as those of the run's data do, or that its folder is called
/// like.
pub(super) fn class_of(path: &Path, run: &Run) -> Option<u32> {
    let absolute = absolute(path);
    let in_name = run.data.config.classes_from.as_ref().and_then(|pattern| {
        let stem = absolute.file_stem()?.to_string_lossy();
        pattern.class_of(&stem)
    });
    let folder = absolute.parent().and_then(Path::file_name);
    let folder = folder.map(|name| name.to_string_lossy().into_owned());
    let class = in_name.or(folder)?;
    let class = run.data.classes.iter().position(|name| *name == class)?;
    Some(class as u32)
}

/// The first `count` test images of the run's data, with their labels.
///
/// # Errors
/// When the data cannot be had.
pub(super) fn of_test(
    count: usize,
    reading: &ReadingArgs,
    full_size: bool,
    run: &mut Run,
    output: &Output,
) -> Result<Vec<Input>> {
    let data = data_of(run, None, reading, full_size, output)?;
    let (test, count) = tests(&data, count, output)?;
    (0..count)
        .map(|i| input_of(test, i, &data.encoding))
        .collect()
}

/// Test image `i` of the run's data, with its label; of sound, a whole recording.
///
/// # Errors
/// When the data cannot be had, or have no such image.
pub(super) fn test_image(i: usize, run: &mut Run, output: &Output) -> Result<Input> {
    let data = data_of(run, None, &ReadingArgs::default(), false, output)?;
    let (test, _) = tests(&data, 1, output)?;
    if i >= test.len() {
        return Err(usage(format!(
            "--test {i}: {} has {}, counted from 0",
            data.name,
            counted(test.len(), "test image")
        )));
    }
    let Encoding::Sound(companding) = &data.encoding else {
        return input_of(test, i, &data.encoding);
    };
    let samples = test.recording(i);
    run.take_size([1, samples.len()], "--test, of", output)?;
    Ok(of_sound(
        samples,
        format!("test[{i}]"),
        test.label(i),
        *companding,
        run,
    ))
}

/// The test images, and how many of `count` there are of them.
///
/// # Errors
/// When there are none.
pub(super) fn tests<'a>(
    data: &'a Data,
    count: usize,
    output: &Output,
) -> Result<(&'a Arc<Images>, usize)> {
    let test = data.split(Split::Test);
    if test.is_empty() {
        return Err(usage(format!("--test: {} has no test images", data.name)));
    }
    if count > test.len() {
        output.note(format_args!(
            "{} has {} only",
            data.name,
            counted(test.len(), "test image")
        ));
    }
    Ok((test, count.min(test.len())))
}

fn input_of(images: &Images, i: usize, encoding: &Encoding) -> Result<Input> {
    let mut levels = Vec::new();
    let encoding = encoding.clone().for_scoring();
    encoding.encode(images, i, 0, &mut levels)?;
    Ok(Input {
        name: format!("test[{i}]"),
        is_halved: false,
        levels,
        class: images.label(i),
        bands: None,
        picture: None,
    })
}

/// Refuses a file that is not there, by the option that names it.
pub(super) fn is_there(option: &str, path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    Err(usage(format!(
        "{option} {}: there is no such file",
        path.display()
    )))
}

impl Files<'_> {
    /// Refuses what says how arrays are stored where no file is one, and levels that the run's data do not have.
    fn is_heard(&self, files: &[PathBuf], run: &Run) -> Result<()> {
        let (own, levels) = (run.encoding.native_levels(), run.model.domain().levels);
        match (self.reading.first_of_images(), self.reading.native_levels) {
            (Some(option), _) if !files.iter().any(|path| is_array(path)) => Err(usage(format!(
                "{option} is for arrays; {} is a picture",
                files[0].display()
            ))),
            (_, Some(told)) if ![own, levels].contains(&told) => Err(usage(format!(
                "--native-levels {told}: the run's data have {own} levels, of which the model sees {levels}; \
                 give the values as one or the other"
            ))),
            _ => Ok(()),
        }
    }

    /// The images of one input file, scaled and cut as the run's own are where they are of another size.
    fn images(&self, path: &Path, run: &Run) -> Result<Images> {
        let domain = run.model.domain();
        let config = self.reading.over(run.data.config.clone());
        let own = LoadOptions {
            layout: config.layout,
            data_range: config.data_range,
            native_levels: config.native_levels.filter(|_| config.data_range.is_some()),
            ..LoadOptions::default()
        };
        let plain = LoadOptions {
            layout: Some(Layout::Nchw),
            ..LoadOptions::default()
        };
        let cannot = || format!("cannot read {} {}", self.option, path.display());
        // Levels as `sample` writes them, or else what the run's own data look like.
        let fits = |images: &Images| images.shape().channels == domain.channels;
        let told = self.reading.first_given().is_some();
        let images = match read_images(path, &plain) {
            Ok(images) if !told && (fits(&images) || config.layout.is_none()) => images,
            _ => read_images(path, &own).with_context(cannot)?,
        };
        let shape = images.shape();
        let fits = [shape.height, shape.width] == [domain.height, domain.width];
        let images = if fits || self.full_size {
            images
        } else {
            framed(images, &config.framing()).with_context(cannot)?
        };
        if images.is_empty() {
            return Err(usage(format!(
                "{} {} holds no images",
                self.option,
                path.display()
            )));
        }
        Ok(images)
    }
}

/// Appends the levels of the images of one file. Whether they were made binary.
fn encode(
    path: &Path,
    called: &str,
    images: Images,
    run: &Run,
    levels: &mut Vec<u32>,
    output: &Output,
) -> Result<bool> {
    let (domain, encoding) = (run.model.domain(), &run.encoding);
    let given = images.shape();
    // Levels as `sample` writes them, or what becomes such levels.
    let shape = if given.channels == domain.channels {
        given
    } else {
        encoding.shape(given)
    };
    if [shape.channels, shape.height, shape.width] != [domain.channels, domain.height, domain.width]
    {
        return Err(usage(format!(
            "{called} is {given} (channels x height x width), the model's images are {}x{}x{}",
            domain.channels, domain.height, domain.width
        )));
    }
    if is_array(path)
        && given.channels == domain.channels
        && images
            .pixels()
            .iter()
            .all(|&value| usize::from(value) < domain.levels)
    {
        levels.extend(images.pixels().iter().map(|&value| u32::from(value)));
        return Ok(false);
    }
    let native = encoding.native_levels();
    let images = with_levels(images, native).map_err(|highest| {
        usage(format!(
            "{called}: value {highest} is outside the data's 0..{native}"
        ))
    })?;
    // A picture of its own has no split and no number that a stored draw could belong to.
    let is_halved = matches!(encoding, Encoding::Binary(..));
    let encoding = match encoding {
        Encoding::Binary(_, native) => {
            output.note(format_args!(
                "{}: made binary at half the range of 0 to {}",
                path.display(),
                native - 1
            ));
            Encoding::binary(*native, Binarization::Threshold)?
        }
        Encoding::Levels(_) | Encoding::Palette(_) | Encoding::Sound(_) => encoding.clone(),
    };
    for i in 0..images.len() {
        encoding.encode(&images, i, 0, levels)?;
    }
    Ok(is_halved)
}

fn is_array(path: &Path) -> bool {
    ["npy", "npz"].contains(&ending_of(path).as_str())
}

/// The same images as ones of `native` levels, or the value that is none.
fn with_levels(images: Images, native: usize) -> std::result::Result<Images, u16> {
    let highest = images.pixels().iter().copied().max().unwrap_or(0);
    images.with_native_levels(native).map_err(|_| highest)
}
