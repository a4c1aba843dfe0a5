//! What other lossless compressors make of the same pixels.

use std::path::Path;
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
        let folder = tempfile::tempdir().ok()?;
        let (mut sums, mut values, mut count) = ([Some(0u64); 3], 0u64, 0);
        for (levels, [height, width]) in images.take(MOST) {
            let shape = [channels, height, width];
            let shortest = shortest_png(levels, shape, encoding.levels()).ok()?;
            let planes = encoding.display(levels);
            let shown = (planes.len() / (height * width), height, width);
            let png = Picture::from_planes(shown, &planes)
                .and_then(|p| p.encode_png())
                .ok()?;
            let [from, to] = ["in.png", "out"].map(|name| folder.path().join(name));
            std::fs::write(&from, &png).ok()?;
            let by = |command: &mut Command| size_by(command, &to);
            let own = [
                Some((shortest + PNG_FRAME) as u64),
                by(Command::new("cwebp")
                    .args(["-quiet", "-lossless", "-exact", "-z", "9"])
                    .arg(&from)
                    .arg("-o")
                    .arg(&to)),
                by(Command::new("cjxl")
                    .arg(&from)
                    .arg(&to)
                    .args(["-d", "0", "-e", "9"])),
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
    pub(crate) fn line(&self, unit: &str) -> String {
        let of = |name: &str, bits: Option<f64>| match bits {
            Some(bits) => format!("{name} {bits:.4}"),
            None => format!("{name} not installed"),
        };
        format!(
            "for comparison, each of {} images by itself: PNG {:.4}, {}, {} {unit}",
            self.images,
            self.png,
            of("WebP lossless (cwebp)", self.webp),
            of("JPEG XL lossless (cjxl)", self.jpeg_xl)
        )
    }
}

/// How many bytes a program writes to `to`; nothing where there is no such program.
fn size_by(command: &mut Command, to: &Path) -> Option<u64> {
    let command = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let done = command.status().ok()?;
    let size = std::fs::metadata(to).ok()?.len();
    std::fs::remove_file(to).ok()?;
    done.success().then_some(size)
}
