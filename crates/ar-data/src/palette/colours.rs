//! A table of colours.

use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::nearest::Nearest;
use crate::{Error, Images, Result};

/// `k` different RGB colours of 8 bits: each pixel of three channels becomes one level, the number of the
/// nearest colour (Euclidean distance in RGB), and each level its colour.
///
/// This is how `ImageGPT` sees images (Chen et al. 2020, section 3.2, a "9-bit palette": k = 512), three times
/// fewer values than RGB. Likelihoods of levels are per pixel and of the reduced image, so they cannot be
/// compared with likelihoods of RGB values.
///
/// It is written as one text of six hexadecimal digits for each colour. Clones share the table.
///
/// ```
/// let palette = ar_data::Palette::new(vec![[0, 0, 0], [200, 30, 30], [255, 255, 255]])?;
/// assert_eq!(palette.level([180, 60, 20]), 1);
/// assert_eq!(palette.colour(1), [200, 30, 30]);
/// # Ok::<(), ar_data::Error>(())
/// ```
#[derive(Clone, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Palette(Arc<Table>);

struct Table {
    colours: Vec<[u8; 3]>,
    nearest: Nearest,
}

impl Palette {
    /// The most colours there may be.
    pub const MAX_COLOURS: usize = 4096;
    /// Levels of each channel of the images.
    pub(crate) const NATIVE_LEVELS: usize = 256;

    /// A palette whose levels are the positions of `colours`; [`Palette::fit`] finds one.
    ///
    /// # Errors
    /// When there are fewer than 2 colours, more than [`Self::MAX_COLOURS`], or two are equal.
    pub fn new(colours: Vec<[u8; 3]>) -> Result<Self> {
        Self::check_size(colours.len())?;
        let mut sorted = colours.clone();
        sorted.sort_unstable();
        if sorted.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Error::Option {
                option: "a palette",
                must: "free of equal colours",
            });
        }
        let nearest = Nearest::new(&colours);
        Ok(Self(Arc::new(Table { colours, nearest })))
    }

    /// The colours in the order of their levels.
    pub fn colours(&self) -> &[[u8; 3]] {
        &self.0.colours
    }

    /// How many colours: levels are `0..levels`.
    pub fn levels(&self) -> usize {
        self.0.colours.len()
    }

    /// The level of the nearest colour; of several equally near the lowest.
    pub fn level(&self, colour: [u8; 3]) -> u32 {
        self.0.nearest.level(colour)
    }

    /// The colour of a level; levels past the end count as the last.
    pub fn colour(&self, level: u32) -> [u8; 3] {
        let last = self.levels() - 1;
        self.0.colours[last.min(level as usize)]
    }

    pub(super) fn check_size(colours: usize) -> Result<()> {
        if (2..=Self::MAX_COLOURS).contains(&colours) {
            return Ok(());
        }
        Err(Error::Option {
            option: "--palette",
            must: "between 2 and 4096 colours",
        })
    }

    /// Whether the images are RGB with 256 levels.
    pub(crate) fn check(images: &Images) -> Result<()> {
        match (images.shape().channels, images.native_levels()) {
            (3, Self::NATIVE_LEVELS) => Ok(()),
            (channels, levels) => Err(Error::NotRgb { channels, levels }),
        }
    }

    /// The pixels of an image, `(3, H, W)`, after [`Self::check`].
    pub(crate) fn pixels(image: &[u16]) -> impl Iterator<Item = [u8; 3]> + '_ {
        let (r, rest) = image.split_at(image.len() / 3);
        let (g, b) = rest.split_at(rest.len() / 2);
        let pixels = r.iter().zip(g).zip(b);
        pixels.map(|((&r, &g), &b)| [r as u8, g as u8, b as u8])
    }

    /// `(3, H, W)` values from the `(1, H, W)` levels of an image.
    pub(crate) fn planes(&self, levels: &[u32]) -> Vec<u8> {
        let colours: Vec<[u8; 3]> = levels.iter().map(|&level| self.colour(level)).collect();
        let plane = |channel: usize| colours.iter().map(move |colour| colour[channel]);
        (0..3).flat_map(plane).collect()
    }
}

impl fmt::Debug for Palette {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Palette")
            .field(&String::from(self.clone()))
            .finish()
    }
}

impl PartialEq for Palette {
    fn eq(&self, other: &Self) -> bool {
        self.colours() == other.colours()
    }
}

impl Eq for Palette {}

impl Hash for Palette {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.colours().hash(state);
    }
}

impl From<Palette> for String {
    fn from(palette: Palette) -> Self {
        let colours = palette.colours().iter();
        colours.fold(Self::new(), |mut text, [r, g, b]| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{r:02x}{g:02x}{b:02x}");
            text
        })
    }
}

impl TryFrom<String> for Palette {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        let digits: Option<Vec<u8>> = text
            .chars()
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect();
        match digits {
            Some(digits) if digits.len().is_multiple_of(6) => {
                let colours = digits.chunks_exact(6);
                Self::new(
                    colours
                        .map(|c| [0, 2, 4].map(|i| c[i] << 4 | c[i + 1]))
                        .collect(),
                )
            }
            _ => Err(Error::Option {
                option: "a palette",
                must: "six hexadecimal digits for each colour",
            }),
        }
    }
}
