//! A palette from images.

use super::k_means::{Point, k_means};
use crate::{Error, Images, Palette, Result, random};

/// Pixels that the means are found from, if there are more.
const SAMPLE: usize = 200_000;
/// RGB colours of 8 bits.
const COLOURS: usize = 1 << 24;

impl Palette {
    /// The `k` colours that k-means finds in `train`, in all of each picture, from dark to light: the squared error in RGB over at
    /// most 200,000 pixels, drawn by a fixed stream of random numbers, ends in a local minimum. The same
    /// images give the same palette everywhere. Where the images have just `k` colours, it is these.
    ///
    /// # Errors
    /// When `k` is below 2 or above [`Palette::MAX_COLOURS`], the images are not RGB of 256 levels, or they
    /// have fewer than `k` different colours.
    pub fn fit(train: &Images, k: usize) -> Result<Self> {
        Self::check_size(k)?;
        Self::check(train)?;
        let seen = distinct(train);
        let mut colours = match seen.len() {
            distinct if distinct < k => return Err(Error::FewColours { asked: k, distinct }),
            distinct if distinct == k => seen,
            _ => {
                let mut points = counted(sample(train));
                if points.len() < k {
                    // What most pixels are made of was drawn again and again; so the rare ones join in.
                    let rare = seen
                        .into_iter()
                        .take(SAMPLE)
                        .map(|colour| Point { colour, count: 1 });
                    points.extend(rare);
                    points.sort_unstable_by_key(|point| point.colour);
                    points.dedup_by(|rare, kept| {
                        let is_same = rare.colour == kept.colour;
                        kept.count += if is_same { rare.count } else { 0 };
                        is_same
                    });
                }
                k_means(
                    &points,
                    k,
                    &mut random::stream("palette means", &[k as u64]),
                )
            }
        };
        colours.sort_unstable_by_key(|&colour| (luminance(colour), colour));
        Self::new(colours)
    }
}

/// Ten thousand times the luminance of Rec. 709.
fn luminance([r, g, b]: [u8; 3]) -> u32 {
    2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b)
}

/// Every colour that occurs, once, in ascending order.
fn distinct(images: &Images) -> Vec<[u8; 3]> {
    let mut occurs = vec![0u64; COLOURS / 64];
    for i in 0..images.len() {
        for [r, g, b] in Palette::pixels(images.picture(i).0) {
            let colour = usize::from(r) << 16 | usize::from(g) << 8 | usize::from(b);
            occurs[colour / 64] |= 1 << (colour % 64);
        }
    }
    let colours = (0..COLOURS as u32).filter(|&c| occurs[c as usize / 64] >> (c % 64) & 1 == 1);
    colours
        .map(|colour| {
            let [_, r, g, b] = colour.to_be_bytes();
            [r, g, b]
        })
        .collect()
}

/// All pixels, or [`SAMPLE`] draws of them where there are more.
fn sample(images: &Images) -> Vec<[u8; 3]> {
    if images.pixels().len() <= 3 * SAMPLE {
        let images = (0..images.len()).map(|i| images.picture(i).0);
        return images.flat_map(Palette::pixels).collect();
    }
    let mut rng = random::stream("palette sample", &[]);
    (0..SAMPLE)
        .map(|_| {
            let i = random::below(&mut rng, images.len() as u32) as usize;
            let image = images.picture(i).0;
            let positions = image.len() / 3;
            let position = random::below(&mut rng, positions as u32) as usize;
            [0, 1, 2].map(|channel| image[channel * positions + position] as u8)
        })
        .collect()
}

/// Equal colours together.
fn counted(mut colours: Vec<[u8; 3]>) -> Vec<Point> {
    colours.sort_unstable();
    let runs = colours.chunk_by(|a, b| a == b);
    runs.map(|run| Point {
        colour: run[0],
        count: run.len() as u64,
    })
    .collect()
}
