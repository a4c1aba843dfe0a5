//! The one thing applied to pixels when a batch is made.

use serde::{Deserialize, Serialize};

use crate::binarize::above_half;
use crate::frames::cut;
use crate::{Binarization, Companding, Error, Images, Palette, Quantizer, Result, Shape};

/// Native pixels to the levels a model sees, and back. It is all that is needed to show what a model draws, so
/// it is kept with the model. Clones are cheap.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Quantized, or unchanged.
    Levels(Quantizer),
    /// Two levels, with the number of native ones.
    Binary(Binarization, usize),
    /// Each RGB pixel one level, the number of its colour.
    Palette(Palette),
    /// 16-bit samples of sound.
    Sound(Companding),
}

impl Encoding {
    /// The data as they are.
    ///
    /// # Errors
    /// When the data have fewer than two levels.
    pub fn native(native: usize) -> Result<Self> {
        Self::levels_of(native, native)
    }

    /// `levels` of `native` values.
    ///
    /// # Errors
    /// When `levels` is below 2 or above `native`.
    pub fn levels_of(native: usize, levels: usize) -> Result<Self> {
        Quantizer::new(native, levels).map(Self::Levels)
    }

    /// Two levels of `native` values.
    ///
    /// # Errors
    /// When the data have fewer than two levels.
    pub fn binary(native: usize, how: Binarization) -> Result<Self> {
        if native < 2 {
            return Err(Error::Levels { native, levels: 2 });
        }
        Ok(Self::Binary(how, native))
    }

    /// Each RGB pixel as one of `colours` colours that k-means finds in the training images:
    /// [`Palette::fit`].
    ///
    /// # Errors
    /// When `colours` is below 2 or above [`Palette::MAX_COLOURS`], the images are not RGB of 256 levels, or
    /// they have fewer different colours.
    pub fn palette(train: &Images, colours: usize) -> Result<Self> {
        Palette::fit(train, colours).map(Self::Palette)
    }

    /// How many levels a model sees.
    pub fn levels(&self) -> usize {
        match self {
            Self::Levels(quantizer) => quantizer.levels(),
            Self::Sound(companding) => companding.levels(),
            Self::Binary(..) => 2,
            Self::Palette(palette) => palette.levels(),
        }
    }

    /// How many the data have.
    pub const fn native_levels(&self) -> usize {
        match self {
            Self::Levels(quantizer) => quantizer.native(),
            Self::Sound(_) => 1 << 16,
            Self::Binary(_, native) => *native,
            Self::Palette(_) => Palette::NATIVE_LEVELS,
        }
    }

    /// The shape a model sees, from that of the images: with a palette there is one channel.
    pub const fn shape(&self, images: Shape) -> Shape {
        match self {
            Self::Levels(_) | Self::Binary(..) => images,
            Self::Sound(companding) => {
                Shape::new(companding.channels(), images.height, images.width)
            }
            Self::Palette(_) => Shape::new(1, images.height, images.width),
        }
    }

