//! Images to complete, and which of their pixels are given.

use std::path::Path;

use anyhow::{Context as _, Result};
use ar_core::Domain;
use ar_data::{Binarization, Encoding, Images, Layout, LoadOptions, Split, framed, read_images};

use super::scoring::data_of;
use crate::failure::usage;
use crate::output::Output;
use crate::paths::absolute;
use crate::reading::ReadingArgs;
use crate::run::Run;
use crate::words::counted;

/// An image to complete.
#[derive(Debug)]
pub(super) struct Input {
    /// `(C, H, W)`.
    pub(super) levels: Vec<u32>,
    /// Its label, where it has one.
    pub(super) class: Option<u32>,
}

/// The images of one file. Their class is that of the folder they lie in, where it is called like
/// a class of the run.
///
/// # Errors
/// When the file cannot be read or its images are not what the run's data are.
pub(super) fn read(
    path: &Path,
    reading: &ReadingArgs,
    run: &Run,
    output: &Output,
) -> Result<Vec<Input>> {
    let mut levels = Vec::new();
    let domain = run.model.domain();
    read_levels(path, reading, run, &mut levels, output)?;
    let absolute = absolute(path);
    let folder = absolute.parent().and_then(Path::file_name);
    let class = folder.and_then(|folder| {
        let named = |name: &String| folder == name.as_str();
        run.data.classes.iter().position(named)
    });
    let class = class.map(|class| class as u32);
    let images = levels.chunks(domain.dims());
    Ok(images
        .map(|image| Input {
            levels: image.to_vec(),
            class,
        })
        .collect())
}

/// The first `count` test images of the run's data, with their labels.
///
/// # Errors
/// When the data cannot be had.
pub(super) fn of_test(count: usize, run: &Run, output: &Output) -> Result<Vec<Input>> {
    let data = data_of(run, None, &ReadingArgs::default(), output)?;
    let (test, encoding) = (data.split(Split::Test), data.encoding.clone().for_scoring());
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
    (0..count.min(test.len()))
        .map(|i| {
            let mut levels = Vec::new();
            encoding.encode(test, i, 0, &mut levels)?;
            let class = test.label(i);
            Ok(Input { levels, class })
        })
        .collect()
}

/// Which pixels are given, `(H, W)`: what is not black in the picture `mask`, or else the first
/// `rows` rows.
///
/// # Errors
/// When the mask cannot be read or is of another size, or there are not so many rows.
pub(super) fn known_pixels(mask: Option<&Path>, rows: usize, domain: &Domain) -> Result<Vec<bool>> {
    let (height, width) = (domain.height, domain.width);
    if let Some(path) = mask {
        is_there("--mask", path)?;
        let mask = read_images(path, &LoadOptions::default())
            .with_context(|| format!("cannot read --mask {}", path.display()))?;
        let shape = mask.shape();
        if (mask.len(), shape.height, shape.width) != (1, height, width) {
            let got = format!("{}x{}", shape.height, shape.width);
            return Err(usage(format!(
                "--mask {} is {got} pixels, the model's images are {height}x{width}",
                path.display()
            )));
        }
        let planes = mask.image(0);
        let values = (0..height * width).map(|p| planes.iter().skip(p).step_by(height * width));
        return Ok(values.map(|mut at| at.any(|&v| v > 0)).collect());
    }
    if rows > height {
        return Err(usage(format!(
            "--keep-rows {rows}: the model's images have {height} rows"
        )));
    }
    Ok((0..height * width).map(|p| p / width < rows).collect())
}

/// Refuses a file that is not there, by the option that names it.
fn is_there(option: &str, path: &Path) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    Err(usage(format!(
        "{option} {}: there is no such file",
        path.display()
    )))
}

/// Appends the levels of the images of one input file, scaled and cut as the run's own are where they are of
/// another size.
fn read_levels(
    path: &Path,
    reading: &ReadingArgs,
    run: &Run,
    levels: &mut Vec<u32>,
    output: &Output,
) -> Result<()> {
    is_there("--input", path)?;
    let (domain, encoding, config) = (
        run.model.domain(),
        &run.encoding,
        reading.over(run.data.config.clone()),
    );
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
    let cannot = || format!("cannot read --input {}", path.display());
    // Levels as `sample` writes them, or else what the run's own data look like.
    let fits = |images: &Images| images.shape().channels == domain.channels;
    let told = reading.first_given().is_some();
    let images = match read_images(path, &plain) {
        Ok(images) if !told && (fits(&images) || config.layout.is_none()) => images,
        _ => read_images(path, &own).with_context(cannot)?,
    };
    let shape = images.shape();
    let images = if [shape.height, shape.width] == [domain.height, domain.width] {
        images
    } else {
        framed(images, &config.framing()).with_context(cannot)?
    };
    if images.is_empty() {
        return Err(usage(format!("--input {} holds no images", path.display())));
    }
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
            "--input {} is {given} (channels x height x width), the model's images are {}x{}x{}",
            path.display(),
            domain.channels,
            domain.height,
            domain.width
        )));
    }
    let is_array = path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("npy"));
    if is_array
        && given.channels == domain.channels
        && images
            .pixels()
            .iter()
            .all(|&value| usize::from(value) < domain.levels)
    {
        levels.extend(images.pixels().iter().map(|&value| u32::from(value)));
        return Ok(());
    }
    let native = encoding.native_levels();
    let images = with_levels(images, native).map_err(|highest| {
        usage(format!(
            "--input {}: value {highest} is outside the data's 0..{native}",
            path.display()
        ))
    })?;
    // A picture to complete has no split and no number that a stored draw could belong to.
    let encoding = match encoding {
        Encoding::Binary(_, native) => {
            output.note(format_args!(
                "{}: made binary at half the range",
                path.display()
            ));
            Encoding::binary(*native, Binarization::Threshold)?
        }
        Encoding::Levels(_) | Encoding::Palette(_) => encoding.clone(),
    };
    for i in 0..images.len() {
        encoding.encode(&images, i, 0, levels)?;
    }
    Ok(())
}

/// The same images as ones of `native` levels, or the value that is none.
fn with_levels(images: Images, native: usize) -> std::result::Result<Images, u16> {
    let highest = images.pixels().iter().copied().max().unwrap_or(0);
    images.with_native_levels(native).map_err(|_| highest)
}
