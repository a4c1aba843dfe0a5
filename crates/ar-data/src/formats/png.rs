//! One PNG as grey or RGB bytes.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Transformations};

use super::bytes::most_inflated;
use super::planes::{check_pixels, planes};
use crate::{Error, Result, Shape};

/// Shape and `(C, H, W)` bytes of a PNG.
///
/// Grey of 1, 2, 4 or 8 bits and RGB of 8 bits as they are; a palette becomes RGB, or grey where all its
/// colours are grey; an alpha channel is dropped where everything is opaque and refused where not. 16-bit
/// samples are refused. Of an animation, the first frame.
pub(crate) fn read_png(path: &Path) -> Result<(Shape, Vec<u8>)> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let len = file.metadata().map_err(Error::io("read", path))?.len();
    let damaged = |error: png::DecodingError| match error {
        png::DecodingError::IoError(source)
            if source.kind() != std::io::ErrorKind::UnexpectedEof =>
        {
            Error::io("read", path)(source)
        }
        other => Error::format(path, format!("not a readable PNG: {other}")),
    };
    let mut decoder = Decoder::new(BufReader::new(file));
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let was_palette = reader.info().color_type == ColorType::Indexed;
    if reader.info().bit_depth == BitDepth::Sixteen {
        return Err(Error::format(
            path,
            "16-bit samples; convert it to 8 bits first",
        ));
    }
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    check_pixels(path, width, height)?;
    let claimed = reader
        .output_buffer_size()
        .map_or(u128::MAX, |size| size as u128);
    // A palette of 1-bit indices expands to 32 bits a pixel after inflating.
    let possible = most_inflated(len).saturating_mul(32);
    if claimed > u128::from(possible) {
        return Err(Error::Oversized {
            path: path.to_path_buf(),
            claimed,
            possible,
        });
    }
    let mut bytes = vec![0; claimed as usize];
    reader.next_frame(&mut bytes).map_err(damaged)?;
    let (stored, opaque_channels) = match reader.output_color_type().0 {
        ColorType::Grayscale => (1, 1),
        ColorType::GrayscaleAlpha => (2, 1),
        ColorType::Rgb => (3, 3),
        ColorType::Rgba => (4, 3),
        ColorType::Indexed => return Err(Error::format(path, "a palette that does not expand")),
    };
    if stored > opaque_channels
        && bytes
            .chunks_exact(stored)
            .any(|pixel| pixel[stored - 1] != 255)
    {
        return Err(Error::format(
            path,
            "has transparent pixels; flatten it onto a background first",
        ));
    }
    let grey = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
    let is_grey = opaque_channels == 3 && was_palette && bytes.chunks_exact(stored).all(grey);
    let channels = if is_grey { 1 } else { opaque_channels };
    let shape = Shape::new(channels, height, width);
    Ok((shape, planes(&bytes, stored, channels)))
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// Writes a PNG of 8-bit samples.
    pub(crate) fn write(path: &Path, color: ColorType, width: u32, height: u32, data: &[u8]) {
        encode(path, (color, BitDepth::Eight), [width, height], data, None);
    }

    fn encode(
        path: &Path,
        (color, depth): (ColorType, BitDepth),
        [width, height]: [u32; 2],
        data: &[u8],
        palette: Option<&'static [u8]>,
    ) {
        let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, height);
        encoder.set_color(color);
        encoder.set_depth(depth);
        if let Some(palette) = palette {
            encoder.set_palette(palette);
        }
        encoder
            .write_header()
            .unwrap()
            .write_image_data(data)
            .unwrap();
    }

    #[test]
    fn every_kind_of_8_bits() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.png");
        let read = || read_png(&path).unwrap();
        write(&path, ColorType::Grayscale, 2, 1, &[3, 200]);
        assert_eq!(read(), (Shape::new(1, 1, 2), vec![3, 200]));
        write(&path, ColorType::Rgb, 2, 1, &[1, 2, 3, 4, 5, 6]);
        assert_eq!(read(), (Shape::new(3, 1, 2), vec![1, 4, 2, 5, 3, 6]));
        write(&path, ColorType::Rgba, 1, 2, &[1, 2, 3, 255, 4, 5, 6, 255]);
        assert_eq!(read(), (Shape::new(3, 2, 1), vec![1, 4, 2, 5, 3, 6]));
        write(&path, ColorType::GrayscaleAlpha, 1, 2, &[7, 255, 8, 255]);
        assert_eq!(read(), (Shape::new(1, 2, 1), vec![7, 8]));
        let grey = (ColorType::Grayscale, BitDepth::One);
        encode(&path, grey, [3, 1], &[0b1010_0000], None);
        assert_eq!(read(), (Shape::new(1, 1, 3), vec![255, 0, 255]));
        let palette = (ColorType::Indexed, BitDepth::Eight);
        encode(&path, palette, [2, 1], &[1, 0], Some(&[9, 9, 9, 1, 2, 3]));
        assert_eq!(read(), (Shape::new(3, 1, 2), vec![1, 9, 2, 9, 3, 9]));
        encode(&path, palette, [2, 1], &[1, 0], Some(&[9, 9, 9, 5, 5, 5]));
        assert_eq!(read(), (Shape::new(1, 1, 2), vec![5, 9]));
    }

    #[test]
    fn transparent_deep_and_damaged_ones_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.png");
        let problem = || read_png(&path).unwrap_err().to_string();
        write(&path, ColorType::Rgba, 1, 1, &[1, 2, 3, 254]);
        assert!(problem().contains("transparent"));
        encode(
            &path,
            (ColorType::Grayscale, BitDepth::Sixteen),
            [1, 1],
            &[1, 2],
            None,
        );
        assert!(problem().contains("16-bit"));
        let noise: Vec<u8> = (0..900u32).map(|i| (i * i * 31 % 251) as u8).collect();
        write(&path, ColorType::Grayscale, 30, 30, &noise);
        let whole = fs::read(&path).unwrap();
        // Up to the end of the pixels; what comes after them does not matter.
        for len in (0..whole.len() - 40).step_by(7) {
            fs::write(&path, &whole[..len]).unwrap();
            assert!(
                problem().contains("not a readable PNG"),
                "{len}: {}",
                problem()
            );
        }
        fs::write(&path, b"\x89PNG\r\n\x1a\nand then nonsense").unwrap();
        assert!(problem().contains("not a readable PNG"));
    }

    /// A PNG of one pixel that claims to have more.
    fn lie(path: &Path, width: u32, height: u32) -> Error {
        write(path, ColorType::Grayscale, 1, 1, &[0]);
        let mut bytes = fs::read(path).unwrap();
        // Signature, length, "IHDR", then width and height, and a checksum over what is not the length.
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        fs::write(path, &bytes).unwrap();
        read_png(path).unwrap_err()
    }

    #[test]
    fn millions_of_pixels_in_a_small_file_take_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.png");
        let claim = lie(&path, 8192, 8192);
        assert!(
            matches!(
                claim,
                Error::Oversized {
                    claimed: 67_108_864,
                    ..
                }
            ),
            "{claim}"
        );
        let claim = lie(&path, 65_535, 65_535);
        assert!(
            claim
                .to_string()
                .contains("65535x65535 pixels; at most 67108864"),
            "{claim}"
        );
        // What a file can hold is only known to be too little once it has been read.
        let claim = lie(&path, 9, 9);
        assert!(claim.to_string().contains("not a readable PNG"), "{claim}");
    }
}
