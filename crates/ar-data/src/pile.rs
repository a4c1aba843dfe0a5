//! Pictures of one split as they are read, before the levels of the whole set are known.

use std::path::{Path, PathBuf};

use crate::{Error, Framing, Images, Result, Shape};

/// Pictures in a pile, scaled before they come here, so that large ones do not fill the memory.
#[derive(Debug)]
pub(crate) struct Pile {
    framing: Framing,
    /// Of recordings: how many values of a window are context alone.
    context: Option<usize>,
    /// Where the first picture was, and its shape once scaled.
    first: Option<(PathBuf, Shape)>,
    pixels: Vec<u16>,
    /// Height and width of each picture.
    sizes: Vec<[usize; 2]>,
    labels: Option<Vec<u32>>,
    highest: u16,
}

/// A picture, scaled.
#[derive(Debug)]
pub(crate) struct Picture {
    shape: Shape,
    values: Vec<u16>,
    /// The largest value there was before: what is scaled down may lose it.
    highest: u16,
}

impl Picture {
    /// Scales a picture as `framing` says.
    pub(crate) fn new(framing: Framing, shape: Shape, values: Vec<u16>) -> Result<Self> {
        let highest = values.iter().copied().max().unwrap_or(0);
        let (shape, values) = framing.resized(shape, values)?;
        Ok(Self {
            shape,
            values,
            highest,
        })
    }
}

impl Pile {
    pub(crate) fn new(framing: Framing) -> Self {
        Self {
            framing,
            context: None,
            first: None,
            pixels: Vec::new(),
            sizes: Vec::new(),
            labels: None,
            highest: 0,
        }
    }

    /// Recordings of any length, seen through the window of `framing`, whose first `context` values are that
    /// alone.
    pub(crate) fn of_recordings(framing: Framing, context: usize) -> Self {
        Self {
            context: Some(context),
            ..Self::new(framing)
        }
    }

    /// The images of one array, possibly none.
    pub(crate) fn of_array(
        framing: Framing,
        path: &Path,
        shape: Shape,
        pixels: Vec<u16>,
    ) -> Result<Self> {
        let mut pile = Self::new(framing);
        if framing.resize.is_some() {
            for image in pixels.chunks_exact(shape.dims()) {
                pile.push(path, Picture::new(framing, shape, image.to_vec())?)?;
            }
            return Ok(pile);
        }
        pile.highest = pixels.iter().copied().max().unwrap_or(0);
        pile.sizes = vec![[shape.height, shape.width]; pixels.len() / shape.dims()];
        pile.pixels = pixels;
        pile.accept(path, shape)?;
        Ok(pile)
    }

    /// One class for each picture.
    pub(crate) fn with_labels(self, labels: Option<Vec<u32>>) -> Self {
        Self { labels, ..self }
    }

    /// Puts a picture on the pile.
    pub(crate) fn push(&mut self, path: &Path, picture: Picture) -> Result<()> {
        let Picture {
            shape,
            values,
            highest,
        } = picture;
        self.accept(path, shape)?;
        self.highest = self.highest.max(highest);
        self.sizes.push([shape.height, shape.width]);
        self.pixels.extend_from_slice(&values);
        Ok(())
    }

    /// Whether a picture can be in one set with the first.
    fn accept(&mut self, path: &Path, shape: Shape) -> Result<()> {
        if self.context.is_none() {
            self.framing.check(shape, || path.display().to_string())?;
        }
        let first = self
            .first
            .get_or_insert_with(|| (path.to_path_buf(), shape));
        agree(&self.framing, (&first.0, first.1), (path, shape))
    }

    /// Whether the pictures of another split can be in one set with these.
    pub(crate) fn agrees(&self, other: &Self) -> Result<()> {
        let Some(((first, first_shape), (second, second_shape))) =
            self.first.as_ref().zip(other.first.as_ref())
        else {
            return Ok(());
        };
        agree(
            &self.framing,
            (first, *first_shape),
            (second, *second_shape),
        )
    }

    pub(crate) fn len(&self) -> usize {
        self.sizes.len()
    }

    /// The largest value there was before anything was scaled.
    pub(crate) fn highest(&self) -> u16 {
        self.highest
    }

    pub(crate) fn labels(&self) -> Option<&[u32]> {
        self.labels.as_deref()
    }

    /// Whether windows are cut of pictures of different sizes.
    pub(crate) fn is_mixed(&self) -> bool {
        self.sizes.windows(2).any(|pair| pair[0] != pair[1])
    }

    /// The images a model sees.
    pub(crate) fn into_images(self, native: usize) -> Result<Images> {
        let shape = self.first.map_or(Shape::new(1, 1, 1), |(_, shape)| shape);
        let [height, width] = self.framing.crop.unwrap_or([shape.height, shape.width]);
        if let Some(context) = self.context {
            let lengths: Vec<usize> = self.sizes.iter().map(|size| size[1]).collect();
            let window = [width, context];
            return Images::recordings(native, self.pixels, &lengths, self.labels, window);
        }
        let seen = Shape::new(shape.channels, height, width);
        Images::windows(seen, native, self.pixels, self.sizes, self.labels)
    }
}

fn agree(
    framing: &Framing,
    (first, first_shape): (&Path, Shape),
    (second, second_shape): (&Path, Shape),
) -> Result<()> {
    let (first, second) = (first.to_path_buf(), second.to_path_buf());
    let (first_channels, second_channels) = (first_shape.channels, second_shape.channels);
    if first_channels != second_channels {
        return Err(Error::MixedChannels {
            first,
            first_channels,
            second,
            second_channels,
        });
    }
    if framing.crop.is_none() && first_shape != second_shape {
        return Err(Error::MixedShapes {
            first,
            first_shape,
            second,
            second_shape,
        });
    }
    Ok(())
}
