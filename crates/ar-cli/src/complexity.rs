//! How much there is to say of an image at all: the length that a general compressor makes of it.

use anyhow::{Context as _, Result};
use png::{BitDepth, ColorType, Compression, Encoder, Filter};

/// Ways in which PNG predicts a pixel; the shortest result counts.
const FILTERS: [Filter; 7] = [
    Filter::NoFilter,
    Filter::Sub,
    Filter::Up,
    Filter::Avg,
    Filter::Paeth,
    Filter::Adaptive,
    Filter::MinEntropy,
];

/// In nats, the length of `(C, H, W)` levels below `k` as PNG compresses them best, without the file's frame,
/// which says nothing of the image. In one row, as recordings are, that is deflate of the values or of their
/// first differences.
///
/// # Errors
/// When PNG has no picture of that size.
pub(crate) fn complexity(levels: &[u32], shape: [usize; 3], k: usize) -> Result<f64> {
    Ok(8.0 * shortest_png(levels, shape, k)? as f64 * std::f64::consts::LN_2)
}

/// Bytes of a PNG file beside those of the image: signature, header, and the frames of three chunks.
pub(crate) const PNG_FRAME: usize = 8 + 25 + 12 + 12;

/// In bytes, the image data of the shortest PNG of `(C, H, W)` levels below `k`.
///
/// # Errors
/// When PNG has no picture of that size.
pub(crate) fn shortest_png(levels: &[u32], shape: [usize; 3], k: usize) -> Result<usize> {
    let raster = Raster::of(levels, shape);
    let filters = match raster.height {
        1 => &FILTERS[..2],
        _ => &FILTERS[..],
    };
    let mut shortest = usize::MAX;
    for depth in raster.depths(k) {
        let bytes = raster.bytes(depth);
        for &filter in filters {
            let length = raster.compressed(&bytes, depth, filter);
            shortest = shortest.min(length.context("cannot compress an image as PNG")?);
        }
    }
    Ok(shortest)
}

/// Values as PNG has them, the channels of a pixel together.
struct Raster {
    colour: ColorType,
    height: usize,
    /// Values in a row.
    across: usize,
    values: Vec<u32>,
}

impl Raster {
    /// More channels than PNG knows become one picture below the other.
    fn of(levels: &[u32], [channels, height, width]: [usize; 3]) -> Self {
        let colour = match channels {
            2 => ColorType::GrayscaleAlpha,
            3 => ColorType::Rgb,
            4 => ColorType::Rgba,
            _ => ColorType::Grayscale,
        };
        let samples = colour.samples();
        let n = height * width;
        let pixel = |p: usize| (0..samples).map(move |c| levels[c * n + p]);
        let values = if samples == channels {
            (0..n).flat_map(pixel).collect()
        } else {
            levels.to_vec()
        };
        Self {
            colour,
            height: height * channels / samples,
            across: width * samples,
            values,
        }
    }

    /// How many bits a value may be written in: few values are sometimes shorter in bytes of their own,
    /// sometimes several in a byte.
    fn depths(&self, k: usize) -> Vec<BitDepth> {
        let packed = match k {
            0..=2 => BitDepth::One,
            3..=4 => BitDepth::Two,
            5..=16 => BitDepth::Four,
            17..=256 => BitDepth::Eight,
            _ => return vec![BitDepth::Sixteen],
        };
        match self.colour {
            ColorType::Grayscale if packed != BitDepth::Eight => vec![packed, BitDepth::Eight],
            _ => vec![BitDepth::Eight],
        }
    }

    /// The rows, each from a byte on.
    fn bytes(&self, depth: BitDepth) -> Vec<u8> {
        let in_byte = 8 / (depth as usize).min(8);
        let of_row = |row: &[u32]| -> Vec<u8> {
            if depth == BitDepth::Sixteen {
                return row.iter().flat_map(|&v| (v as u16).to_be_bytes()).collect();
            }
            let packed = |some: &[u32]| {
                let shifted = some.iter().enumerate();
                let shifted = shifted.map(|(i, &v)| (v as u8) << (8 - (i + 1) * depth as usize));
                shifted.fold(0, |byte, v| byte | v)
            };
            row.chunks(in_byte).map(packed).collect()
        };
        self.values.chunks(self.across).flat_map(of_row).collect()
    }