    /// How it binarizes: "fixed", "fresh", "threshold" or "none".
    pub const fn binarization(&self) -> &'static str {
        match self {
            Self::Levels(_) | Self::Palette(_) | Self::Sound(_) => "none",
            Self::Binary(how, _) => how.name(),
        }
    }

    /// The encoding for everything that is not training: what training draws anew every epoch is drawn
    /// once, from the same seed.
    pub fn for_scoring(self) -> Self {
        match self {
            Self::Binary(Binarization::Fresh { seed }, native) => {
                Self::Binary(Binarization::Fixed { seed }, native)
            }
            other => other,
        }
    }

    /// The native values of an image's levels, in the shape of the data: the exact inverse where there is one,
    /// otherwise the middle of the values a level stands for. Binary levels are the ends of the range; those
    /// of a palette are colours, so `(1, H, W)` levels become `(3, H, W)` values.
    pub fn decode(&self, levels: &[u32]) -> Vec<u16> {
        match self {
            Self::Levels(quantizer) => levels.iter().map(|&l| quantizer.value(l)).collect(),
            Self::Sound(companding) => companding.samples_of(levels),
            Self::Binary(_, native) => {
                let top = native.saturating_sub(1) as u16;
                let value = |&level: &u32| if level == 0 { 0 } else { top };
                levels.iter().map(value).collect()
            }
            Self::Palette(palette) => palette.planes(levels).into_iter().map(u16::from).collect(),
        }
    }

    /// The levels of the values of one image, `(C, H, W)` as [`Self::decode`] gives them. Where binary levels are
    /// drawn by chance, those of values at the ends of the range.
    ///
    /// # Errors
    /// When a value is none of the native ones, or it is a palette and the values are not RGB.
    pub fn of_values(&self, values: &[u16]) -> Result<Vec<u32>> {
        let native = self.native_levels();
        if let Some(&value) = values.iter().find(|&&v| usize::from(v) >= native) {
            return Err(Error::LevelOutOfRange {
                value: value.into(),
                levels: native,
            });
        }
        Ok(match self {
            Self::Levels(quantizer) => values.iter().map(|&v| quantizer.level(v)).collect(),
            Self::Sound(companding) => companding.levels_of(values),
            Self::Binary(_, native) => {
                let above = |&v: &u16| above_half(*native, v);
                values.iter().map(above).collect()
            }
            Self::Palette(palette) => Palette::pixels(values)
                .map(|colour| palette.level(colour))
                .collect(),
        })
    }

    /// A picture of an image's levels: `(3, H, W)` colours of a palette, otherwise a value for each level,
    /// spread evenly over `0..=255`.
    pub fn display(&self, levels: &[u32]) -> Vec<u8> {
        if let Self::Palette(palette) = self {
            return palette.planes(levels);
        }
        let top = self.levels() as u64 - 1;
        let spread = |&level: &u32| ((u64::from(level).min(top) * 255 + top / 2) / top) as u8;
        levels.iter().map(spread).collect()
    }

    /// Appends the levels of image `i` as it is seen in `epoch`, in the [shape a model sees](Self::shape): of a
    /// picture larger than the window, those of its middle.
    ///
    /// # Errors
    /// When there is no such image, the images have other native levels than this encoding, or it is a palette
    /// and they are not RGB.
    pub fn encode(&self, images: &Images, i: usize, epoch: u64, out: &mut Vec<u32>) -> Result<()> {
        self.check(images)?;
        if i >= images.len() {
            return Err(Error::Index {
                index: i,
                len: images.len(),
            });
        }
        self.encode_checked(images, i, epoch, images.middle(i), out);
        Ok(())
    }

    /// Whether the levels tell anything apart: images of several values must not all become one level, which
    /// happens where a set counts as more native levels than it has.
    ///
    /// # Errors
    /// When they do, or the images have other native levels than this encoding.
    pub fn distinguishes(&self, images: &Images) -> Result<()> {
        self.check(images)?;
        let same_level = |a: u16, b: u16| match self {
            Self::Levels(quantizer) => quantizer.level(a) == quantizer.level(b),
            Self::Binary(Binarization::Threshold, native) => {
                above_half(*native, a) == above_half(*native, b)
            }
            Self::Binary(..) | Self::Palette(_) => false,
            Self::Sound(companding) => companding.same(a, b),
        };
        // As a rule the first few pixels have two levels, and no more is looked at.
        let pixels = images.pixels();
        let same = |&value: &u16| same_level(value, pixels[0]);
        if !pixels.iter().all(same) {
            return Ok(());
        }
        let mut occurs = vec![false; images.native_levels()];
        for &value in pixels {
            occurs[usize::from(value)] = true;
        }
        match occurs.into_iter().filter(|&occurs| occurs).count() {
            0 | 1 => Ok(()),
            values => Err(Error::OneLevel {
                values,
                levels: self.levels(),
                native: images.native_levels(),
            }),
        }
    }

    /// Whether the images are what this encoding is for.
    pub(crate) fn check(&self, images: &Images) -> Result<()> {
        if let Self::Palette(_) = self {
            return Palette::check(images);
        }
        let (expected, got) = (self.native_levels(), images.native_levels());
        if expected == got {
            Ok(())
        } else {
            Err(Error::EncodingMismatch { expected, got })
        }
    }

    /// [`Self::encode`] after the checks, of the window at `corner`.
    pub(crate) fn encode_checked(
        &self,
        images: &Images,
        i: usize,
        epoch: u64,
        corner: [usize; 2],
        out: &mut Vec<u32>,
    ) {
        let image = || images.window(i, corner);
        match self {
            Self::Levels(quantizer) => out.extend(image().iter().map(|&v| quantizer.level(v))),
            Self::Sound(companding) => out.extend(companding.levels_of(&image())),
            Self::Binary(how, native) => {
                let who = (images.split(), images.id(i), epoch);
                let (picture, size) = images.picture(i);
                let window = [images.shape().height, images.shape().width];
                if size == window {
                    how.encode(*native, picture, who, out);
                } else {
                    // Drawn for all of it, so that a pixel's draw does not depend on where the window is.
                    let mut whole = Vec::with_capacity(picture.len());
                    how.encode(*native, picture, who, &mut whole);
                    cut(&whole, size, corner, window, out);
                }
            }
            Self::Palette(palette) => {
                out.extend(Palette::pixels(&image()).map(|colour| palette.level(colour)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
