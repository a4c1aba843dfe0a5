//! Folders of small pictures.

use std::fs;

use png::ColorType;

use super::*;
use crate::formats::png::tests::write;
use crate::{Dataset, LoadOptions, assemble::assemble};

fn grey(path: &Path, value: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(path, ColorType::Grayscale, 2, 1, &[value, value]);
}

fn load(dir: &Path) -> Result<Dataset> {
    load_folder(dir, &LoadOptions::default())
}

fn load_folder(dir: &Path, options: &LoadOptions) -> Result<Dataset> {
    assemble(find_folder(dir, options.framing)?, options)
}

#[test]
fn a_flat_folder_is_split_in_the_same_way_every_time() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..30 {
        grey(&dir.path().join(format!("{i:02}.png")), i);
    }
    fs::write(dir.path().join("notes.txt"), "not an image").unwrap();
    let set = load(dir.path()).unwrap();
    assert_eq!(
        (set.train.len(), set.validation.len(), set.test.len()),
        (25, 2, 3)
    );
    assert!(set.train.pixels().is_sorted() && set.train.labels().is_none());
    assert_eq!(set.fingerprint, load(dir.path()).unwrap().fingerprint);
    assert!(
        set.source
            .contains("3 of the training images held out for test"),
        "{}",
        set.source
    );
}

#[test]
fn the_first_images_are_of_all_classes() {
    let dir = tempfile::tempdir().unwrap();
    for (class, count) in [("cat", 3), ("dog", 1), ("emu", 2)] {
        for i in 0..count {
            grey(&dir.path().join(format!("train/{class}/{i}.png")), i);
        }
    }
    let options = LoadOptions {
        test: 0,
        validation: 0,
        ..LoadOptions::default()
    };
    let set = load_folder(dir.path(), &options).unwrap();
    assert_eq!(set.train.labels(), Some(&[0, 1, 2, 0, 2, 0][..]));
}

#[test]
fn folders_of_splits_and_classes() {
    let dir = tempfile::tempdir().unwrap();
    grey(&dir.path().join("train/dog/a.PNG"), 1);
    grey(&dir.path().join("train/cat/b.png"), 2);
    grey(&dir.path().join("valid/dog/c.png"), 3);
    grey(&dir.path().join("test/emu/d.png"), 4);
    let set = load(dir.path()).unwrap();
    assert_eq!(set.classes, ["cat", "dog", "emu"]);
    assert_eq!(
        (set.train.pixels(), set.train.labels()),
        (&[2, 2, 1, 1][..], Some(&[0, 1][..]))
    );
    assert_eq!(set.validation.labels(), Some(&[1][..]));
    assert_eq!(
        (set.test.pixels(), set.test.labels()),
        (&[4, 4][..], Some(&[2][..]))
    );
    assert_eq!(set.source, format!("pictures in {}", dir.path().display()));
}

#[test]
fn different_sizes_name_both_files() {
    let dir = tempfile::tempdir().unwrap();
    grey(&dir.path().join("train/a.png"), 1);
    fs::create_dir(dir.path().join("test")).unwrap();
    write(
        &dir.path().join("test/b.png"),
        ColorType::Grayscale,
        1,
        1,
        &[1],
    );
    let error = load(dir.path()).unwrap_err().to_string();
    assert!(
        error.contains("a.png is 1x1x2") && error.contains("b.png is 1x1x1"),
        "{error}"
    );
}

#[test]
fn muddled_and_empty_folders_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(load(dir.path()), Err(Error::NoImages { .. })));
    grey(&dir.path().join("cat/a.png"), 1);
    grey(&dir.path().join("b.png"), 1);
    assert!(
        load(dir.path())
            .unwrap_err()
            .to_string()
            .contains("beside class folders")
    );
    let dir = tempfile::tempdir().unwrap();
    grey(&dir.path().join("train/cat/a.png"), 1);
    grey(&dir.path().join("test/b.png"), 1);
    assert!(
        load(dir.path())
            .unwrap_err()
            .to_string()
            .contains("some splits have class")
    );
}

#[test]
fn masks_of_small_values_count_as_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..20 {
        grey(&dir.path().join(format!("{i:02}.png")), i % 2);
    }
    let set = load(dir.path()).unwrap();
    assert_eq!(
        (set.native_levels(), set.native_from.as_str()),
        (2, "the largest value is 1")
    );
    let options = LoadOptions {
        native_levels: Some(256),
        ..LoadOptions::default()
    };
    let set = load_folder(dir.path(), &options).unwrap();
    assert_eq!(
        (set.native_levels(), set.native_from.as_str()),
        (256, "as told")
    );
    // The largest value of any split decides.
    grey(&dir.path().join("a/train/x.png"), 1);
    grey(&dir.path().join("a/test/x.png"), 9);
    assert_eq!(load(&dir.path().join("a")).unwrap().native_levels(), 10);
}

