//! Many small pictures on one sheet.

use anyhow::{Result, ensure};

use super::canvas::Picture;
use super::cell::Cell;
use super::text::words;

/// Between cells: lighter than most images, darker than the page.
const GAP_COLOUR: [u8; 3] = [176; 3];
/// Gap between the cells of a completion sheet, pixels.
const COMPLETION_GAP: usize = 4;
/// Gap between what was given and what the model drew, pixels.
const COMPLETION_DIVIDE: usize = 20;
/// Around the words beside a row, pixels.
const LABEL_GAP: usize = 4;
/// Pixels whose value is not given.
const UNKNOWN_COLOUR: [u8; 3] = [72, 118, 178];

/// How small pictures are laid out on one sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// Pictures in a row. Without it the sheet is close to a square, with a full last row where that is
    /// possible.
    pub columns: Option<usize>,
    /// Sheet pixels for each pixel of a picture. Without it small pictures are enlarged by one whole factor to
    /// about 56 pixels, as long as no side of the sheet exceeds 4096.
    pub scale: Option<usize>,
    /// Words beside the rows, from the first on; none for no margin.
    pub labels: Vec<String>,
}

impl Sheet {
    /// The pictures row by row, with a thin gap between and around them.
    ///
    /// Pictures of several sizes are centred in cells of the largest; the sheet is in colour if one of them
    /// is. Places without a picture show the gap's colour. No pictures give one empty cell. Vectors, which are
    /// pictures of one row, become the rows of one picture.
    pub fn of(&self, images: &[Picture]) -> Picture {
        let (columns, gap) = if images.iter().all(is_vector) {
            (Some(1), 0)
        } else {
            (self.columns, 2)
        };
        let columns = columns
            .unwrap_or_else(|| near_square(images.len()))
            .clamp(1, images.len().max(1));
        let rows = images.len().div_ceil(columns).max(1);
        let cell = Cell::around(images.iter(), (columns, rows), self.scale);
        let (across, down) = (cell.width + gap, cell.height + gap);
        let mut sheet = Picture::filled(gap + columns * across, gap + rows * down, GAP_COLOUR);
        for (at, image) in images.iter().enumerate() {
            let (row, column) = (at / columns, at % columns);
            cell.put(&mut sheet, image, gap + column * across, gap + row * down);
        }
        self.labelled(sheet, gap, down)
    }

    /// One row per image: the original, what was given (see [`masked_input`]), and after a wider gap
    /// the completions, which may differ in number from row to row.
    ///
    /// Vectors, images of one row, lie below each other.
    pub fn completions(&self, rows: &[(Picture, Picture, Vec<Picture>)]) -> Picture {
        let all = || {
            let row = |(original, given, drawn): &'_ (Picture, Picture, Vec<Picture>)| {
                let own = [original, given].into_iter().chain(drawn);
                own.cloned().collect::<Vec<_>>()
            };
            rows.iter().flat_map(row).collect::<Vec<_>>()
        };
        if rows.iter().all(|(original, ..)| is_vector(original)) {
            return self.of(&all());
        }
        let drawn = rows.iter().map(|(_, _, drawn)| drawn.len());
        let n_drawn = drawn.max().unwrap_or(0);
        let cell = Cell::around(all().iter(), (2 + n_drawn, rows.len()), self.scale);
        let gap = COMPLETION_GAP;
        let (across, down) = (cell.width + gap, cell.height + gap);
        let first_drawn = gap + 2 * across - gap + COMPLETION_DIVIDE;
        let width = if n_drawn == 0 {
            gap + 2 * across
        } else {
            first_drawn + n_drawn * across
        };
        let mut sheet = Picture::filled(width, gap + rows.len().max(1) * down, GAP_COLOUR);
        for (row, (original, given, drawn)) in rows.iter().enumerate() {
            let top = gap + row * down;
            cell.put(&mut sheet, original, gap, top);
            cell.put(&mut sheet, given, gap + across, top);
            for (column, image) in drawn.iter().enumerate() {
                cell.put(&mut sheet, image, first_drawn + column * across, top);
            }
        }
        self.labelled(sheet, gap, down)
    }

    /// The sheet with a margin on the left for the words of each row; `down` from one row to the next.
    fn labelled(&self, sheet: Picture, gap: usize, down: usize) -> Picture {
        let words = |label: &String| words(&shortened(label), GAP_COLOUR[0]);
        let labels: Vec<Picture> = self.labels.iter().map(words).collect();
        let Some(widest) = labels.iter().map(Picture::width).max() else {
            return sheet;
        };
        let margin = LABEL_GAP + widest + LABEL_GAP;
        let mut page = Picture::filled(margin + sheet.width(), sheet.height(), GAP_COLOUR);
        page.paste(&sheet, margin, 0);
        for (row, label) in labels.iter().enumerate() {
            let middle = gap + row * down + (down - gap) / 2;
            let left = margin - LABEL_GAP - label.width();
            page.paste(label, left, middle.saturating_sub(label.height() / 2));
        }
        page
    }
}

