//! A file as levels that are all of it, and the file again.

use std::path::Path;

use anyhow::{Context as _, Result};
use ar_code::Item;
use ar_core::Domain;
use ar_data::{Encoding, Images, Layout, LoadOptions, read_images};
use serde::{Deserialize, Serialize};

use crate::dataset::save_levels;
use crate::destination::ending_of;
use crate::failure::usage;
use crate::picture::{Picture, write_whole};
use crate::run::Run;

/// What a file was, so that it can be written again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A PNG of grey or RGB bytes.
    Picture,
    /// A WAV of 16 bits and one channel, of so many samples a second.
    Recording(u32),
    /// A `.npy` file.
    Array {
        /// Its first bytes without the spaces that pad them, and how many there are with them.
        header: Vec<u8>,
        length: u16,
        /// Bytes of a value.
        bytes: u8,
        /// Whether channels are the last axis.
        channels_last: bool,
        /// Whether the values are levels already.
        levels: bool,
    },
    /// Levels that were in no file.
    Levels,
}

/// Makes items of files.
#[derive(Debug)]
pub(crate) struct Packer<'a> {
    pub(crate) run: &'a Run,
    /// Of every image, where the model is conditioned on classes.
    pub(crate) class: Option<u32>,
}

impl Packer<'_> {
    /// The file at `path`, to be called `name`.
    ///
    /// # Errors
    /// When it cannot be read, or is not what the model's levels can give back exactly.
    pub(crate) fn read(&self, path: &Path, name: &str) -> Result<Item> {
        match (ending_of(path).as_str(), &self.run.encoding) {
            ("wav", Encoding::Sound(_)) => self.recording(path, name),
            ("wav", _) => Err(usage(format!(
                "{}: it is sound, and the model is of images",
                path.display()
            ))),
            (_, Encoding::Sound(_)) => Err(usage(format!(
                "{}: the model is of sound: give WAV files",
                path.display()
            ))),
            ("npy", _) => self.array(path, name),
            ("png", _) => {
                let images = read_images(path, &LoadOptions::default())?;
                self.images(path, name, &images, &Kind::Picture)
            }
            _ => Err(usage(format!(
                "{}: PNG, npy and WAV files are compressed",
                path.display()
            ))),
        }
    }

    fn item(&self, name: &str, kind: &Kind, size: [usize; 2], levels: Vec<u32>) -> Result<Item> {
        let dims = self.run.spec.domain.channels * size[0] * size[1];
        Ok(Item {
            name: name.to_owned(),
            about: postcard::to_allocvec(kind)?,
            size,
            classes: self
                .class
                .map_or(Vec::new(), |class| vec![class; levels.len() / dims]),
            levels,
        })
    }

    fn recording(&self, path: &Path, name: &str) -> Result<Item> {
        let recording = ar_data::read_wav(path)?;
        let not = |problem: &str| Err(usage(format!("{}: {problem}", path.display())));
        if !recording.exact {
            return not("only WAV files of 16 bits and one channel come back bit for bit");
        }
        let levels = self.levels(path, std::slice::from_ref(&recording.samples))?;
        let size = [1, recording.samples.len()];
        self.item(name, &Kind::Recording(recording.rate), size, levels)
    }

    /// The levels of images, if they give the images back.
    fn levels(&self, path: &Path, images: &[Vec<u16>]) -> Result<Vec<u32>> {
        let encoding = &self.run.encoding;
        let mut levels = Vec::new();
        for (i, image) in images.iter().enumerate() {
            let own = encoding
                .of_values(image)
                .with_context(|| format!("cannot compress {}", path.display()))?;
            let back = encoding.decode(&own);
            if let Some(at) = (0..image.len()).find(|&at| back.get(at) != Some(&image[at])) {
                return Err(usage(format!(
                    "{}: value {at} of image {i} is {}, which none of the model's {} levels gives back; a model \
                     trained on all levels would take it",
                    path.display(),
                    image[at],
                    encoding.levels()
                )));
            }
            levels.extend(own);
        }
        Ok(levels)
    }

    fn images(&self, path: &Path, name: &str, images: &Images, kind: &Kind) -> Result<Item> {
        let (shape, encoding) = (images.shape(), &self.run.encoding);
        let (seen, channels) = (encoding.shape(shape), self.run.spec.domain.channels);
        if seen.channels != channels || images.native_levels() != encoding.native_levels() {
            return Err(usage(format!(
                "{}: its images have {} channels of {} values, the model's data {} of {}",
                path.display(),
                shape.channels,
                images.native_levels(),
                if shape == seen { channels } else { 3 },
                encoding.native_levels()
            )));
        }
        let all: Vec<Vec<u16>> = (0..images.len())
            .map(|i| images.image(i).into_owned())
            .collect();
        let levels = self.levels(path, &all)?;
        self.item(name, kind, [shape.height, shape.width], levels)
    }

    /// An array comes back byte for byte: its header as it was, its values in its own order.
    fn array(&self, path: &Path, name: &str) -> Result<Item> {
        let file =
            std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        let cannot = || {
            usage(format!(
                "{}: only arrays of whole numbers of 1, 2, 4 or 8 bytes, in C order, come back byte for byte",
                path.display()
            ))
        };
        let channels = self.run.spec.domain.channels;
        let layouts = [Layout::Nchw, Layout::Nhwc];
        let mut readings = layouts.iter().filter_map(|&layout| {
            let options = LoadOptions {
                layout: Some(layout),
                ..LoadOptions::default()
            };
            let images = read_images(path, &options).ok()?;
            let channels_last = matches!(layout, Layout::Nhwc);
            let fits = [channels, 3].contains(&images.shape().channels);
            fits.then_some((images, channels_last))
        });
        let Some((images, channels_last)) = readings.next() else {
            // What is wrong with it.
            read_images(path, &LoadOptions::default())?;
            return Err(cannot());
        };
        let header = header_of(&file).ok_or_else(cannot)?;
        let values = images.pixels().len();
        let bytes = (file.len() - header) / values.max(1);
        let trimmed = file[..header].trim_ascii_end();
        let top = images.pixels().iter().copied().max().unwrap_or(0);
        let k = self.run.spec.domain.levels;
        let kind = Kind::Array {
            header: trimmed.to_vec(),
            length: u16::try_from(header).map_err(|_| cannot())?,
            bytes: u8::try_from(bytes).map_err(|_| cannot())?,
            channels_last,
            // What `sample` writes; anything else is read as the run's own data are.
            levels: usize::from(top) < k && images.shape().channels == channels,
        };
        let item = if let Kind::Array { levels: true, .. } = kind {
            let shape = images.shape();
            let levels = images.pixels().iter().map(|&v| v.into()).collect();
            self.item(name, &kind, [shape.height, shape.width], levels)?
        } else {
            let native = self.run.encoding.native_levels();
            let images = images.with_native_levels(native).map_err(|_| {
                usage(format!(
                    "{}: it has values of {top}, the model's data {native} values",
                    path.display()
                ))
            })?;
            self.images(path, name, &images, &kind)?
        };
        let domain = Domain {
            height: item.size[0],
            width: item.size[1],
            ..self.run.spec.domain
        };
        if array_bytes(&kind, &item.levels, &domain, &self.run.encoding)
            .is_none_or(|again| again != file)
        {
            return Err(cannot());
        }
        Ok(item)
    }
}

