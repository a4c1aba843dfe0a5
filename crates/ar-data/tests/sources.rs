//! Sources from the outside: where sets are looked for, what `auto` takes, what is refused.

use std::fs;
use std::path::Path;

use ar_data::{
    Error, Fetched, Framing, LoadOptions, Source, fetch, list, load, read_images, write_npy,
};

/// Three images of two rows and a column, raw IDX.
fn put_mnist(dir: &Path) -> std::io::Result<()> {
    fs::create_dir_all(dir)?;
    let images = [
        &[0, 0, 8, 3, 0, 0, 0, 3, 0, 0, 0, 2, 0, 0, 0, 1][..],
        &[1, 2, 3, 4, 5, 6],
    ]
    .concat();
    for stem in ["train", "t10k"] {
        fs::write(dir.join(format!("{stem}-images-idx3-ubyte")), &images)?;
        let labels = [0, 0, 8, 1, 0, 0, 0, 3, 7, 0, 9];
        fs::write(dir.join(format!("{stem}-labels-idx1-ubyte")), labels)?;
    }
    Ok(())
}

/// Nothing outside `dir` is looked at and nothing is downloaded.
fn options(dir: &Path) -> LoadOptions {
    LoadOptions {
        data_dir: Some(dir.join("data")),
        cache_dir: Some(dir.join("cache")),
        digits: 20,
        download: false,
        ..LoadOptions::default()
    }
}

#[test]
fn auto_takes_mnist_from_the_data_folder_or_the_cache_and_digits_otherwise() {
    for place in ["data", "data/mnist", "cache/mnist"] {
        let dir = tempfile::tempdir().unwrap();
        put_mnist(&dir.path().join(place)).unwrap();
        let set = load(&Source::Auto, &options(dir.path())).unwrap();
        assert_eq!(
            (set.name.as_str(), set.test.len(), set.classes.len()),
            ("mnist", 3, 10)
        );
        assert!(set.source.contains(place), "{}", set.source);
    }
    let dir = tempfile::tempdir().unwrap();
    let set = load(&Source::Auto, &options(dir.path())).unwrap();
    assert_eq!((set.name.as_str(), set.train.len()), ("digits", 20));
    assert_eq!(set.source, "built-in digits, 20 + 2 + 10 drawn");
}

#[test]
fn two_sets_in_one_folder_are_not_confused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    put_mnist(&data).unwrap();
    fs::write(data.join("data_batch_1.bin"), vec![7; 2 * 3073]).unwrap();
    let mnist = load(&Source::Mnist, &options(dir.path())).unwrap();
    assert_eq!((mnist.name.as_str(), mnist.shape().channels), ("mnist", 1));
    let cifar = load(&Source::Cifar10, &options(dir.path())).unwrap();
    assert_eq!(
        (cifar.name.as_str(), cifar.shape().channels),
        ("cifar10", 3)
    );
    assert_eq!(cifar.train.labels(), Some(&[7][..]));
}

#[test]
fn damaged_mnist_is_an_error_and_no_reason_for_digits() {
    let dir = tempfile::tempdir().unwrap();
    put_mnist(&dir.path().join("data")).unwrap();
    let path = dir.path().join("data/train-images-idx3-ubyte");
    let whole = fs::read(&path).unwrap();
    for len in 0..whole.len() {
        fs::write(&path, &whole[..len]).unwrap();
        let error = load(&Source::Auto, &options(dir.path())).unwrap_err();
        assert!(
            error.to_string().contains("train-images-idx3-ubyte"),
            "{len} bytes: {error}"
        );
    }
}

#[test]
fn a_named_set_that_is_missing_says_where_to_put_what() {
    let dir = tempfile::tempdir().unwrap();
    for (source, file) in [
        (Source::Mnist, "train-images-idx3-ubyte.gz"),
        (Source::Cifar10, "test_batch.bin"),
    ] {
        let error = load(&source, &options(dir.path())).unwrap_err();
        assert!(matches!(error, Error::Missing { .. }));
        let folder = dir.path().join("data").join(source.to_string());
        let text = error.to_string();
        assert!(
            text.contains(file) && text.contains(&folder.display().to_string()),
            "{text}"
        );
    }
}

#[test]
fn the_list_and_fetching_know_what_is_here() {
    let dir = tempfile::tempdir().unwrap();
    let present = || {
        list(&options(dir.path()))
            .iter()
            .map(|e| e.present)
            .collect::<Vec<_>>()
    };
    assert_eq!(present(), [false, false, true, true, true]);
    let folder = dir.path().join("cache/mnist");
    put_mnist(&folder).unwrap();
    assert_eq!(present(), [true, false, true, true, true]);
    let fetch = |name| fetch(name, &options(dir.path()));
    assert_eq!(fetch("mnist").unwrap(), Fetched::AlreadyHere(folder));
    assert_eq!(fetch("digits").unwrap(), Fetched::BuiltIn);
    assert!(matches!(
        fetch("cifar10"),
        Err(Error::Missing {
            name: "cifar10",
            ..
        })
    ));
    assert!(matches!(fetch("imagenet"), Err(Error::UnknownName { .. })));
}

