//! Palettes found in images.

use super::nearest::squared;
use crate::{Encoding, Error, Images, Palette, Result, Shape, random};

/// `n` images of `shape` whose pixels come from `colour`, which gets a draw below 1,000.
fn images(n: usize, shape: Shape, colour: impl Fn(u32) -> [u8; 3]) -> Images {
    let mut rng = random::stream("test images", &[]);
    let positions = shape.height * shape.width;
    let mut pixels = Vec::new();
    for _ in 0..n {
        let colours: Vec<[u8; 3]> = (0..positions)
            .map(|_| colour(random::below(&mut rng, 1000)))
            .collect();
        for channel in 0..3 {
            pixels.extend(colours.iter().map(|colour| u16::from(colour[channel])));
        }
    }
    Images::new(shape, 256, pixels, None).unwrap()
}

/// A curve through RGB with 1,000 places.
fn curve(t: u32) -> [u8; 3] {
    [t / 4, (t * 7 / 10) % 256, 255 - t * t / 3922].map(|v| v as u8)
}

/// Squared error of a pixel, on average.
fn error(encoding: &Encoding, images: &Images) -> f64 {
    let mut sum = 0;
    for i in 0..images.len() {
        let mut levels = Vec::new();
        encoding.encode(images, i, 0, &mut levels).unwrap();
        let decoded = encoding.decode(&levels);
        let (was, is) = (
            Palette::pixels(images.picture(i).0),
            Palette::pixels(&decoded),
        );
        sum += was.zip(is).map(|(a, b)| squared(a, b)).sum::<u32>();
    }
    f64::from(sum) / (images.pixels().len() / 3) as f64
}

#[test]
fn images_of_k_colours_come_back_exactly_in_the_shape_of_the_data() {
    let images = images(7, Shape::new(3, 5, 6), |t| curve(t / 100 * 100));
    let encoding = Encoding::palette(&images, 10).unwrap();
    assert_eq!(encoding.shape(images.shape()), Shape::new(1, 5, 6));
    assert_eq!((encoding.levels(), encoding.native_levels()), (10, 256));
    for i in 0..images.len() {
        let mut levels = Vec::new();
        encoding.encode(&images, i, 0, &mut levels).unwrap();
        assert_eq!(levels.len(), 30);
        assert_eq!(encoding.decode(&levels), *images.image(i));
        let shown = encoding.display(&levels).into_iter().map(u16::from);
        assert!(shown.eq(images.image(i).iter().copied()));
    }
}

#[test]
fn a_rare_colour_among_many_pixels_is_kept() {
    // More pixels than are sampled, and all but four of them black.
    let shape = Shape::new(3, 500, 500);
    let mut pixels = vec![0; shape.dims()];
    for (i, position) in [17, 90_000, 180_001, 249_999].into_iter().enumerate() {
        pixels[position] = 50 * (i as u16 + 1);
    }
    let images = Images::new(shape, 256, pixels, None).unwrap();
    let exact = Encoding::palette(&images, 5).unwrap();
    assert_eq!(error(&exact, &images), 0.0);
    let four = Palette::fit(&images, 4).unwrap();
    assert_eq!(four.colours()[0], [0, 0, 0]);
    assert_eq!(four.levels(), 4);
}

#[test]
fn more_colours_are_nearer_to_the_images() {
    let images = images(20, Shape::new(3, 16, 16), curve);
    let error = |k| error(&Encoding::palette(&images, k).unwrap(), &images);
    let errors = [2, 4, 8, 16, 64, 256].map(error);
    assert!(
        errors.windows(2).all(|pair| pair[1] < 0.8 * pair[0]),
        "{errors:?}"
    );
    // Evenly spaced along a curve of length L, each of k colours serves a piece of length L / k, whose
    // squared error is (L / k)² / 12.
    let length: f64 = (1..1000)
        .map(|t| f64::from(squared(curve(t), curve(t - 1))).sqrt())
        .filter(|&step| step < 100.0)
        .sum();
    assert!(
        errors[3] < 1.5 * (length / 16.0).powi(2) / 12.0,
        "{errors:?}"
    );
}

#[test]
fn the_same_images_give_the_same_palette_from_dark_to_light() {
    let images = images(900, Shape::new(3, 16, 16), curve); // more pixels than are sampled
    let palette = Palette::fit(&images, 32).unwrap();
    let one_thread = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .build()
        .unwrap();
    let again = one_thread.install(|| Palette::fit(&images, 32)).unwrap();
    assert_eq!(palette, again);
    let light = |[r, g, b]: [u8; 3]| 2126 * u32::from(r) + 7152 * u32::from(g) + 722 * u32::from(b);
    assert!(palette.colours().is_sorted_by_key(|&colour| light(colour)));
    assert_eq!(palette.colours()[..3], PINNED); // changes what later runs are comparable with
}

const PINNED: [[u8; 3]; 3] = [[4, 11, 255], [94, 7, 219], [12, 35, 255]];

#[test]
fn it_is_written_as_text_and_read_back() {
    let palette = Palette::new(vec![[255, 0, 16], [1, 2, 3]]).unwrap();
    let json = serde_json::to_string(&palette).unwrap();
    assert_eq!(json, r#""ff0010010203""#);
    let read: Palette = serde_json::from_str(&json).unwrap();
    assert_eq!(read, palette);
    assert_eq!(read.level([250, 9, 9]), 0);
    assert_eq!((read.colour(1), read.colour(7)), ([1, 2, 3], [1, 2, 3]));
    for (bad, why) in [
        ("ff001001020", "six hexadecimal digits"),
        ("ff00100102+3", "six hexadecimal digits"),
        ("ff001001é3", "six hexadecimal digits"),
        ("ff0010", "between 2 and 4096"),
        ("ff0010ff0010", "free of equal colours"),
    ] {
        let refused: serde_json::Result<Palette> = serde_json::from_value(bad.into());
        let said = refused.unwrap_err().to_string();
        assert!(said.contains(why), "{bad}: {said}");
    }
}

#[test]
fn what_cannot_have_a_palette_is_refused() {
    let rgb = images(2, Shape::new(3, 4, 4), |t| [t as u8 % 5, 0, 0]);
    for k in [0, 1, 4097] {
        let refused = Palette::fit(&rgb, k);
        assert!(matches!(
            refused,
            Err(Error::Option {
                option: "--palette",
                ..
            })
        ));
    }
    let few = Palette::fit(&rgb, 6).unwrap_err();
    assert!(matches!(
        few,
        Error::FewColours {
            asked: 6,
            distinct: 5
        }
    ));
    assert!(few.to_string().contains("--palette 6"), "{few}");
    let none = rgb.clone().limit(0);
    assert!(matches!(
        Palette::fit(&none, 2),
        Err(Error::FewColours { distinct: 0, .. })
    ));

    let grey = Images::new(Shape::new(1, 4, 4), 256, vec![0; 16], None).unwrap();
    let binary = Images::new(Shape::new(3, 2, 2), 2, vec![0; 12], None).unwrap();
    let palette = Encoding::palette(&rgb, 5).unwrap();
    for (images, expected) in [(&grey, (1, 256)), (&binary, (3, 2))] {
        let not_rgb = |result: Result<_>| match result {
            Err(Error::NotRgb { channels, levels }) => Some((channels, levels)),
            _ => None,
        };
        assert_eq!(not_rgb(Palette::fit(images, 2).map(drop)), Some(expected));
        let encoded = palette.encode(images, 0, 0, &mut Vec::new());
        assert_eq!(not_rgb(encoded), Some(expected));
    }
}
