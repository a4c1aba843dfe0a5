//! What other lossless compressors make of the same pixels.

use std::io::Write as _;
use std::process::{Command, Stdio};

use ar_data::Encoding;
use serde::Serialize;

use crate::complexity::{PNG_FRAME, shortest_png};
use crate::picture::Picture;

/// Images looked at, at most: some of these are slow.
const MOST: usize = 2000;

/// Bits for each value, of each image by itself.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Rivals {
    /// Images that were looked at.
    images: usize,
    /// At its best setting.
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
            let shape = [channels, height, width];
            let shortest = shortest_png(levels, shape, encoding.levels()).ok()?;
            let planes = encoding.display(levels);
            let shown = (planes.len() / (height * width), height, width);
            let png = Picture::from_planes(shown, &planes)
                .and_then(|p| p.encode_png())
                .ok()?;
            let piped = |program: &str, arguments: &[&str]| size_by(program, arguments, &png);
            let own = [
                Some((shortest + PNG_FRAME) as u64),
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
