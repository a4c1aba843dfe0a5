//! A place on a sheet of pictures.

use super::canvas::Picture;

/// Small images are enlarged by a whole factor until their longer side has this many pixels.
const COMFORTABLE_CELL: usize = 56;
/// Enlarging stops before a side of the sheet exceeds this many pixels.
const LARGEST_SIDE: usize = 4096;

/// The common size of the places on a sheet, in sheet pixels.
pub(super) struct Cell {
    pub(super) width: usize,
    pub(super) height: usize,
    factor: usize,
}

impl Cell {
    pub(super) fn around<'a>(
        images: impl Iterator<Item = &'a Picture>,
        (columns, rows): (usize, usize),
        scale: Option<usize>,
    ) -> Self {
        let (width, height) = images.fold((1, 1), |(width, height), image| {
            (width.max(image.width()), height.max(image.height()))
        });
        let wanted = COMFORTABLE_CELL.div_ceil(width.max(height));
        let possible = LARGEST_SIDE / (columns * width).max(rows * height).max(1);
        let factor = scale.unwrap_or(wanted.min(possible)).max(1);
        Self {
            width: width * factor,
            height: height * factor,
            factor,
        }
    }

    pub(super) fn put(&self, sheet: &mut Picture, image: &Picture, left: usize, top: usize) {
        let image = image.scaled(self.factor);
        let (right, down) = (
            (self.width - image.width()) / 2,
            (self.height - image.height()) / 2,
        );
        sheet.paste(&image, left + right, top + down);
    }
}
