//! What other lossless compressors make of the same pixels.

use std::io::Write as _;
use std::process::{Command, Stdio};

use ar_core::Domain;
use ar_data::Encoding;
use serde::Serialize;

/// Images looked at, at most: some of these are slow.
const MOST: usize = 2000;

/// Bits for each value, of each image by itself.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Rivals {
    /// Images that were looked at.
    images: usize,
    /// At its best setting, of as few bits a pixel as there are levels for.
    png: f64,
    /// Lossless WebP, by the program `cwebp` where it is installed.
    webp: Option<f64>,
    /// Lossless JPEG XL, by the program `cjxl`.
    jpeg_xl: Option<f64>,
}

impl Rivals {
    /// Of images of one kind; nothing where they are no pictures of bytes.
    pub(crate) fn of<'a>(
        images: impl Iterator<Item = (&'a [u32], [usize; 2])>,
        channels: usize,
        encoding: &Encoding,
    ) -> Option<Self> {
        if encoding.native_levels() > 256 || ![1, 3].contains(&channels) {
            return None;
        }
        let (mut sums, mut values, mut count) = ([Some(0u64); 3], 0u64, 0);
        for (levels, [height, width]) in images.take(MOST) {
            let domain = Domain {
                channels,
                height,
                width,
                levels: encoding.levels(),
            };
            let planes: Vec<u8> = encoding.display(levels);
            let n = domain.positions();
            let shown = planes.len() / n;
            let pixels: Vec<u8> = (0..n)
                .flat_map(|p| planes[p..].iter().step_by(n).copied())
                .collect();
            let png = png_bytes(&pixels, [width, height], shown, encoding.levels() == 2)?;
            let piped = |program: &str, arguments: &[&str]| size_by(program, arguments, &png.0);
            let own = [
                Some(png.1 as u64),
                piped(
                    "cwebp",
                    &[
                        "-quiet",
                        "-lossless",
                        "-exact",
                        "-z",
                        "9",
                        "-o",
                        "-",
                        "--",
                        "-",
                    ],
                ),
                piped("cjxl", &["--quiet", "-d", "0", "-e", "9", "-", "-"]),
            ];
            for (sum, own) in sums.iter_mut().zip(own) {
                *sum = sum.zip(own).map(|(a, b)| a + b);
            }
            values += levels.len() as u64;
            count += 1;
        }
        let bits = |sum: u64| 8.0 * sum as f64 / values.max(1) as f64;
        Some(Self {
            images: count,
            png: bits(sums[0].unwrap_or(0)),
            webp: sums[1].map(bits),
            jpeg_xl: sums[2].map(bits),
        })
    }

    /// A line for people.
    pub(crate) fn line(&self) -> String {
        let of = |name: &str, bits: Option<f64>| match bits {
            Some(bits) => format!("{name} {bits:.4}"),
            None => format!("{name} not installed"),
        };
        format!(
            "for comparison, each of {} images by itself: PNG {:.4}, {}, {} bits/dim",
            self.images,
            self.png,
            of("WebP lossless (cwebp)", self.webp),
            of("JPEG XL lossless (cjxl)", self.jpeg_xl)
        )
    }
}

/// A PNG, and the size of the smallest of several settings; two levels take one bit a pixel there.
fn png_bytes(
    pixels: &[u8],
    [width, height]: [usize; 2],
    channels: usize,
    binary: bool,
) -> Option<(Vec<u8>, usize)> {
    let colour = if channels == 1 {
        png::ColorType::Grayscale
    } else {
        png::ColorType::Rgb
    };
    let encoded = |filter: png::Filter, packed: bool| -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(colour);
        encoder.set_depth(if packed {
            png::BitDepth::One
        } else {
            png::BitDepth::Eight
        });
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(filter);
        let mut writer = encoder.write_header().ok()?;
        if packed {
            let row = |row: &[u8]| {
                let bits = |eight: &[u8]| {
                    (0..8).fold(0, |b, i| {
                        b << 1 | u8::from(eight.get(i).is_some_and(|&p| p > 127))
                    })
                };
                row.chunks(8).map(bits).collect::<Vec<u8>>()
            };
            let data: Vec<u8> = pixels.chunks(width).flat_map(row).collect();
            writer.write_image_data(&data).ok()?;
        } else {
            writer.write_image_data(pixels).ok()?;
        }
        writer.finish().ok()?;
        Some(bytes)
    };
    let plain = encoded(png::Filter::Adaptive, false)?;
    let filters = [
        png::Filter::NoFilter,
        png::Filter::Sub,
        png::Filter::Up,
        png::Filter::Avg,
        png::Filter::Paeth,
    ];
    let mut best = plain.len();
    for filter in filters {
        best = best.min(encoded(filter, false)?.len());
    }
    if binary && channels == 1 {
        best = best.min(encoded(png::Filter::NoFilter, true)?.len());
    }
    Some((plain, best))
}

/// How many bytes a program makes of a PNG on its standard input; nothing where there is no such program.
fn size_by(program: &str, arguments: &[&str], png: &[u8]) -> Option<u64> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // Small pictures: a program that answers before it has read all would have to fill a pipe first.
    child.stdin.take()?.write_all(png).ok()?;
    let output = child.wait_with_output().ok()?;
    (output.status.success() && !output.stdout.is_empty()).then_some(output.stdout.len() as u64)
}
