//! Animated PNG: an image appearing pixel by pixel.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

use super::canvas::Picture;
use super::file::write_whole;

/// Writes `frames` as an endlessly repeating animated PNG, whole or not at all. Every frame shows
/// for `delay_ms`, the last for `hold_last_ms` (both at most 65535 ms).
///
/// A frame stores only the rectangle that differs from the one before, so an image appearing pixel
/// by pixel stays small. Programs that do not play animations show the last frame.
///
/// # Errors
/// If `path` does not end in `.png` or `.apng` (GIF is not written), there are no frames or their
/// sizes differ, or the file cannot be written. Every error names `path`.
pub fn save_apng(path: &Path, frames: &[Picture], delay_ms: u16, hold_last_ms: u16) -> Result<()> {
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_lowercase();
    if extension != "png" && extension != "apng" {
        bail!(
            "cannot write the animation {}: name it .png (an animated PNG)",
            path.display()
        );
    }
    let bytes = encode(frames, delay_ms, hold_last_ms)
        .with_context(|| format!("cannot encode the animation {}", path.display()))?;
    write_whole(path, &bytes)
}

fn encode(frames: &[Picture], delay_ms: u16, hold_last_ms: u16) -> Result<Vec<u8>> {
    let last = frames.last().context("there are no frames")?;
    let (width, height) = (last.width(), last.height());
    ensure!(
        frames
            .iter()
            .all(|frame| (frame.width(), frame.height()) == (width, height)),
        "the frames differ in size"
    );
    let in_colour = frames.iter().any(|frame| frame.channels() == 3);
    let converted = |frame: &Picture| {
        if in_colour {
            frame.to_colour()
        } else {
            frame.clone()
        }
    };
    let last = converted(last);

    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(last.colour_type());
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_animated(u32::try_from(frames.len())?, 0)?;
    encoder.set_sep_def_img(true)?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(last.pixels())?;

    let mut shown: Option<Picture> = None;
    for (at, frame) in frames.iter().enumerate() {
        let frame = converted(frame);
        let area = match &shown {
            Some(shown) => Area::changed(shown, &frame),
            None => Area {
                left: 0,
                top: 0,
                width,
                height,
            },
        };
        // The position first: a size is checked against the position of the frame before.
        writer.reset_frame_position()?;
        writer.set_frame_dimension(area.width as u32, area.height as u32)?;
        writer.set_frame_position(area.left as u32, area.top as u32)?;
        let is_last = at + 1 == frames.len();
        writer.set_frame_delay(if is_last { hold_last_ms } else { delay_ms }, 1000)?;
        writer.write_image_data(&frame.cut(area.left, area.top, area.width, area.height))?;
        shown = Some(frame);
    }
    writer.finish()?;
    Ok(bytes)
}

