//! Pictures larger than the window that is seen of them.

use rand_chacha::ChaCha8Rng;

use crate::random;

/// Where the values of a picture begin, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) start: usize,
    /// Height and width.
    pub(crate) size: [usize; 2],
}

/// Pictures of these sizes, one after the other, and how many values they have.
pub(crate) fn frames(
    channels: usize,
    sizes: impl IntoIterator<Item = [usize; 2]>,
) -> (Vec<Frame>, usize) {
    let mut end = 0;
    let frame = |size: [usize; 2]| {
        let start = end;
        end += channels * size[0] * size[1];
        Frame { start, size }
    };
    let frames = sizes.into_iter().map(frame).collect();
    (frames, end)
}

/// The upper left corner of the window in the middle.
pub(crate) fn middle(size: [usize; 2], window: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis: usize| size[axis].saturating_sub(window[axis]) / 2)
}

/// The upper left corner of a window, each place as likely as the others.
pub(crate) fn anywhere(size: [usize; 2], window: [usize; 2], rng: &mut ChaCha8Rng) -> [usize; 2] {
    [0, 1].map(|axis: usize| {
        let places = size[axis].saturating_sub(window[axis]) + 1;
        random::below(rng, places as u32) as usize
    })
}

/// Appends the window at `corner` of each plane of a picture.
pub(crate) fn cut<T: Copy>(
    picture: &[T],
    [height, width]: [usize; 2],
    [top, left]: [usize; 2],
    window: [usize; 2],
    out: &mut Vec<T>,
) {
    for plane in picture.chunks_exact(height * width) {
        for row in plane.chunks_exact(width).skip(top).take(window[0]) {
            out.extend_from_slice(&row[left..left + window[1]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Binarization, Encoding, Epoch, Images, Shape, Split, Traversal};

    /// Pictures of two channels, 3x4, 2x2 and 5x3 pixels, whose values are all different.
    fn pictures() -> Images {
        let sizes = vec![[3, 4], [2, 2], [5, 3]];
        let labels = Some(vec![7, 8, 9]);
        Images::windows(Shape::new(2, 2, 2), 256, (0..62).collect(), sizes, labels).unwrap()
    }

    fn middles(images: &Images) -> Vec<Vec<u16>> {
        (0..images.len())
            .map(|i| images.image(i).into_owned())
            .collect()
    }

    #[test]
    fn an_image_is_the_middle_of_its_picture() {
        let images = pictures();
        assert_eq!((images.len(), images.shape()), (3, Shape::new(2, 2, 2)));
        assert_eq!(
            middles(&images),
            [
                [1, 2, 5, 6, 13, 14, 17, 18],
                [24, 25, 26, 27, 28, 29, 30, 31],
                [35, 36, 38, 39, 50, 51, 53, 54]
            ]
        );
        let mut levels = Vec::new();
        let native = Encoding::native(256).unwrap();
        native.encode(&images, 2, 0, &mut levels).unwrap();
        assert_eq!(levels, [35, 36, 38, 39, 50, 51, 53, 54]);
    }

    #[test]
    fn selections_keep_pictures_labels_and_identities() {
        let images = pictures();
        let all = middles(&images);
        for (part, expected) in [
            (images.select(&[2, 0, 2]).unwrap(), vec![2, 0, 2]),
            (images.slice(1..3).unwrap(), vec![1, 2]),
            (images.slice(3..3).unwrap(), vec![]),
            (images.clone().limit(2), vec![0, 1]),
            (images.clone().limit(9), vec![0, 1, 2]),
            (images.empty_like(), vec![]),
        ] {
            let found = middles(&part);
            assert_eq!(found.len(), expected.len());
            for (i, &was) in expected.iter().enumerate() {
                assert_eq!(found[i], all[was]);
                assert_eq!(
                    (part.id(i) as usize, part.label(i)),
                    (was, images.label(was))
                );
            }
        }
        let moved = images.select(&[2, 1]).unwrap().into_split(Split::Test);
        assert_eq!((moved.id(0), moved.split()), (0, Split::Test));
        assert_eq!(middles(&moved), [all[2].clone(), all[1].clone()]);
    }

    #[test]
    fn other_native_levels_keep_the_pictures() {
        let images = pictures();
        let fewer = images.clone().with_native_levels(62).unwrap();
        assert_eq!(fewer.native_levels(), 62);
        assert_eq!(middles(&fewer), middles(&images));
        let refused = images.clone().with_native_levels(61);
        assert!(matches!(
            refused,
            Err(crate::Error::LevelOutOfRange {
                value: 61,
                levels: 61
            })
        ));
        assert!(images.with_native_levels(1 << 17).is_err());
    }

    #[test]
    fn pictures_of_the_size_of_the_window_are_images_like_any() {
        let shape = Shape::new(1, 2, 3);
        let pixels: Vec<u16> = (0..12).collect();
        let windows = Images::windows(shape, 16, pixels.clone(), vec![[2, 3]; 2], None).unwrap();
        assert_eq!(windows, Images::new(shape, 16, pixels, None).unwrap());
        assert!(windows.picture_sizes().is_none());
    }

    #[test]
    fn training_sees_every_place_and_the_same_ones_again() {
        let images = Images::windows(
            Shape::new(1, 1, 2),
            16,
            (0..15).collect(),
            vec![[3, 5]],
            None,
        );
        let images = Arc::new(images.unwrap());
        let seen = |seed, epoch| {
            let traversal = Traversal::Shuffled { seed, epoch };
            let native = Encoding::native(16).unwrap();
            let epoch = Epoch::new(Arc::clone(&images), native, 1, traversal).unwrap();
            epoch.batch(0).unwrap().levels
        };
        let mut places: Vec<u32> = (0..2_400).map(|epoch| seen(1, epoch)[0]).collect();
        assert_eq!(places[..8], PINNED); // changes the batches of every run on windows made before
        assert!((0..50).all(|epoch| seen(1, epoch) == seen(1, epoch)));
        assert!((0..50).any(|epoch| seen(1, epoch) != seen(2, epoch)));
        places.sort_unstable();
        let counts = places
            .chunk_by(|a, b| a == b)
            .map(|run| (run[0], run.len()));
        let (places, counts): (Vec<u32>, Vec<usize>) = counts.unzip();
        assert_eq!(places, [0, 1, 2, 3, 5, 6, 7, 8, 10, 11, 12, 13]);
        assert!(counts.iter().all(|n| (140..260).contains(n)), "{counts:?}");
        let native = Encoding::native(16).unwrap();
        let scoring = Epoch::new(images, native, 1, Traversal::Sequential).unwrap();
        assert_eq!(scoring.batch(0).unwrap().levels, [6, 7]);
    }

    const PINNED: [u32; 8] = [10, 1, 2, 10, 2, 12, 8, 1];

    #[test]
    fn a_place_belongs_to_the_image_and_not_to_its_batch() {
        let sizes = vec![[4, 4]; 40];
        let pixels = (0..640).collect();
        let images = Images::windows(Shape::new(1, 2, 2), 1024, pixels, sizes, None).unwrap();
        let seen = |images: Images, size| {
            let traversal = Traversal::Shuffled { seed: 3, epoch: 5 };
            let native = Encoding::native(1024).unwrap();
            let epoch = Epoch::new(Arc::new(images), native, size, traversal).unwrap();
            let batches = (0..epoch.len()).flat_map(|i| epoch.batch(i).unwrap().levels);
            let mut windows: Vec<Vec<u32>> = batches
                .collect::<Vec<_>>()
                .chunks(4)
                .map(<[u32]>::to_vec)
                .collect();
            windows.sort_unstable();
            windows
        };
        let all = seen(images.clone(), 7);
        assert_eq!(all, seen(images.clone(), 40));
        let part = seen(images.slice(10..20).unwrap(), 3);
        assert_eq!(part, all[10..20]);
    }

    #[test]
    fn a_fixed_draw_does_not_depend_on_the_place() {
        let pixels = vec![128; 400];
        let images = Images::windows(Shape::new(1, 6, 6), 256, pixels, vec![[20, 20]], None);
        let images = Arc::new(images.unwrap());
        let fixed = Encoding::binary(256, Binarization::Fixed { seed: 1 }).unwrap();
        let mut whole = Vec::new();
        let who = (Split::Train, 0, 0);
        Binarization::Fixed { seed: 1 }.encode(256, images.pixels(), who, &mut whole);
        for epoch in 0..20 {
            let traversal = Traversal::Shuffled { seed: 2, epoch };
            let batches = Epoch::new(Arc::clone(&images), fixed.clone(), 1, traversal).unwrap();
            let seen = batches.batch(0).unwrap().levels;
            let found = (0..15 * 15).any(|place| {
                let mut window = Vec::new();
                cut(
                    &whole,
                    [20, 20],
                    [place / 15, place % 15],
                    [6, 6],
                    &mut window,
                );
                window == seen
            });
            assert!(found, "epoch {epoch}");
        }
    }
}