/// Where the values of a `.npy` file begin.
fn header_of(file: &[u8]) -> Option<usize> {
    let rest = file.strip_prefix(b"\x93NUMPY")?;
    match rest {
        [1, _, a, b, ..] => Some(10 + usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d, ..] => Some(12 + u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        _ => None,
    }
    .filter(|&header| header <= file.len())
}

/// The bytes of an array of these levels.
fn array_bytes(
    kind: &Kind,
    levels: &[u32],
    domain: &Domain,
    encoding: &Encoding,
) -> Option<Vec<u8>> {
    let Kind::Array {
        header,
        length,
        bytes,
        channels_last,
        levels: are_levels,
    } = kind
    else {
        return None;
    };
    let mut file = header.clone();
    file.resize(usize::from(*length).checked_sub(1)?, b' ');
    file.push(b'\n');
    let n = domain.positions();
    for image in levels.chunks_exact(domain.dims()) {
        let values: Vec<u32> = match are_levels {
            true => image.to_vec(),
            false => encoding.decode(image).into_iter().map(u32::from).collect(),
        };
        let channels = values.len() / n;
        let mut push = |value: u32| {
            file.extend_from_slice(&u64::from(value).to_le_bytes()[..usize::from(*bytes)]);
        };
        match channels_last {
            true => (0..n).for_each(|p| (0..channels).for_each(|c| push(values[c * n + p]))),
            false => values.iter().for_each(|&value| push(value)),
        }
    }
    Some(file)
}

/// Writes images of `domain` as the file they were.
///
/// # Errors
/// When it cannot be written, or the archive says something of it that cannot be.
pub(crate) fn write(
    path: &Path,
    kind: &Kind,
    levels: &[u32],
    domain: &Domain,
    encoding: &Encoding,
) -> Result<()> {
    match kind {
        Kind::Picture => {
            let planes: Vec<u8> = encoding
                .decode(levels)
                .into_iter()
                .map(|v| v as u8)
                .collect();
            let channels = planes.len() / domain.positions();
            let picture = Picture::from_planes((channels, domain.height, domain.width), &planes)?;
            picture.save_png(path)
        }
        Kind::Recording(rate) => Ok(ar_data::write_wav(path, *rate, &encoding.decode(levels))?),
        Kind::Array { bytes: 1..=8, .. } => {
            let bytes = array_bytes(kind, levels, domain, encoding);
            write_whole(
                path,
                &bytes.context("the archive says of it what no array is")?,
            )
        }
        Kind::Array { .. } => anyhow::bail!("the archive says of it what no array is"),
        Kind::Levels => save_levels(path, levels, domain),
    }
}