/// A rectangle of a frame, never empty.
#[derive(Debug, PartialEq, Eq)]
struct Area {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl Area {
    /// The smallest rectangle that holds every difference; one pixel if there is none, since the
    /// format has no empty frame.
    fn changed(before: &Picture, after: &Picture) -> Self {
        let mut bounds: Option<(usize, usize, usize, usize)> = None;
        for (y, (old, new)) in before.rows().zip(after.rows()).enumerate() {
            let differs = |(old, new): (&u8, &u8)| old != new;
            let Some(first) = old.iter().zip(new).position(differs) else {
                continue;
            };
            let last = old.iter().zip(new).rposition(differs).unwrap_or(first);
            let (first, last) = (first / after.channels(), last / after.channels());
            let (left, right, top, _) = bounds.unwrap_or((first, last, y, y));
            bounds = Some((left.min(first), right.max(last), top, y));
        }
        let (left, right, top, bottom) = bounds.unwrap_or_default();
        Self {
            left,
            top,
            width: right - left + 1,
            height: bottom - top + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The default image and what a viewer shows after each frame, with the frames' delays.
    fn play(path: &Path) -> (Vec<u8>, Vec<Vec<u8>>, Vec<u16>, png::AnimationControl) {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let control = *reader.info().animation_control().unwrap();
        let (width, channels) = (
            reader.info().width as usize,
            reader.info().bytes_per_pixel(),
        );
        let mut default = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut default).unwrap();
        let (mut shown, mut delays) = (Vec::new(), Vec::new());
        let mut screen = vec![0; default.len()];
        for _ in 0..control.num_frames {
            let mut part = vec![0; default.len()];
            let info = reader.next_frame(&mut part).unwrap();
            let frame = *reader.info().frame_control().unwrap();
            let row_bytes = frame.width as usize * channels;
            for y in 0..frame.height as usize {
                let at =
                    ((frame.y_offset as usize + y) * width + frame.x_offset as usize) * channels;
                screen[at..at + row_bytes]
                    .copy_from_slice(&part[y * info.line_size..][..row_bytes]);
            }
            assert_eq!(frame.delay_den, 1000);
            delays.push(frame.delay_num);
            shown.push(screen.clone());
        }
        assert!(
            reader.next_frame(&mut default.clone()).is_err(),
            "no more frames than announced"
        );
        (default, shown, delays, control)
    }

    fn appearing(n: usize) -> Vec<Picture> {
        let mut canvas = Picture::filled(5, 3, [40; 3]);
        let mut frames = vec![canvas.clone()];
        for i in 0..n {
            canvas.paste(&Picture::filled(1, 1, [i as u8; 3]), i % 5, i / 5);
            frames.push(canvas.clone());
        }
        frames
    }

    #[test]
    fn every_frame_is_shown_for_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let mut frames = appearing(7);
        frames.push(frames[7].clone());
        save_apng(&path, &frames, 40, 1500).unwrap();
        let (default, shown, delays, control) = play(&path);
        assert_eq!((control.num_frames, control.num_plays), (9, 0));
        assert_eq!(default, frames[8].pixels());
        assert_eq!(
            shown,
            frames
                .iter()
                .map(|f| f.pixels().to_vec())
                .collect::<Vec<_>>()
        );
        assert_eq!(delays, [40, 40, 40, 40, 40, 40, 40, 40, 1500]);
    }

    #[test]
    fn one_frame_and_mixed_channels_work() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.PNG");
        save_apng(&path, &appearing(0), 40, 9).unwrap();
        assert_eq!(play(&path).2, [9]);
        let frames = [
            Picture::filled(2, 1, [4; 3]),
            Picture::filled(2, 1, [1, 2, 3]),
        ];
        save_apng(&path, &frames, 40, 9).unwrap();
        assert_eq!(play(&path).1, [[4; 6], [1, 2, 3, 1, 2, 3]]);
    }

    #[test]
    fn only_the_changed_rectangle_is_stored() {
        let frames = appearing(2);
        let area = Area::changed(&frames[0], &frames[2]);
        assert_eq!(
            area,
            Area {
                left: 0,
                top: 0,
                width: 2,
                height: 1
            }
        );
        let area = Area::changed(&frames[1], &frames[2]);
        assert_eq!(
            area,
            Area {
                left: 1,
                top: 0,
                width: 1,
                height: 1
            }
        );
        let area = Area::changed(&frames[1], &frames[1]);
        assert_eq!(
            area,
            Area {
                left: 0,
                top: 0,
                width: 1,
                height: 1
            }
        );
    }

    #[test]
    fn what_cannot_be_written_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let gif = save_apng(&folder.path().join("a.gif"), &appearing(1), 1, 1).unwrap_err();
        assert!(gif.to_string().contains("name it .png"), "{gif}");
        let path = folder.path().join("a.png");
        assert!(format!("{:#}", save_apng(&path, &[], 1, 1).unwrap_err()).contains("no frames"));
        let mixed = [Picture::filled(2, 1, [4; 3]), Picture::filled(1, 2, [4; 3])];
        assert!(format!("{:#}", save_apng(&path, &mixed, 1, 1).unwrap_err()).contains("size"));
        assert!(!path.exists());
    }
}