/// The image with every pixel that is not `known` hidden under a blue tint, in colour.
///
/// `known` has one entry per pixel, in (H, W) order.
///
/// # Errors
/// If `known` has not one entry per pixel.
pub fn masked_input(image: &Picture, known: &[bool]) -> Result<Picture> {
    let (width, height) = (image.width(), image.height());
    ensure!(
        known.len() == width * height,
        "a mask of {} pixels does not fit an image of {width} x {height}",
        known.len()
    );
    let mut masked = image.to_colour();
    let unknown = Picture::filled(1, 1, UNKNOWN_COLOUR);
    for (at, _) in known.iter().enumerate().filter(|(_, known)| !**known) {
        masked.paste(&unknown, at % width, at / width);
    }
    Ok(masked)
}

/// A label that leaves room for the pictures.
fn shortened(label: &str) -> String {
    const LONGEST: usize = 20;
    if label.chars().count() <= LONGEST {
        return label.to_owned();
    }
    label
        .chars()
        .take(LONGEST - 2)
        .chain("..".chars())
        .collect()
}

fn is_vector(image: &Picture) -> bool {
    image.height() == 1 && image.width() > 1
}

/// About the square root of `n`, preferring a number that divides `n`.
fn near_square(n: usize) -> usize {
    let root = n.isqrt() + usize::from(n.isqrt().pow(2) < n);
    let widest = root + root / 2;
    (root..=widest)
        .find(|columns| n.is_multiple_of((*columns).max(1)))
        .unwrap_or(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: u8 = GAP_COLOUR[0];

    fn columns(columns: Option<usize>) -> Sheet {
        Sheet {
            columns,
            ..Sheet::default()
        }
    }

    #[test]
    fn words_stand_beside_their_rows() {
        let images = vec![Picture::filled(60, 60, [9; 3]); 4];
        let plain = columns(Some(2)).of(&images);
        let labelled = Sheet {
            labels: vec!["cat".to_owned(), "ox".to_owned()],
            ..columns(Some(2))
        };
        let sheet = labelled.of(&images);
        let margin = sheet.width() - plain.width();
        assert_eq!(margin, 4 + 21 + 4);
        let ink = |rows: std::ops::Range<usize>| {
            let dark = |(x, y): (usize, usize)| sheet.rgb(x, y)[0] < 100;
            let all = rows.flat_map(|y| (0..margin).map(move |x| (x, y)));
            all.filter(|&at| dark(at)).count()
        };
        assert!(ink(20..45) > 10 && ink(82..107) > 10 && ink(50..75) == 0);
        assert_eq!(sheet.rgb(margin + 2, 2), [9; 3]);
    }

    #[test]
    fn large_images_keep_their_size_and_the_last_row_may_be_partial() {
        let images: Vec<_> = (1..=3).map(|i| Picture::filled(60, 57, [i; 3])).collect();
        let sheet = columns(Some(2)).of(&images);
        assert_eq!(
            (sheet.width(), sheet.height(), sheet.channels()),
            (126, 120, 1)
        );
        let at = |x, y| sheet.rgb(x, y)[0];
        assert_eq!(
            [at(1, 1), at(2, 2), at(61, 58), at(62, 58), at(64, 58)],
            [GAP, 1, 1, GAP, 2]
        );
        assert_eq!(
            [at(2, 59), at(2, 61), at(61, 117), at(2, 118)],
            [GAP, 3, 3, GAP]
        );
        assert_eq!([at(64, 61), at(123, 117)], [GAP, GAP]);
    }

    #[test]
    fn small_images_are_enlarged_by_a_whole_factor() {
        let image = Picture::from_planes((1, 2, 2), &[1, 2, 3, 4]).unwrap();
        let sheet = Sheet::default().of(std::slice::from_ref(&image));
        assert_eq!((sheet.width(), sheet.rgb(2 + 28, 2)), (60, [2; 3]));
        let many = Sheet::default().of(&vec![image.clone(); 10_000]);
        assert_eq!(many.width(), 2 + 100 * (2 * 20 + 2));
        let thrice = Sheet {
            scale: Some(3),
            ..Sheet::default()
        };
        assert_eq!(thrice.of(&[image]).width(), 2 + 6 + 2);
    }

    #[test]
    fn mixed_sizes_are_centred_and_one_colour_image_colours_the_sheet() {
        let images = [
            Picture::filled(60, 60, [1, 2, 3]),
            Picture::filled(58, 58, [9; 3]),
        ];
        let sheet = Sheet::default().of(&images);
        assert_eq!(
            (sheet.width(), sheet.height(), sheet.channels()),
            (126, 64, 3)
        );
        assert_eq!(sheet.rgb(61, 32), [1, 2, 3]);
        assert_eq!(sheet.rgb(64, 32), GAP_COLOUR);
        assert_eq!(sheet.rgb(65, 32), [9; 3]);
    }

    #[test]
    fn no_images_give_a_picture_that_can_be_saved() {
        let sheet = columns(Some(4)).of(&[]);
        assert!(sheet.width() > 0 && sheet.height() > 0);
        assert!(Sheet::default().completions(&[]).width() > 0);
    }

    #[test]
    fn vectors_become_rows_of_one_picture() {
        let vectors: Vec<_> = (0..3).map(|i| Picture::filled(60, 1, [i; 3])).collect();
        let picture = columns(Some(2)).of(&vectors);
        assert_eq!((picture.width(), picture.height()), (60, 3));
        assert_eq!([0, 1, 2].map(|y| picture.rgb(9, y)[0]), [0, 1, 2]);
    }

    #[test]
    fn near_square_prefers_full_rows() {
        let found: Vec<_> = [0, 1, 2, 3, 7, 10, 12, 16, 20, 64]
            .map(near_square)
            .to_vec();
        assert_eq!(found, [0, 1, 2, 3, 3, 5, 4, 4, 5, 8]);
    }

    #[test]
    fn completions_stand_apart_from_what_was_given() {
        let image = |v| Picture::filled(56, 56, [v; 3]);
        let given = masked_input(&image(5), &[[true; 28 * 56], [false; 28 * 56]].concat()).unwrap();
        let sheet = Sheet::default().completions(&[
            (image(5), given, vec![image(6), image(7)]),
            (image(8), image(9), vec![image(10)]),
        ]);
        assert_eq!(
            (sheet.width(), sheet.height()),
            (4 + 60 + 56 + 20 + 60 + 60, 4 + 60 + 60)
        );
        assert_eq!(sheet.rgb(4, 4), [5; 3]);
        assert_eq!(sheet.rgb(64, 31), [5; 3]);
        assert_eq!(sheet.rgb(64, 32), UNKNOWN_COLOUR);
        assert_eq!(sheet.rgb(139, 30), GAP_COLOUR);
        assert_eq!([sheet.rgb(140, 30), sheet.rgb(200, 30)], [[6; 3], [7; 3]]);
        assert_eq!(
            [sheet.rgb(140, 90), sheet.rgb(200, 90)],
            [[10; 3], GAP_COLOUR]
        );
        assert!(masked_input(&image(5), &[true]).is_err());
    }
}
