//! Images in memory, with the levels they were stored with.

mod recordings;
mod selection;

use std::borrow::Cow;

use crate::frames::{Frame, cut, frames, middle};
use crate::{Bands, Error, Result, Shape, Split};

/// Images as native levels `0..native_levels`, stored `(N, C, H, W)` row-major.
///
/// Pictures may be larger than what is seen of them, and of different sizes
/// ([`Framing::crop`](crate::Framing::crop)): the shape is that of the window then, training sees it at random
/// places and everything else in the middle.
///
/// Each image keeps the identity (split and number) it had when its data set was loaded, so a fixed random
/// encoding gives the same result whatever selection the image appears in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    shape: Shape,
    native_levels: usize,
    pixels: Vec<u16>,
    /// The pictures in `pixels`, where some are larger than the window.
    frames: Option<Vec<Frame>>,
    /// Of recordings: how many values of a window are context alone.
    context: Option<usize>,
    /// Of recordings: what a model is told of each window, if it is.
    bands: Option<Bands>,
    labels: Option<Vec<u32>>,
    split: Split,
    ids: Vec<u32>,
}

impl Images {
    /// Images from `n · shape.dims()` levels and, possibly, `n` labels.
    ///
    /// # Errors
    /// When the shape has a zero size, the levels are not between 2 and 65536, a pixel is not below
    /// `native_levels`, or the counts do not agree.
    pub fn new(
        shape: Shape,
        native_levels: usize,
        pixels: Vec<u16>,
        labels: Option<Vec<u32>>,
    ) -> Result<Self> {
        let n = pixels.len().checked_div(shape.dims()).unwrap_or(0);
        let size = [shape.height, shape.width];
        Self::windows(shape, native_levels, pixels, vec![size; n], labels)
    }

    /// Images that are windows of pictures of these sizes, none of them smaller than the window.
    pub(crate) fn windows(
        shape: Shape,
        native_levels: usize,
        pixels: Vec<u16>,
        sizes: Vec<[usize; 2]>,
        labels: Option<Vec<u32>>,
    ) -> Result<Self> {
        if shape.dims() == 0 {
            return Err(Error::Option {
                option: "image shape",
                must: "free of zero sizes",
            });
        }
        let n = sizes.len();
        let is_larger = sizes
            .iter()
            .any(|&size| size != [shape.height, shape.width]);
        let (frames, expected) = frames(shape.channels, sizes);
        if expected != pixels.len() {
            return Err(Error::Count {
                what: "pixels",
                expected,
                got: pixels.len(),
            });
        }
        if let Some(got) = labels.as_ref().map(Vec::len).filter(|&got| got != n) {
            return Err(Error::Count {
                what: "labels",
                expected: n,
                got,
            });
        }
        check_levels(native_levels, &pixels)?;
        let ids = (0..n as u32).collect();
        Ok(Self {
            shape,
            native_levels,
            pixels,
            frames: is_larger.then_some(frames),
            context: None,
            bands: None,
            labels,
            split: Split::Train,
            ids,
        })
    }

    /// The same images as ones of another number of native levels.
    ///
    /// # Errors
    /// When the levels are not between 2 and 65536, or a pixel is not below them.
    pub fn with_native_levels(self, native_levels: usize) -> Result<Self> {
        check_levels(native_levels, &self.pixels)?;
        Ok(Self {
            native_levels,
            ..self
        })
    }

    /// The shape of every image.
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    /// Levels a pixel can have: values are `0..native_levels`.
    pub const fn native_levels(&self) -> usize {
        self.native_levels
    }

    /// How many images.
    pub const fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no image.
    pub const fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// All levels, `(N, C, H, W)` row-major; of pictures that are larger than the window, all of each.
    pub fn pixels(&self) -> &[u16] {
        &self.pixels
    }

    /// One class per image, where the set has classes.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// The split these images belong to; [`Split::Train`] unless a data set says otherwise.
    pub const fn split(&self) -> Split {
        self.split
    }

    /// Number of image `i` in its split as loaded.
    ///
    /// # Panics
    /// When `i >= len()`, as slices do.
    pub fn id(&self, i: usize) -> u32 {
        self.ids[i]
    }

    /// Levels of image `i`, `(C, H, W)`: of a picture larger than the window, those of its middle.
    ///
    /// # Panics
    /// When `i >= len()`, as slices do.
    pub fn image(&self, i: usize) -> Cow<'_, [u16]> {
        self.window(i, self.middle(i))
    }

    /// The window of picture `i` with this upper left corner.
    pub(crate) fn window(&self, i: usize, corner: [usize; 2]) -> Cow<'_, [u16]> {
        let (picture, size) = self.picture(i);
        let window = [self.shape.height, self.shape.width];
        if size == window {
            return Cow::Borrowed(picture);
        }
        let mut out = Vec::with_capacity(self.shape.dims());
        let inside = [0, 1].map(|axis: usize| window[axis].min(size[axis] - corner[axis]));
        cut(picture, size, corner, inside, &mut out);
        // After the end of a recording there is silence.
        out.resize(self.shape.dims(), (self.native_levels / 2) as u16);
        Cow::Owned(out)
    }

    /// The upper left corner of the window in the middle of picture `i`.
    pub(crate) fn middle(&self, i: usize) -> [usize; 2] {
        middle(self.picture(i).1, [self.shape.height, self.shape.width])
    }

    /// All of picture `i`, `(C, height, width)`, with its height and width.
    pub(crate) fn picture(&self, i: usize) -> (&[u16], [usize; 2]) {
        let Frame { start, size } = match &self.frames {
            Some(frames) => frames[i],
            None => Frame {
                start: i * self.shape.dims(),
                size: [self.shape.height, self.shape.width],
            },
        };
        let len = self.shape.channels * size[0] * size[1];
        (&self.pixels[start..start + len], size)
    }

    /// Height and width of each picture, where some are larger than the window.
    pub(crate) fn picture_sizes(&self) -> Option<impl Iterator<Item = [usize; 2]> + '_> {
        let frames = self.frames.as_ref()?;
        Some(frames.iter().map(|frame| frame.size))
    }

    /// Class of image `i`, where the set has classes.
    pub fn label(&self, i: usize) -> Option<u32> {
        self.labels
            .as_ref()
            .and_then(|labels| labels.get(i).copied())
    }

    /// The same images, all of one class.
    pub fn all_of_class(self, class: u32) -> Self {
        let labels = Some(vec![class; self.len()]);
        Self { labels, ..self }
    }

    /// The same images with other pixels of the same count, one of the shape for each.
    pub(crate) fn with_pixels(self, shape: Shape, pixels: Vec<u16>) -> Self {
        Self {
            shape,
            pixels,
            frames: None,
            context: None,
            ..self
        }
    }
}

/// Whether there are between 2 and 65536 levels, and every pixel is one.
fn check_levels(native_levels: usize, pixels: &[u16]) -> Result<()> {
    const MAX_LEVELS: usize = 1 << 16;
    if !(2..=MAX_LEVELS).contains(&native_levels) {
        return Err(Error::Levels {
            native: MAX_LEVELS,
            levels: native_levels,
        });
    }
    let outside = pixels.iter().find(|&&v| usize::from(v) >= native_levels);
    outside.map_or(Ok(()), |&value| {
        Err(Error::LevelOutOfRange {
            value: value.into(),
            levels: native_levels,
        })
    })
}
