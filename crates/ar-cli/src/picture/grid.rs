//! Many small pictures on one sheet.

use anyhow::{Result, ensure};

use super::canvas::Picture;

/// Small images are enlarged by a whole factor until their longer side has this many pixels.
const COMFORTABLE_CELL: usize = 56;
/// Enlarging stops before a side of the sheet exceeds this many pixels.
const LARGEST_SIDE: usize = 4096;
/// Between cells: lighter than most images, darker than the page.
const GAP_COLOUR: [u8; 3] = [176; 3];
/// Gap between the cells of a completion sheet, pixels.
const COMPLETION_GAP: usize = 4;
/// Gap between what was given and what the model drew, pixels.
const COMPLETION_DIVIDE: usize = 20;
/// Pixels whose value is not given.
const UNKNOWN_COLOUR: [u8; 3] = [72, 118, 178];

/// The images row by row on one sheet, with `gap` pixels between and around them.
///
/// Small images are enlarged by one whole factor to about 56 pixels, as long as no side of the
/// sheet exceeds 4096 pixels. Images of several sizes are centred in cells of the largest; the
/// sheet is in colour if one of them is. Without `columns` the sheet is close to a square, with a
/// full last row where that is possible; places without an image show the gap's colour. No images
/// give one empty cell.
pub fn grid(images: &[Picture], columns: Option<usize>, gap: usize) -> Picture {
    let columns = columns
        .unwrap_or_else(|| near_square(images.len()))
        .clamp(1, images.len().max(1));
    let rows = images.len().div_ceil(columns).max(1);
    let cell = Cell::around(images.iter(), columns, rows);
    let mut sheet = Picture::filled(
        gap + columns * (cell.width + gap),
        gap + rows * (cell.height + gap),
        GAP_COLOUR,
    );
    for (at, image) in images.iter().enumerate() {
        let (row, column) = (at / columns, at % columns);
        let left = gap + column * (cell.width + gap);
        cell.put(&mut sheet, image, left, gap + row * (cell.height + gap));
    }
    sheet
}

/// The images as the program shows them, see [`grid`]: with a thin gap, in so many columns. Vectors,
/// which are images of one row, become the rows of one picture.
pub fn sheet(images: &[Picture], columns: Option<usize>) -> Picture {
    if images.iter().all(is_vector) {
        grid(images, Some(1), 0)
    } else {
        grid(images, columns, 2)
    }
}

/// One row per image: the original, what was given (see [`masked_input`]), and after a wider gap
/// the completions, which may differ in number from row to row.
///
/// Vectors, images of one row, lie below each other.
pub fn completion_grid(rows: &[(Picture, Picture, Vec<Picture>)]) -> Picture {
    if rows.iter().all(|(original, ..)| is_vector(original)) {
        let all = rows.iter().flat_map(|(original, given, drawn)| {
            [original, given].into_iter().chain(drawn).cloned()
        });
        return sheet(&all.collect::<Vec<_>>(), None);
    }
    let all = || {
        rows.iter()
            .flat_map(|(a, b, drawn)| [a, b].into_iter().chain(drawn))
    };
    let n_drawn = rows
        .iter()
        .map(|(_, _, drawn)| drawn.len())
        .max()
        .unwrap_or(0);
    let cell = Cell::around(all(), 2 + n_drawn, rows.len());
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
    sheet
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

/// The common size of the places on a sheet, in sheet pixels.
struct Cell {
    width: usize,
    height: usize,
    factor: usize,
}

impl Cell {
    fn around<'a>(images: impl Iterator<Item = &'a Picture>, columns: usize, rows: usize) -> Self {
        let (width, height) = images.fold((1, 1), |(width, height), image| {
            (width.max(image.width()), height.max(image.height()))
        });
        let wanted = COMFORTABLE_CELL.div_ceil(width.max(height));
        let possible = LARGEST_SIDE / (columns * width).max(rows * height).max(1);
        let factor = wanted.min(possible).max(1);
        Self {
            width: width * factor,
            height: height * factor,
            factor,
        }
    }

    fn put(&self, sheet: &mut Picture, image: &Picture, left: usize, top: usize) {
        let image = image.scaled(self.factor);
        let (right, down) = (
            (self.width - image.width()) / 2,
            (self.height - image.height()) / 2,
        );
        sheet.paste(&image, left + right, top + down);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: u8 = GAP_COLOUR[0];

    #[test]
    fn large_images_keep_their_size_and_the_last_row_may_be_partial() {
        let images: Vec<_> = (1..=3).map(|i| Picture::filled(60, 57, [i; 3])).collect();
        let sheet = grid(&images, Some(2), 1);
        assert_eq!(
            (sheet.width(), sheet.height(), sheet.channels()),
            (123, 117, 1)
        );
        let at = |x, y| sheet.rgb(x, y)[0];
        assert_eq!(
            [at(0, 0), at(1, 1), at(60, 57), at(61, 57), at(62, 57)],
            [GAP, 1, 1, GAP, 2]
        );
        assert_eq!(
            [at(1, 58), at(1, 59), at(60, 115), at(1, 116)],
            [GAP, 3, 3, GAP]
        );
        assert_eq!([at(62, 59), at(121, 115)], [GAP, GAP]);
    }

    #[test]
    fn small_images_are_enlarged_by_a_whole_factor() {
        let image = Picture::from_planes((1, 2, 2), &[1, 2, 3, 4]).unwrap();
        let sheet = grid(std::slice::from_ref(&image), None, 0);
        assert_eq!(sheet, image.scaled(28));
        assert_eq!(grid(&vec![image; 10_000], None, 0).width(), 4000);
    }

    #[test]
    fn mixed_sizes_are_centred_and_one_colour_image_colours_the_sheet() {
        let images = [
            Picture::filled(60, 60, [1, 2, 3]),
            Picture::filled(58, 58, [9; 3]),
        ];
        let sheet = grid(&images, None, 0);
        assert_eq!(
            (sheet.width(), sheet.height(), sheet.channels()),
            (120, 60, 3)
        );
        assert_eq!(sheet.rgb(59, 30), [1, 2, 3]);
        assert_eq!(sheet.rgb(60, 30), GAP_COLOUR);
        assert_eq!(sheet.rgb(61, 30), [9; 3]);
    }

    #[test]
    fn no_images_give_a_picture_that_can_be_saved() {
        let sheet = grid(&[], Some(4), 0);
        assert!(sheet.width() > 0 && sheet.height() > 0);
        assert!(completion_grid(&[]).width() > 0);
    }

    #[test]
    fn vectors_become_rows_of_one_picture() {
        let vectors: Vec<_> = (0..3).map(|i| Picture::filled(60, 1, [i; 3])).collect();
        let picture = sheet(&vectors, Some(2));
        assert_eq!((picture.width(), picture.height()), (60, 3));
        assert_eq!([0, 1, 2].map(|y| picture.rgb(9, y)[0]), [0, 1, 2]);
        let images = vec![Picture::filled(60, 60, [9; 3]); 4];
        assert_eq!(sheet(&images, None), grid(&images, None, 2));
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
        let sheet = completion_grid(&[
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
