//! Where in an image a model was astonished.

use anyhow::Result;

use super::canvas::Picture;
use super::heat::heat;
use super::text::words;

const PAPER: [u8; 3] = [255; 3];
/// Images are enlarged by a whole factor until their longer side has about this many pixels.
const COMFORTABLE: usize = 224;
/// Around the pictures and between them, and the scale below.
const GAP: usize = 8;
const LETTER: usize = 13;
const SCALE: usize = 80;

/// An image, and beside it the surprise at each of its pixels: `nats` of its size, black for 0 and pale yellow
/// for `most`, which the scale below says. `factor` page pixels for each pixel of the image, or as many as make
/// a small image large enough to look at. Vectors, images of one row, have it below.
///
/// # Errors
/// When there are not as many `nats` as pixels.
pub(crate) fn beside(
    image: &Picture,
    nats: &[f64],
    most: f64,
    factor: Option<usize>,
) -> Result<Picture> {
    let (width, height) = (image.width(), image.height());
    let usual = (COMFORTABLE / width.max(height).max(1)).max(1);
    let factor = factor.unwrap_or(usual);
    let colours: Vec<[u8; 3]> = nats.iter().map(|&n| heat(share(n, most))).collect();
    let planes: Vec<u8> = (0..3)
        .flat_map(|c| colours.iter().map(move |colour| colour[c]))
        .collect();
    let map = Picture::from_planes((3, height, width), &planes)?.scaled(factor);
    let image = image.scaled(factor);

    let (left, top) = match height {
        1 => (GAP, GAP + image.height() + GAP),
        _ => (GAP + image.width() + GAP, GAP),
    };
    let scale = scale(most);
    let foot = top + map.height() + GAP;
    let right = (left + map.width()).max(GAP + scale.width());
    let mut page = Picture::filled(right + GAP, foot + LETTER + GAP, PAPER).to_colour();
    page.paste(&image, GAP, GAP);
    page.paste(&map, left, top);
    page.paste(&scale, GAP, foot);
    Ok(page)
}

fn share(nats: f64, most: f64) -> f32 {
    if most > 0.0 {
        (nats / most) as f32
    } else {
        0.0
    }
}

/// Says what the colours mean.
fn scale(most: f64) -> Picture {
    let (zero, most) = (words("0", PAPER[0]), words(&told(most), PAPER[0]));
    let bar = zero.width() + GAP;
    let after = bar + SCALE + GAP;
    let mut row = Picture::filled(after + most.width(), LETTER, PAPER).to_colour();
    row.paste(&zero, 0, 0);
    for x in 0..SCALE {
        let colour = heat(x as f32 / (SCALE - 1) as f32);
        row.paste(&Picture::filled(1, LETTER, colour), bar + x, 0);
    }
    row.paste(&most, after, 0);
    row
}

fn told(most: f64) -> String {
    format!("{most:.2} nats/pixel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_astonishing_pixel_is_the_brightest() {
        let image = Picture::from_planes((1, 2, 3), &[9; 6]).unwrap();
        let page = beside(&image, &[0.0, 1.0, 2.0, 4.0, 0.5, 0.0], 4.0, Some(10)).unwrap();
        let map = GAP + 30 + GAP;
        let at = |x: usize, y: usize| page.rgb(map + 10 * x + 5, GAP + 10 * y + 5);
        assert_eq!([at(0, 0), at(2, 1)], [heat(0.0); 2]);
        assert_eq!([at(0, 1), at(2, 0)], [heat(1.0), heat(0.5)]);
        assert_eq!(page.rgb(GAP + 29, GAP + 19), [9; 3]);
        assert_eq!(page.rgb(GAP + 30, GAP), PAPER);
        assert!(beside(&image, &[0.0], 4.0, None).is_err());
    }

    #[test]
    fn small_images_are_enlarged_and_vectors_lie_below_each_other() {
        let of = |height, width, most| {
            let image = Picture::filled(width, height, [0; 3]);
            let page = beside(&image, &vec![0.0; width * height], most, None).unwrap();
            (page.width(), page.height())
        };
        let foot = GAP + LETTER + GAP;
        assert_eq!(of(28, 28, 1.0), (3 * GAP + 2 * 224, GAP + 224 + foot));
        assert_eq!(of(300, 300, 0.0), (3 * GAP + 2 * 300, GAP + 300 + foot));
        assert_eq!(of(1, 500, 1.0), (2 * GAP + 500, GAP + 1 + GAP + 1 + foot));
    }
}