#[test]
fn jpegs_are_read_beside_pngs_by_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    grey(&dir.path().join("a.png"), 200);
    let jpeg = |name: &str, color, pixels: &[u8]| {
        let encoder = jpeg_encoder::Encoder::new_file(dir.path().join(name), 100).unwrap();
        encoder.encode(pixels, 2, 1, color).unwrap();
    };
    jpeg("b.JPG", jpeg_encoder::ColorType::Luma, &[100, 100]);
    jpeg("c.png", jpeg_encoder::ColorType::Luma, &[50, 50]); // in spite of its name
    let options = LoadOptions {
        test: 0,
        validation: 0,
        ..LoadOptions::default()
    };
    let set = load_folder(dir.path(), &options).unwrap();
    assert_eq!(set.train.pixels(), [200, 200, 100, 100, 50, 50]);
    jpeg("d.jpeg", jpeg_encoder::ColorType::Rgb, &[9; 6]);
    let mixed = load(dir.path()).unwrap_err().to_string();
    assert!(
        mixed.contains("a.png has 1 channel (grey)")
            && mixed.contains("d.jpeg has 3 channels (colour)"),
        "{mixed}"
    );
    fs::write(dir.path().join("d.jpeg"), "GIF89a").unwrap();
    let other = load(dir.path()).unwrap_err().to_string();
    assert!(
        other.contains("d.jpeg: neither a PNG nor a JPEG"),
        "{other}"
    );
}

/// A folder of grey pictures of these heights and widths, with different values everywhere.
fn sizes(sizes: &[[u32; 2]]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (i, &[height, width]) in sizes.iter().enumerate() {
        let pixels: Vec<u8> = (0..height * width).map(|v| (v * 3 % 256) as u8).collect();
        let path = dir.path().join(format!("{i:02}.png"));
        write(&path, ColorType::Grayscale, width, height, &pixels);
    }
    dir
}

fn framed(dir: &Path, resize: Option<[usize; 2]>, crop: Option<[usize; 2]>) -> Result<Dataset> {
    let options = LoadOptions {
        framing: Framing { resize, crop },
        ..LoadOptions::default()
    };
    crate::load(&crate::Source::Path(dir.to_path_buf()), &options)
}

#[test]
fn pictures_of_different_sizes_are_made_to_fit() {
    let dir = sizes(&[[9, 12], [20, 9], [8, 8], [30, 31]]);
    let refused = framed(dir.path(), None, None).unwrap_err().to_string();
    assert!(
        refused.contains("--resize HxW") && refused.contains("--crop HxW"),
        "{refused}"
    );
    let set = framed(dir.path(), Some([8, 6]), None).unwrap();
    assert_eq!(
        (set.train.len(), set.shape().to_string().as_str()),
        (2, "1x8x6")
    );
    assert!(set.source.contains("; resized to 8x6; "), "{}", set.source);

    let set = framed(dir.path(), None, Some([8, 8])).unwrap();
    assert_eq!(
        (set.shape().to_string().as_str(), set.train.len()),
        ("1x8x8", 2)
    );
    let said = "; windows of 8x8 of pictures of different sizes; ";
    assert!(set.source.contains(said), "{}", set.source);
    let again = framed(dir.path(), None, Some([8, 8])).unwrap();
    assert_eq!(set.fingerprint, again.fingerprint);

    let set = framed(dir.path(), Some([10, 10]), Some([8, 8])).unwrap();
    assert_eq!(set.shape().to_string(), "1x8x8");
    let said = "; resized to 10x10; windows of 8x8; ";
    assert!(set.source.contains(said), "{}", set.source);

    let small = framed(dir.path(), None, Some([9, 8]))
        .unwrap_err()
        .to_string();
    assert!(
        small.contains("02.png is 1x8x8") && small.contains("--crop 9x8"),
        "{small}"
    );
}

#[test]
fn what_is_scaled_down_keeps_the_levels_of_the_originals() {
    let dir = tempfile::tempdir().unwrap();
    let mut pixels = [20; 400];
    pixels[0] = 255; // one light corner, gone after scaling
    write(
        &dir.path().join("a.png"),
        ColorType::Grayscale,
        20,
        20,
        &pixels,
    );
    let set = framed(dir.path(), Some([2, 2]), None).unwrap();
    assert!(set.train.pixels().iter().all(|&value| value < 64));
    assert_eq!(set.native_levels(), 256);
}
