//! Encodings there and back.

use proptest::prelude::*;

use super::*;
use crate::Shape;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn decoded_levels_encode_to_themselves(native in 2usize..600, seed in 0usize..1000) {
        let levels = 2 + seed % (native - 1);
        let encoding = Encoding::levels_of(native, levels)?;
        let all: Vec<u32> = (0..levels as u32).collect();
        let images = Images::new(Shape::new(1, 1, levels), native, encoding.decode(&all), None)?;
        let mut out = Vec::new();
        encoding.encode(&images, 0, 0, &mut out)?;
        prop_assert_eq!(out, all);
    }

    #[test]
    fn decoded_binary_levels_encode_to_themselves(native in 2usize..600, seed: u64) {
        for how in [Binarization::Fixed { seed }, Binarization::Fresh { seed }, Binarization::Threshold] {
            let encoding = Encoding::binary(native, how)?;
            let images = Images::new(Shape::new(1, 1, 2), native, encoding.decode(&[0, 1]), None)?;
            let mut out = Vec::new();
            encoding.encode(&images, 0, seed, &mut out)?;
            prop_assert_eq!(out, [0, 1]);
        }
    }

    #[test]
    fn display_spreads_over_the_whole_range(levels in 2usize..=512) {
        let encoding = Encoding::native(levels)?;
        let shown = encoding.display(&(0..levels as u32).collect::<Vec<_>>());
        prop_assert_eq!((shown[0], shown[levels - 1]), (0, 255));
        prop_assert!(shown.is_sorted());
    }
}

#[test]
fn images_with_other_levels_are_refused() {
    let images = Images::new(Shape::new(1, 1, 1), 2, vec![1], None).unwrap();
    let encoding = Encoding::native(256).unwrap();
    let refused = encoding.encode(&images, 0, 0, &mut Vec::new());
    assert!(matches!(
        refused,
        Err(Error::EncodingMismatch {
            expected: 256,
            got: 2
        })
    ));
    let refused = Encoding::native(2)
        .unwrap()
        .encode(&images, 1, 0, &mut Vec::new());
    assert!(matches!(refused, Err(Error::Index { index: 1, len: 1 })));
}

#[test]
fn levels_that_tell_nothing_apart_are_refused() {
    let images = |native, pixels: &[u16]| {
        Images::new(
            Shape::new(1, 1, pixels.len()),
            native,
            pixels.to_vec(),
            None,
        )
        .unwrap()
    };
    // An array of 0..5 that counts as bytes, and 5 levels: all of it is level 0.
    let five = images(256, &[0, 4, 2, 3, 1]);
    let levels = Encoding::levels_of(256, 5).unwrap();
    let refused = levels.distinguishes(&five).unwrap_err();
    assert!(matches!(
        refused,
        Error::OneLevel {
            values: 5,
            levels: 5,
            native: 256
        }
    ));
    for part in [
        "5 values",
        "256 native levels",
        "--native-levels",
        "--levels",
    ] {
        assert!(refused.to_string().contains(part), "{refused}");
    }
    let threshold = Encoding::binary(256, Binarization::Threshold).unwrap();
    assert!(threshold.distinguishes(&five).is_err());
    assert!(threshold.distinguishes(&images(256, &[0, 200])).is_ok());
    for how in [
        Binarization::Fixed { seed: 1 },
        Binarization::Fresh { seed: 1 },
    ] {
        let drawn = Encoding::binary(256, how).unwrap();
        assert!(drawn.distinguishes(&five).is_ok());
    }
    assert!(levels.distinguishes(&images(256, &[0, 4, 60])).is_ok());
    assert!(levels.distinguishes(&images(256, &[3, 3])).is_ok()); // one value is one level
    assert!(levels.distinguishes(&five.clone().limit(0)).is_ok());
    assert!(
        Encoding::native(5)
            .unwrap()
            .distinguishes(&images(5, &[0, 4, 2]))
            .is_ok()
    );
    let other = Encoding::native(5).unwrap().distinguishes(&five);
    assert!(matches!(other, Err(Error::EncodingMismatch { .. })));
}

#[test]
fn configurations_keep_it_and_bad_ones_are_refused() {
    let fixed = Encoding::binary(256, Binarization::Fixed { seed: 7 }).unwrap();
    let levels = Encoding::levels_of(256, 4).unwrap();
    let palette = Palette::new(vec![[0, 0, 0], [255, 16, 1]]).unwrap();
    for (encoding, json) in [
        (Encoding::Palette(palette), r#"{"palette":"000000ff1001"}"#),
        (fixed, r#"{"binary":[{"fixed":{"seed":7}},256]}"#),
        (levels, r#"{"levels":{"native":256,"levels":4}}"#),
    ] {
        assert_eq!(serde_json::to_string(&encoding).unwrap(), json);
        assert_eq!(serde_json::from_str::<Encoding>(json).unwrap(), encoding);
    }
    let bad = r#"{"levels":{"native":256,"levels":257}}"#;
    let error = serde_json::from_str::<Encoding>(bad)
        .unwrap_err()
        .to_string();
    assert!(error.contains("between 2 and 256"), "{error}");
}
