//! The one thing applied to pixels when a batch is made.

use serde::{Deserialize, Serialize};

use crate::{Binarization, Error, Images, Palette, Quantizer, Result, Shape};

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
            Self::Binary(..) => 2,
            Self::Palette(palette) => palette.levels(),
        }
    }

    /// How many the data have.
    pub const fn native_levels(&self) -> usize {
        match self {
            Self::Levels(quantizer) => quantizer.native(),
            Self::Binary(_, native) => *native,
            Self::Palette(_) => Palette::NATIVE_LEVELS,
        }
    }

    /// The shape a model sees, from that of the images: with a palette there is one channel.
    pub const fn shape(&self, images: Shape) -> Shape {
        match self {
            Self::Levels(_) | Self::Binary(..) => images,
            Self::Palette(_) => Shape::new(1, images.height, images.width),
        }
    }

    /// How it binarizes: "fixed", "fresh", "threshold" or "none".
    pub const fn binarization(&self) -> &'static str {
        match self {
            Self::Levels(_) | Self::Palette(_) => "none",
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

    /// Whether the same image is encoded differently every epoch.
    pub const fn changes_with_epoch(&self) -> bool {
        matches!(self, Self::Binary(Binarization::Fresh { .. }, _))
    }

    /// The native values of an image's levels, in the shape of the data: the exact inverse where there is one,
    /// otherwise the middle of the values a level stands for. Binary levels are the ends of the range; those
    /// of a palette are colours, so `(1, H, W)` levels become `(3, H, W)` values.
    pub fn decode(&self, levels: &[u32]) -> Vec<u16> {
        match self {
            Self::Levels(quantizer) => levels.iter().map(|&l| quantizer.value(l)).collect(),
            Self::Binary(_, native) => {
                let top = native.saturating_sub(1) as u16;
                let value = |&level: &u32| if level == 0 { 0 } else { top };
                levels.iter().map(value).collect()
            }
            Self::Palette(palette) => palette.planes(levels).into_iter().map(u16::from).collect(),
        }
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

    /// Appends the levels of image `i` as it is seen in `epoch`, in the [shape a model sees](Self::shape).
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
        self.encode_checked(images, i, epoch, out);
        Ok(())
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

    /// [`Self::encode`] after the checks.
    pub(crate) fn encode_checked(&self, images: &Images, i: usize, epoch: u64, out: &mut Vec<u32>) {
        let image = images.image(i);
        match self {
            Self::Levels(quantizer) => out.extend(image.iter().map(|&v| quantizer.level(v))),
            Self::Binary(how, native) => {
                how.encode(*native, image, (images.split(), images.id(i), epoch), out);
            }
            Self::Palette(palette) => {
                out.extend(Palette::pixels(image).map(|colour| palette.level(colour)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Shape;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn decoded_levels_encode_to_themselves(native in 2usize..600, seed in 0usize..1000) {
            let levels = 2 + seed % (native - 1);
            let encoding = Encoding::levels_of(native, levels)?;
            let all: Vec<u32> = (0..levels as u32).collect();
            let images = Images::new(Shape::new(1, 1, levels), native, encoding.decode(&all), None)?;
            let mut out = Vec::new();
            encoding.encode(&images, 0, 0, &mut out)?;
            prop_assert_eq!(out, all);
        }

        #[test]
        fn decoded_binary_levels_encode_to_themselves(native in 2usize..600, seed: u64) {
            for how in [Binarization::Fixed { seed }, Binarization::Fresh { seed }, Binarization::Threshold] {
                let encoding = Encoding::binary(native, how)?;
                let images = Images::new(Shape::new(1, 1, 2), native, encoding.decode(&[0, 1]), None)?;
                let mut out = Vec::new();
                encoding.encode(&images, 0, seed, &mut out)?;
                prop_assert_eq!(out, [0, 1]);
            }
        }

        #[test]
        fn display_spreads_over_the_whole_range(levels in 2usize..=512) {
            let encoding = Encoding::native(levels)?;
            let shown = encoding.display(&(0..levels as u32).collect::<Vec<_>>());
            prop_assert_eq!((shown[0], shown[levels - 1]), (0, 255));
            prop_assert!(shown.is_sorted());
        }
    }

    #[test]
    fn images_with_other_levels_are_refused() {
        let images = Images::new(Shape::new(1, 1, 1), 2, vec![1], None).unwrap();
        let encoding = Encoding::native(256).unwrap();
        let refused = encoding.encode(&images, 0, 0, &mut Vec::new());
        assert!(matches!(
            refused,
            Err(Error::EncodingMismatch {
                expected: 256,
                got: 2
            })
        ));
        let refused = Encoding::native(2)
            .unwrap()
            .encode(&images, 1, 0, &mut Vec::new());
        assert!(matches!(refused, Err(Error::Index { index: 1, len: 1 })));
    }

    #[test]
    fn configurations_keep_it_and_bad_ones_are_refused() {
        let fixed = Encoding::binary(256, Binarization::Fixed { seed: 7 }).unwrap();
        let levels = Encoding::levels_of(256, 4).unwrap();
        let palette = Palette::new(vec![[0, 0, 0], [255, 16, 1]]).unwrap();
        for (encoding, json) in [
            (Encoding::Palette(palette), r#"{"palette":"000000ff1001"}"#),
            (fixed, r#"{"binary":[{"fixed":{"seed":7}},256]}"#),
            (levels, r#"{"levels":{"native":256,"levels":4}}"#),
        ] {
            assert_eq!(serde_json::to_string(&encoding).unwrap(), json);
            assert_eq!(serde_json::from_str::<Encoding>(json).unwrap(), encoding);
        }
        let bad = r#"{"levels":{"native":256,"levels":257}}"#;
        let error = serde_json::from_str::<Encoding>(bad)
            .unwrap_err()
            .to_string();
        assert!(error.contains("between 2 and 256"), "{error}");
    }
}
