//! Pictures in a terminal, two pixels to a character.

use std::fmt::Write as _;

use super::canvas::Picture;

/// Shades from dark to light, for a terminal with a dark background.
const SHADES: &[u8] = b" .:-=+*#%@";
/// Images in a row are reduced until one is about this wide before some are left out.
const SMALLEST_SAMPLE: usize = 16;

/// `picture` as lines of text at most `width_columns` characters wide, each line ended by a
/// newline.
///
/// A character shows two pixels, one above the other, so that pixels are square. With `colour`
/// these are half blocks in ANSI colours: the 26 greys of the 256-colour palette for a grey
/// picture, 24-bit colours otherwise. Without, they are ASCII shades, light on dark. A wider
/// picture is reduced, a narrower one left as it is. Whether the terminal has colours is for the
/// caller to decide.
pub fn preview(picture: &Picture, width_columns: usize, colour: bool) -> String {
    if picture.width() == 0 || picture.height() == 0 {
        return String::new();
    }
    let width = picture.width().min(width_columns.max(1));
    let height = (picture.height() * width + picture.width() / 2) / picture.width();
    let small = picture.shrunk(width, height);
    let mut text = String::new();
    for y in (0..small.height()).step_by(2) {
        let below = |x| (y + 1 < small.height()).then(|| small.rgb(x, y + 1));
        let cells = (0..small.width()).map(|x| (small.rgb(x, y), below(x)));
        if colour {
            let grey = small.channels() == 1;
            push_blocks(&mut text, cells, grey);
        } else {
            text.extend(cells.map(|(top, bottom)| shade(top, bottom)));
        }
        text.push('\n');
    }
    text
}

/// As many of the images side by side as fit into `width_columns` characters, as [`preview`] shows
/// them.
///
/// The images are reduced by the smallest whole factor at which all of them fit, but not below a
/// width of about 16 pixels: the rest is left out.
pub fn preview_samples(images: &[Picture], width_columns: usize, colour: bool) -> String {
    let width = images.iter().map(Picture::width).max().unwrap_or(0);
    let fits = |factor: usize| width_columns.saturating_add(1) / (width.div_ceil(factor) + 1);
    let largest = width.div_ceil(SMALLEST_SAMPLE).max(1);
    let factor = (1..largest)
        .find(|&factor| fits(factor) >= images.len())
        .unwrap_or(largest);
    let shown = &images[..images.len().min(fits(factor).max(1))];
    let reduced: Vec<_> = shown
        .iter()
        .map(|image| {
            image.shrunk(
                image.width().div_ceil(factor),
                image.height().div_ceil(factor),
            )
        })
        .collect();
    let height = reduced.iter().map(Picture::height).max().unwrap_or(0);
    let total = reduced
        .iter()
        .map(|image| image.width() + 1)
        .sum::<usize>()
        .saturating_sub(1);
    let mut row = Picture::filled(total, height, [0; 3]);
    let mut left = 0;
    for image in &reduced {
        row.paste(image, left, 0);
        left += image.width() + 1;
    }
    preview(&row, width_columns, colour)
}

/// One line of half blocks; colours are named only where they change and reset at the end.
fn push_blocks(
    text: &mut String,
    cells: impl Iterator<Item = ([u8; 3], Option<[u8; 3]>)>,
    grey: bool,
) {
    let mut current = None;
    for (top, bottom) in cells {
        if current != Some((top, bottom)) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\x1b[38;{}", code(top, grey));
            let _ = match bottom {
                Some(bottom) => write!(text, ";48;{}m", code(bottom, grey)),
                None => write!(text, ";49m"),
            };
            current = Some((top, bottom));
        }
        text.push('▀');
    }
    text.push_str("\x1b[0m");
}

fn code(colour: [u8; 3], grey: bool) -> String {
    let [r, g, b] = colour;
    if !grey {
        return format!("2;{r};{g};{b}");
    }
    // The palette's ramp 232..=255 is 8, 18, .., 238; black and white are colours 16 and 231.
    let index = match r {
        0..4 => 16,
        247.. => 231,
        _ => 232 + ((u16::from(r) + 5).saturating_sub(8) / 10).min(23),
    };
    format!("5;{index}")
}

fn shade(top: [u8; 3], bottom: Option<[u8; 3]>) -> char {
    let bottom = bottom.unwrap_or(top);
    let luma =
        |[r, g, b]: [u8; 3]| 299 * usize::from(r) + 587 * usize::from(g) + 114 * usize::from(b);
    let level = (luma(top) + luma(bottom)) * SHADES.len() / (2 * 255_001);
    char::from(SHADES[level])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_shades_follow_brightness() {
        let picture = Picture::from_planes((1, 3, 3), &[0, 128, 255, 0, 128, 255, 255, 0, 255]);
        assert_eq!(preview(&picture.unwrap(), 80, false), " +@\n@ @\n");
    }

    #[test]
    fn wide_pictures_are_reduced_to_fit() {
        for (width, height, columns, lines) in [(100, 60, 50, 15), (28, 28, 80, 14), (9, 5, 4, 1)] {
            for colour in [false, true] {
                let text = preview(&Picture::filled(width, height, [90; 3]), columns, colour);
                assert_eq!(text.lines().count(), lines);
                let plain = text.replace("\x1b[0m", "");
                let shown = |line: &str| line.chars().filter(|&c| c == '▀' || c == '-').count();
                for line in plain.lines() {
                    let line = line.rsplit_once('m').map_or(line, |(_, rest)| rest);
                    assert_eq!(shown(line), width.min(columns), "{line:?}");
                }
            }
        }
        assert_eq!(preview(&Picture::filled(3, 3, [0; 3]), 0, false), " \n");
        assert_eq!(preview(&Picture::filled(0, 3, [0; 3]), 9, false), "");
    }

    #[test]
    fn colours_are_named_where_they_change() {
        let grey = Picture::from_planes((1, 2, 3), &[0, 0, 255, 0, 0, 128]).unwrap();
        assert_eq!(
            preview(&grey, 9, true),
            "\x1b[38;5;16;48;5;16m▀▀\x1b[38;5;231;48;5;244m▀\x1b[0m\n"
        );
        let colour = Picture::filled(2, 1, [1, 2, 3]);
        assert_eq!(preview(&colour, 9, true), "\x1b[38;2;1;2;3;49m▀▀\x1b[0m\n");
    }

    #[test]
    fn the_nearest_grey_of_the_palette_is_chosen() {
        for value in 0..=255_u8 {
            let index: u8 = code([value; 3], true)[2..].parse().unwrap();
            let shown = |index: u8| match index {
                16 => 0,
                231 => 255,
                _ => 8 + 10 * (i32::from(index) - 232),
            };
            let error = (shown(index) - i32::from(value)).abs();
            let best = (232..=255)
                .chain([16, 231])
                .map(|i| (shown(i) - i32::from(value)).abs())
                .min();
            assert_eq!(Some(error), best, "{value}");
        }
    }

    #[test]
    fn as_many_samples_as_fit_are_shown() {
        let images = vec![Picture::filled(28, 28, [255; 3]); 9];
        let first = |n: usize, columns| {
            let text = preview_samples(&images[..n], columns, false);
            let line = text.lines().next().unwrap_or_default().to_owned();
            (line.len(), line.split(' ').count(), text.lines().count())
        };
        assert_eq!(first(2, 80), (57, 2, 14));
        assert_eq!(first(5, 80), (74, 5, 7));
        assert_eq!(first(9, 80), (74, 5, 7));
        assert_eq!(first(9, 6), (6, 1, 3));
        assert_eq!(preview_samples(&[], 80, true), "");
    }
}
