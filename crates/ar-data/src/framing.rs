//! Pictures of any size made to fit.

use serde::{Deserialize, Serialize};

use crate::frames::{cut, middle};
use crate::resample::resample;
use crate::{Error, Images, Result, Shape};

/// What is done to the size of pictures: first `resize`, then `crop`. Without either they stay as
/// they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Framing {
    /// Height and width that each picture is scaled to: its proportions are kept, to the nearest
    /// pixel, and what is then too high or too wide loses its edges.
    pub resize: Option<[usize; 2]>,
    /// Height and width of the window that is seen of each picture: at a random place in training,
    /// in the middle otherwise.
    pub crop: Option<[usize; 2]>,
}

/// 4096x4096: no model of single values is made for more.
const MOST_PIXELS: usize = 1 << 24;

impl Framing {
    /// Whether the sizes are sizes that can be had.
    ///
    /// # Errors
    /// When a size is 0 or above 65535, or the window is larger than what pictures are scaled to.
    pub fn validate(&self) -> Result<()> {
        const POSSIBLE: std::ops::RangeInclusive<usize> = 1..=65_535;
        for (option, size) in [("--resize", self.resize), ("--crop", self.crop)] {
            if !size.iter().flatten().all(|side| POSSIBLE.contains(side)) {
                let must = "HxW, each between 1 and 65535";
                return Err(Error::Option { option, must });
            }
            if size.is_some_and(|[height, width]| height * width > MOST_PIXELS) {
                let must = "of at most 16777216 pixels";
                return Err(Error::Option { option, must });
            }
        }
        match (self.resize, self.crop) {
            (Some(all), Some(window)) if !fits(window, all) => Err(Error::Option {
                option: "--crop",
                must: "no larger than --resize",
            }),
            _ => Ok(()),
        }
    }

    /// One picture, scaled.
    pub(crate) fn resized(&self, shape: Shape, values: Vec<u16>) -> Result<(Shape, Vec<u16>)> {
        match self.resize {
            Some([height, width]) if [height, width] != [shape.height, shape.width] => {
                let values = resample(shape, &values, [height, width])?;
                Ok((Shape::new(shape.channels, height, width), values))
            }
            _ => Ok((shape, values)),
        }
    }

    /// Whether the window is inside a picture, which `name` names.
    pub(crate) fn check(&self, shape: Shape, name: impl FnOnce() -> String) -> Result<()> {
        match self.crop {
            Some(window) if !fits(window, [shape.height, shape.width]) => {
                let (picture, [height, width]) = (name(), window);
                Err(Error::SmallerThanWindow {
                    picture,
                    shape,
                    height,
                    width,
                })
            }
            _ => Ok(()),
        }
    }
}

/// Whether a window of this size is inside a picture of that size.
fn fits(window: [usize; 2], picture: [usize; 2]) -> bool {
    window[0] <= picture[0] && window[1] <= picture[1]
}

/// The images that a model sees of a few pictures: scaled as `framing` says, then the middle window.
///
/// # Errors
/// When the sizes are none that can be had, or an image is smaller than the window.
pub fn framed(images: Images, framing: &Framing) -> Result<Images> {
    framing.validate()?;
    let Some(window) = framing.crop.or(framing.resize) else {
        return Ok(images);
    };
    let mut pixels = Vec::new();
    let channels = images.shape().channels;
    for i in 0..images.len() {
        let (picture, [height, width]) = images.picture(i);
        let shape = Shape::new(channels, height, width);
        let (shape, picture) = framing.resized(shape, picture.to_vec())?;
        framing.check(shape, || format!("image {i}"))?;
        let size = [shape.height, shape.width];
        cut(&picture, size, middle(size, window), window, &mut pixels);
    }
    Ok(images.with_pixels(Shape::new(channels, window[0], window[1]), pixels))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(resize: Option<[usize; 2]>, crop: Option<[usize; 2]>) -> Framing {
        Framing { resize, crop }
    }

    #[test]
    fn sizes_that_cannot_be_had_are_refused() {
        let problem = |resize, crop| framing(resize, crop).validate().unwrap_err().to_string();
        assert!(problem(Some([0, 4]), None).starts_with("--resize must be HxW"));
        assert!(problem(None, Some([4, 65_536])).starts_with("--crop must be HxW"));
        let larger = problem(Some([8, 8]), Some([4, 9]));
        assert_eq!(larger, "--crop must be no larger than --resize");
        framing(Some([8, 8]), Some([8, 4])).validate().unwrap();
        Framing::default().validate().unwrap();
    }

    #[test]
    fn configurations_keep_it() {
        let both = framing(Some([64, 48]), Some([32, 32]));
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(json, r#"{"resize":[64,48],"crop":[32,32]}"#);
        assert_eq!(serde_json::from_str::<Framing>(&json).unwrap(), both);
        assert_eq!(
            serde_json::from_str::<Framing>("{}").unwrap(),
            Framing::default()
        );
    }

    #[test]
    fn a_few_images_are_framed_and_stay_what_they_are() {
        let pixels: Vec<u16> = (0..2 * 4 * 6).collect();
        let images = Images::new(Shape::new(1, 4, 6), 64, pixels, Some(vec![3, 5])).unwrap();
        let same = framed(images.clone(), &Framing::default()).unwrap();
        assert_eq!(same, images);
        let window = framed(images.clone(), &framing(None, Some([2, 2]))).unwrap();
        assert_eq!(window.shape(), Shape::new(1, 2, 2));
        assert_eq!(window.pixels(), [8, 9, 14, 15, 32, 33, 38, 39]);
        assert_eq!((window.labels(), window.id(1)), (images.labels(), 1));
        let both = framed(images.clone(), &framing(Some([4, 4]), Some([4, 1]))).unwrap();
        assert_eq!(both.pixels()[..4], [2, 8, 14, 20]);
        let none = framed(images.clone().limit(0), &framing(Some([9, 9]), None)).unwrap();
        assert_eq!((none.len(), none.shape()), (0, Shape::new(1, 9, 9)));
        let small = framed(images, &framing(None, Some([5, 2])))
            .unwrap_err()
            .to_string();
        assert!(
            small.contains("image 0 is 1x4x6") && small.contains("--crop 5x2"),
            "{small}"
        );
    }
}