#[test]
fn paths_are_recognised_by_what_they_hold() {
    let dir = tempfile::tempdir().unwrap();
    let idx = dir.path().join("idx");
    put_mnist(&idx).unwrap();
    let array = dir.path().join("without-an-ending");
    write_npy(&array, [2, 3, 1, 2], &(0..12).collect::<Vec<_>>()).unwrap();
    let load = |path: &Path| load(&Source::Path(path.to_path_buf()), &options(dir.path()));
    let set = load(&idx).unwrap();
    assert_eq!(
        (set.name.as_str(), set.train.len(), set.test.len()),
        ("idx", 2, 3)
    );
    assert_eq!(
        load(&idx.join("train-images-idx3-ubyte"))
            .unwrap()
            .train
            .len(),
        1
    );
    assert_eq!(load(&array).unwrap().shape().channels, 3);
    fs::write(&array, "some text").unwrap();
    assert!(
        load(&array)
            .unwrap_err()
            .to_string()
            .contains("not an IDX, PNG, JPEG, WAV, npy or npz file")
    );
    fs::write(&array, "").unwrap();
    assert!(
        load(&array)
            .unwrap_err()
            .to_string()
            .contains("an empty file")
    );
    assert!(matches!(
        load(&dir.path().join("nowhere")),
        Err(Error::Io { .. })
    ));
    assert!(matches!(load(dir.path()), Err(Error::NoImages { .. })));
    assert!(
        read_images(&idx, &options(dir.path()))
            .unwrap_err()
            .to_string()
            .contains("give a single PNG, JPEG, npy or npz file")
    );
}

#[test]
fn sets_with_names_have_256_levels_and_files_what_their_values_say() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    put_mnist(&data).unwrap();
    let named = load(&Source::Mnist, &options(dir.path())).unwrap();
    assert_eq!(
        (named.native_levels(), named.native_from.as_str()),
        (256, "the set's own")
    );
    let given = load(&Source::Path(data.clone()), &options(dir.path())).unwrap();
    assert_eq!(
        (given.native_levels(), given.native_from.as_str()),
        (7, "the largest value is 6")
    );
    let array = dir.path().join("x.npy");
    write_npy(&array, [1, 1, 1, 5], &[0, 1, 2, 3, 4]).unwrap();
    let images = read_images(&array, &options(dir.path())).unwrap();
    assert_eq!(images.native_levels(), 5);
    let told = LoadOptions {
        native_levels: Some(256),
        ..options(dir.path())
    };
    assert_eq!(read_images(&array, &told).unwrap().native_levels(), 256);
    let few = LoadOptions {
        native_levels: Some(4),
        ..options(dir.path())
    };
    let refused = read_images(&array, &few).unwrap_err().to_string();
    assert!(
        refused.contains("x.npy has the value 4") && refused.contains("--native-levels 4"),
        "{refused}"
    );
}

#[test]
fn a_single_picture_has_256_levels_and_as_a_set_what_its_values_say() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.png");
    let mut encoder = png::Encoder::new(fs::File::create(&path).unwrap(), 2, 1);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0, 1]).unwrap();
    writer.finish().unwrap();
    let images = read_images(&path, &options(dir.path())).unwrap();
    assert_eq!(images.native_levels(), 256);
    let set = load(&Source::Path(path), &options(dir.path())).unwrap();
    assert_eq!(set.native_levels(), 2);
}

#[test]
fn every_source_is_framed() {
    let dir = tempfile::tempdir().unwrap();
    put_mnist(&dir.path().join("data")).unwrap();
    fs::write(dir.path().join("data/data_batch_1.bin"), vec![7; 4 * 3073]).unwrap();
    let array = dir.path().join("x.npy");
    write_npy(&array, [20, 1, 4, 4], &(0..320).collect::<Vec<_>>()).unwrap();
    let with = |resize, crop| LoadOptions {
        framing: Framing { resize, crop },
        ..options(dir.path())
    };
    for source in [
        Source::Auto,
        Source::Mnist,
        Source::Cifar10,
        Source::Digits,
        Source::Path(array),
    ] {
        let set = load(&source, &with(Some([6, 5]), None)).unwrap();
        assert_eq!((set.shape().height, set.shape().width), (6, 5), "{source}");
        assert!(set.source.contains("resized to 6x5"), "{}", set.source);
        let set = load(&source, &with(None, Some([2, 1]))).unwrap();
        assert_eq!((set.shape().height, set.shape().width), (2, 1), "{source}");
        assert!(set.source.contains("windows of 2x1"), "{}", set.source);
        assert!(!set.source.contains("different"), "{}", set.source);
        let bad = load(&source, &with(Some([0, 1]), None)).unwrap_err();
        assert!(bad.to_string().starts_with("--resize"), "{bad}");
    }
}

#[test]
fn a_range_of_values_is_for_arrays() {
    let dir = tempfile::tempdir().unwrap();
    let told = LoadOptions {
        data_range: Some("0..10".parse().unwrap()),
        ..options(dir.path())
    };
    let refused = load(&Source::Digits, &told).unwrap_err().to_string();
    assert!(
        refused.starts_with("--data-range must be left out"),
        "{refused}"
    );
    let array = dir.path().join("x.npy");
    write_npy(&array, [2, 1, 1, 1], &[0, 10]).unwrap();
    let set = load(&Source::Path(array), &told).unwrap();
    assert_eq!(
        (set.native_levels(), set.native_from.as_str()),
        (256, "8 bits for the data range 0..10")
    );
    let mut pixels = [set.train.pixels(), set.test.pixels()].concat();
    pixels.sort_unstable();
    assert_eq!(pixels, [0, 255]);
}
