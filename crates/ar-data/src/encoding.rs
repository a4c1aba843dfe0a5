//! The one thing applied to pixels when a batch is made.

use serde::{Deserialize, Serialize};

use crate::{Binarization, Error, Images, Quantizer, Result};

/// Native pixels to the levels a model sees, and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Quantized, or unchanged.
    Levels(Quantizer),
    /// Two levels, with the number of native ones.
    Binary(Binarization, usize),
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

    /// How many levels a model sees.
    pub const fn levels(&self) -> usize {
        match self {
            Self::Levels(quantizer) => quantizer.levels(),
            Self::Binary(..) => 2,
        }
    }

    /// How many the data have.
    pub const fn native_levels(&self) -> usize {
        match self {
            Self::Levels(quantizer) => quantizer.native(),
            Self::Binary(_, native) => *native,
        }
    }

    /// How it binarizes: "fixed", "fresh", "threshold" or "none".
    pub const fn binarization(&self) -> &'static str {
        match self {
            Self::Levels(_) => "none",
            Self::Binary(how, _) => how.name(),
        }
    }

    /// Whether the same image is encoded differently every epoch.
    pub const fn changes_with_epoch(&self) -> bool {
        matches!(self, Self::Binary(Binarization::Fresh { .. }, _))
    }

    /// The native value of a level: the exact inverse where there is one, otherwise the middle of the values
    /// it stands for. Binary levels are the ends of the range.
    pub fn decode(&self, level: u32) -> u16 {
        match self {
            Self::Levels(quantizer) => quantizer.value(level),
            Self::Binary(_, native) => {
                if level == 0 {
                    0
                } else {
                    native.saturating_sub(1) as u16
                }
            }
        }
    }

    /// A grey value for a picture: levels spread evenly over `0..=255`.
    pub fn display(&self, level: u32) -> u8 {
        let top = self.levels() as u64 - 1;
        ((u64::from(level).min(top) * 255 + top / 2) / top) as u8
    }

    /// Appends the levels of image `i` as it is seen in `epoch`, `(C, H, W)`.
    ///
    /// # Errors
    /// When there is no such image, or the images have other native levels than this encoding.
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

    /// Whether the images have the native levels this encoding is for.
    pub(crate) fn check(&self, images: &Images) -> Result<()> {
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
            let pixels: Vec<u16> = (0..levels as u32).map(|level| encoding.decode(level)).collect();
            let images = Images::new(Shape::new(1, 1, levels), native, pixels, None)?;
            let mut out = Vec::new();
            encoding.encode(&images, 0, 0, &mut out)?;
            prop_assert_eq!(out, (0..levels as u32).collect::<Vec<_>>());
        }

        #[test]
        fn decoded_binary_levels_encode_to_themselves(native in 2usize..600, seed: u64) {
            for how in [Binarization::Fixed { seed }, Binarization::Fresh { seed }, Binarization::Threshold] {
                let encoding = Encoding::binary(native, how)?;
                let pixels = vec![encoding.decode(0), encoding.decode(1)];
                let images = Images::new(Shape::new(1, 1, 2), native, pixels, None)?;
                let mut out = Vec::new();
                encoding.encode(&images, 0, seed, &mut out)?;
                prop_assert_eq!(out, [0, 1]);
            }
        }

        #[test]
        fn display_spreads_over_the_whole_range(levels in 2usize..=512) {
            let encoding = Encoding::native(levels)?;
            prop_assert_eq!(encoding.display(0), 0);
            prop_assert_eq!(encoding.display(levels as u32 - 1), 255);
            let shown: Vec<u8> = (0..levels as u32).map(|level| encoding.display(level)).collect();
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
        for (encoding, json) in [
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