    fn compressed(&self, bytes: &[u8], depth: BitDepth, filter: Filter) -> Result<usize> {
        let width = u32::try_from(self.across / self.colour.samples())?;
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width, u32::try_from(self.height)?);
        encoder.set_color(self.colour);
        encoder.set_depth(depth);
        encoder.set_compression(Compression::High);
        encoder.set_filter(filter);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(bytes)?;
        writer.finish()?;
        Ok(image_bytes(&file))
    }
}

/// How long the chunks of image data of a PNG file are together.
fn image_bytes(mut file: &[u8]) -> usize {
    const SIGNATURE: usize = 8;
    /// Of a chunk: its length before its name, its checksum at its end.
    const FRAME: usize = 4 + 4 + 4;
    let mut sum = 0;
    file = file.get(SIGNATURE..).unwrap_or_default();
    while let Some((length, rest)) = file.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        if rest.starts_with(b"IDAT") {
            sum += length;
        }
        file = file.get(FRAME + length..).unwrap_or_default();
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(levels: &[u32], shape: [usize; 3], k: usize) -> f64 {
        complexity(levels, shape, k).unwrap() / (8.0 * std::f64::consts::LN_2)
    }

    /// Numbers without a pattern.
    fn noise(n: usize, k: u64) -> Vec<u32> {
        let scattered = |i: u64| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mixed = |i| scattered(scattered(i) ^ (scattered(i) >> 29)) >> 32;
        (0..n as u64).map(|i| (mixed(i) % k) as u32).collect()
    }

    #[test]
    fn noise_is_as_long_as_it_is_and_what_repeats_is_short() {
        for (k, bits) in [(2, 1.0), (4, 2.0), (16, 4.0), (256, 8.0), (65_536, 16.0)] {
            for shape in [[1, 64, 64], [1, 1, 4096]] {
                let (noisy, flat) = (noise(4096, k), vec![1; 4096]);
                let length = bytes(&noisy, shape, k as usize);
                let least = 4096.0 * bits / 8.0;
                assert!(
                    length >= 0.99 * least && length < 1.1 * least + 64.0,
                    "{k}: {length}"
                );
                assert!(bytes(&flat, shape, k as usize) < 64.0, "{k}");
            }
        }
    }

    #[test]
    fn what_can_be_predicted_is_shorter() {
        let slope: Vec<u32> = (0..4096).map(|p| (p % 64 + p / 64 * 3) % 256).collect();
        assert!(bytes(&slope, [1, 64, 64], 256) < 200.0);
        // A recording that rises: its differences are all equal.
        let rising: Vec<u32> = (0..4096).map(|t| t * 3 % 256).collect();
        assert!(bytes(&rising, [1, 1, 4096], 256) < 64.0);
    }

    #[test]
    fn images_of_any_channels_have_a_length() {
        for channels in 1..=6 {
            let levels = noise(channels * 30, 8);
            let length = bytes(&levels, [channels, 5, 6], 8);
            let least = (channels * 30 * 3) as f64 / 8.0;
            assert!(length > 0.9 * least, "{channels}: {length}");
        }
        assert!(complexity(&[1], [1, 1, 1], 2).unwrap() > 0.0);
    }

    #[test]
    fn the_channels_of_a_pixel_stay_together() {
        let raster = Raster::of(&[1, 2, 3, 4, 5, 6], [3, 1, 2]);
        assert_eq!(raster.values, [1, 3, 5, 2, 4, 6]);
        let packed = Raster::of(&[1, 0, 1, 1, 0, 0, 0, 1, 1, 1], [1, 2, 5]);
        assert_eq!(packed.bytes(BitDepth::One), [0b1011_0000, 0b0011_1000]);
        assert_eq!(packed.bytes(BitDepth::Eight)[..5], [1, 0, 1, 1, 0]);
    }
}
