//! One JPEG as grey or RGB bytes.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::planes::{check_pixels, planes};
use crate::{Error, Result, Shape};

/// The marker of the end.
const END: [u8; 2] = [0xff, 0xd9];
/// A block of 64 pixels takes a bit or more, and one of a channel that is thinned out 4x4 times is all that so
/// many blocks may have.
const MOST_PIXELS_A_BYTE: u64 = 64 * 16 * 8;

/// Shape and `(C, H, W)` bytes of a JPEG: grey as it is, YCbCr as RGB. CMYK is refused. How a camera was held is
/// not looked at.
pub(crate) fn read_jpeg(path: &Path) -> Result<(Shape, Vec<u8>)> {
    let damaged =
        |error: DecodeErrors| Error::format(path, format!("not a readable JPEG: {error}"));
    let file = fs::read(path).map_err(Error::io("read", path))?;
    let possible = (file.len() as u64).saturating_mul(MOST_PIXELS_A_BYTE);
    // Without what is particular to a processor, so that a set is the same everywhere.
    let options = DecoderOptions::new_safe()
        .set_strict_mode(true)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX);
    let mut reader = Cursor::new(file.as_slice());
    let mut decoder = JpegDecoder::new_with_options(&mut reader, options);
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().unwrap_or_default();
    check_pixels(path, width, height)?;
    let (out, channels) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (ColorSpace::Luma, 1),
        Some(ColorSpace::YCbCr | ColorSpace::RGB) => (ColorSpace::RGB, 3),
        other => {
            let name = other.map_or_else(|| "unknown".to_owned(), |space| format!("{space:?}"));
            let problem = format!("colours of kind {name}; convert it to grey or RGB first");
            return Err(Error::format(path, problem));
        }
    };
    let claimed = (width * height * channels) as u128;
    if claimed > u128::from(possible.saturating_mul(channels as u64)) {
        return Err(Error::Oversized {
            path: path.to_path_buf(),
            claimed,
            possible,
        });
    }
    decoder.set_options(options.jpeg_set_out_colorspace(out));
    let bytes = decoder.decode().map_err(damaged)?;
    // The decoder makes up the end of a scan that breaks off. It may have looked a little past the marker, which
    // nothing in a scan looks like; what comes after it does not matter.
    let unread = (reader.position() as usize).saturating_sub(16);
    if !file[unread.min(file.len())..]
        .windows(2)
        .any(|pair| pair == END)
    {
        return Err(Error::format(path, "not a readable JPEG: it breaks off"));
    }
    if bytes.len() as u128 != claimed || claimed == 0 {
        return Err(Error::format(path, "not a readable JPEG: no pixels"));
    }
    let shape = Shape::new(channels, height, width);
    Ok((shape, planes(&bytes, channels, channels)))
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;

    /// Writes a smooth picture of channels 0, 1, ..
    fn write(path: &Path, color: ColorType, [width, height]: [u16; 2], progressive: bool) {
        let channels = match color {
            ColorType::Luma => 1,
            ColorType::Cmyk => 4,
            _ => 3,
        };
        let pixels: Vec<u8> = (0..usize::from(height) * usize::from(width))
            .flat_map(|i| {
                let (y, x) = (i / usize::from(width), i % usize::from(width));
                (0..channels).map(move |c| (40 + 60 * c + 2 * x + y) as u8)
            })
            .collect();
        let mut encoder = Encoder::new_file(path, 95).unwrap();
        encoder.set_progressive(progressive);
        encoder.encode(&pixels, width, height, color).unwrap();
    }

    #[test]
    fn grey_stays_grey_and_colour_becomes_rgb() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jpg");
        for progressive in [false, true] {
            for (color, channels) in [(ColorType::Luma, 1), (ColorType::Rgb, 3)] {
                write(&path, color, [21, 13], progressive);
                let (shape, bytes) = read_jpeg(&path).unwrap();
                assert_eq!(shape, Shape::new(channels, 13, 21));
                for (i, &byte) in bytes.iter().enumerate() {
                    let (c, y, x) = (i / 273, i % 273 / 21, i % 21);
                    let was = 40 + 60 * c + 2 * x + y;
                    assert!(was.abs_diff(byte.into()) <= 8, "{was} became {byte} at {i}");
                }
            }
        }
    }

    #[test]
    fn colours_may_be_thinned_out_and_scans_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jpg");
        let (width, height) = (37usize, 29usize);
        let value = |c: usize, y: usize, x: usize| 50 + 40 * c + 2 * x + y;
        let at = |i: usize| (0..3).map(move |c| value(c, i / width, i % width) as u8);
        let pixels: Vec<u8> = (0..width * height).flat_map(at).collect();
        for progressive in [false, true] {
            let mut encoder = Encoder::new_file(&path, 95).unwrap();
            encoder.set_sampling_factor(jpeg_encoder::SamplingFactor::F_2_2);
            encoder.set_restart_interval(2);
            encoder.set_progressive(progressive);
            let (w, h) = (width as u16, height as u16);
            encoder.encode(&pixels, w, h, ColorType::Rgb).unwrap();
            let (shape, bytes) = read_jpeg(&path).unwrap();
            assert_eq!(shape, Shape::new(3, height, width));
            for (i, &byte) in bytes.iter().enumerate() {
                let (c, at) = (i / (width * height), i % (width * height));
                let was = value(c, at / width, at % width);
                assert!(
                    was.abs_diff(byte.into()) <= 12,
                    "{was} became {byte} at {i}"
                );
            }
        }
    }

    #[test]
    fn four_inks_and_damage_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jpg");
        write(&path, ColorType::Cmyk, [8, 8], false);
        let refused = read_jpeg(&path).unwrap_err().to_string();
        assert!(
            refused.contains("x.jpg") && refused.contains("CMYK"),
            "{refused}"
        );
        for progressive in [false, true] {
            write(&path, ColorType::Rgb, [40, 30], progressive);
            let whole = fs::read(&path).unwrap();
            for len in 0..whole.len() {
                fs::write(&path, &whole[..len]).unwrap();
                let cut = read_jpeg(&path).map_err(|error| error.to_string());
                assert!(
                    cut.as_ref()
                        .is_err_and(|e| e.contains("not a readable JPEG")),
                    "{len} of {} bytes",
                    whole.len()
                );
            }
        }
    }

    #[test]
    fn what_follows_the_end_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jpg");
        for progressive in [false, true] {
            write(&path, ColorType::Rgb, [40, 30], progressive);
            let alone = read_jpeg(&path).unwrap();
            for rest in [vec![0; 100], vec![0xff, 0xda, 1, 2], b"and a film".to_vec()] {
                fs::write(&path, [fs::read(&path).unwrap(), rest].concat()).unwrap();
                assert_eq!(read_jpeg(&path).unwrap(), alone);
            }
        }
    }

    #[test]
    fn a_wrong_byte_anywhere_is_no_panic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jpg");
        for progressive in [false, true] {
            write(&path, ColorType::Rgb, [20, 18], progressive);
            let whole = fs::read(&path).unwrap();
            for i in 0..whole.len() {
                let mut bytes = whole.clone();
                bytes[i] = [0x00, 0xff, whole[i] ^ 1][i % 3];
                fs::write(&path, bytes).unwrap();
                if let Err(error) = read_jpeg(&path) {
                    assert!(error.to_string().contains("x.jpg"), "{error}");
                }
            }
        }
    }

    #[test]
    fn millions_of_pixels_in_a_small_file_take_no_memory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.jpg");
        write(&path, ColorType::Luma, [8, 8], false);
        let whole = fs::read(&path).unwrap();
        // Marker, length, precision, then height and width.
        let frame = whole
            .windows(2)
            .position(|pair| pair == [0xff, 0xc0])
            .unwrap();
        let lie = |side: u16| {
            let mut bytes = whole.clone();
            bytes[frame + 5..frame + 7].copy_from_slice(&side.to_be_bytes());
            bytes[frame + 7..frame + 9].copy_from_slice(&side.to_be_bytes());
            fs::write(&path, bytes).unwrap();
            read_jpeg(&path).unwrap_err()
        };
        let claim = lie(8192);
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
        let claim = lie(65_535).to_string();
        assert!(
            claim.contains("65535x65535 pixels; at most 67108864"),
            "{claim}"
        );
    }
}
