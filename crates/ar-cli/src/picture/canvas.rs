//! A small 8-bit picture, grey or colour.

use anyhow::{Result, bail, ensure};

/// An 8-bit picture: `height` rows of `width` pixels of 1 (grey) or 3 (red, green, blue) bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: usize,
    height: usize,
    channels: usize,
    pixels: Vec<u8>,
}

impl Picture {
    /// A picture of shape `(C, H, W)` from `planes` in that order, as image levels are kept.
    ///
    /// # Errors
    /// If C is neither 1 nor 3, or `planes` does not have C·H·W values.
    pub fn from_planes(shape: (usize, usize, usize), planes: &[u8]) -> Result<Self> {
        let (channels, height, width) = shape;
        if channels != 1 && channels != 3 {
            bail!("cannot draw {channels} channels: a picture has 1 (grey) or 3 (colour)");
        }
        let area = height.checked_mul(width);
        let expected = area.and_then(|area| area.checked_mul(channels));
        ensure!(
            expected == Some(planes.len()),
            "a picture of shape ({channels}, {height}, {width}) cannot have {} values",
            planes.len()
        );
        let area = height * width;
        let pixels = (0..area)
            .flat_map(|at| (0..channels).map(move |c| planes[c * area + at]))
            .collect();
        Ok(Self {
            width,
            height,
            channels,
            pixels,
        })
    }

    /// A picture of one colour: grey if the three values are equal, else colour.
    pub fn filled(width: usize, height: usize, colour: [u8; 3]) -> Self {
        let grey = colour[0] == colour[1] && colour[1] == colour[2];
        let pixel = if grey { &colour[..1] } else { &colour[..] };
        Self {
            width,
            height,
            channels: pixel.len(),
            pixels: pixel.repeat(width * height),
        }
    }

    /// Pixels in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// 1 for grey, 3 for colour.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// The bytes in (H, W, C) order.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The colour at column `x`, row `y`, both inside the picture.
    pub fn rgb(&self, x: usize, y: usize) -> [u8; 3] {
        let at = (y * self.width + x) * self.channels;
        match self.channels {
            1 => [self.pixels[at]; 3],
            _ => [self.pixels[at], self.pixels[at + 1], self.pixels[at + 2]],
        }
    }

    /// The same picture with three channels.
    pub fn to_colour(&self) -> Self {
        if self.channels == 3 {
            return self.clone();
        }
        let pixels = self.pixels.iter().flat_map(|&grey| [grey; 3]).collect();
        Self {
            channels: 3,
            pixels,
            ..*self
        }
    }

    /// The picture enlarged `factor` times in both directions, every pixel a square (0 counts as
    /// 1).
    pub fn scaled(&self, factor: usize) -> Self {
        let factor = factor.max(1);
        let mut pixels = Vec::with_capacity(self.pixels.len() * factor * factor);
        for row in self.rows() {
            let wide: Vec<u8> = row
                .chunks_exact(self.channels)
                .flat_map(|pixel| pixel.repeat(factor))
                .collect();
            for _ in 0..factor {
                pixels.extend_from_slice(&wide);
            }
        }
        let (width, height) = (self.width * factor, self.height * factor);
        Self {
            width,
            height,
            pixels,
            ..*self
        }
    }

    /// The picture reduced to `width` x `height` (at least 1 x 1, at most its own size), every new
    /// pixel the average of those it covers.
    pub fn shrunk(&self, width: usize, height: usize) -> Self {
        let (width, height) = (width.min(self.width).max(1), height.min(self.height).max(1));
        let mut pixels = Vec::with_capacity(width * height * self.channels);
        for row in 0..height {
            let ys = row * self.height / height..(row + 1) * self.height / height;
            for column in 0..width {
                let xs = column * self.width / width..(column + 1) * self.width / width;
                for c in 0..self.channels {
                    let covered = ys.clone().flat_map(|y| xs.clone().map(move |x| (x, y)));
                    let (sum, count) = covered.fold((0, 0), |(sum, count), (x, y)| {
                        let value = self.pixels[(y * self.width + x) * self.channels + c];
                        (sum + usize::from(value), count + 1)
                    });
                    pixels.push(((sum + count / 2) / count.max(1)) as u8);
                }
            }
        }
        Self {
            width,
            height,
            pixels,
            ..*self
        }
    }

    /// Copies `other` so that its top left pixel lands at column `left`, row `top`; what would fall
    /// outside is left out. A colour picture turns a grey canvas into a colour one.
    pub fn paste(&mut self, other: &Self, left: usize, top: usize) {
        if other.channels > self.channels {
            *self = self.to_colour();
        }
        let columns = other.width.min(self.width.saturating_sub(left));
        for y in 0..other.height.min(self.height.saturating_sub(top)) {
            for x in 0..columns {
                let colour = other.rgb(x, y);
                let at = ((top + y) * self.width + left + x) * self.channels;
                self.pixels[at..at + self.channels].copy_from_slice(&colour[..self.channels]);
            }
        }
    }

    /// The bytes of the rectangle of `width` x `height` at column `left`, row `top`.
    pub(super) fn cut(&self, left: usize, top: usize, width: usize, height: usize) -> Vec<u8> {
        let columns = left * self.channels..(left + width) * self.channels;
        let rows = self.rows().skip(top).take(height);
        rows.flat_map(|row| row[columns.clone()].iter().copied())
            .collect()
    }

    /// The rows, top to bottom.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        self.pixels
            .chunks_exact((self.width * self.channels).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_become_pixels() {
        let planes = [1, 2, 3, 4, 11, 12, 13, 14, 21, 22, 23, 24];
        let picture = Picture::from_planes((3, 2, 2), &planes).unwrap();
        assert_eq!(
            picture.pixels(),
            [1, 11, 21, 2, 12, 22, 3, 13, 23, 4, 14, 24]
        );
        assert_eq!(picture.rgb(1, 0), [2, 12, 22]);
        assert!(Picture::from_planes((3, 2, 2), &planes[1..]).is_err());
        assert!(Picture::from_planes((1, usize::MAX, 2), &planes).is_err());
        let message = Picture::from_planes((2, 2, 3), &planes)
            .unwrap_err()
            .to_string();
        assert!(message.contains("2 channels"), "{message}");
    }

    #[test]
    fn scaling_repeats_and_shrinking_averages() {
        let picture = Picture::from_planes((1, 1, 2), &[10, 20]).unwrap();
        let large = picture.scaled(2);
        assert_eq!((large.width(), large.height()), (4, 2));
        assert_eq!(large.pixels(), [10, 10, 20, 20, 10, 10, 20, 20]);
        assert_eq!(large.shrunk(2, 1), picture);
        assert_eq!(large.shrunk(1, 1).pixels(), [15]);
        assert_eq!(large.shrunk(3, 9).width(), 3);
    }

    #[test]
    fn pasting_clips_and_turns_to_colour() {
        let mut canvas = Picture::filled(2, 2, [7; 3]);
        assert_eq!(canvas.channels(), 1);
        canvas.paste(&Picture::filled(3, 1, [1, 2, 3]), 1, 1);
        assert_eq!(canvas.pixels(), [7, 7, 7, 7, 7, 7, 7, 7, 7, 1, 2, 3]);
        canvas.paste(&Picture::filled(1, 1, [9; 3]), 5, 5);
        assert_eq!(canvas.cut(1, 0, 1, 2), [7, 7, 7, 1, 2, 3]);
    }
}
