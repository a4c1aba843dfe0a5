//! Sources from the outside: where sets are looked for, what `auto` takes, what is refused.

use std::fs;
use std::path::Path;

use ar_data::{Error, Fetched, LoadOptions, Source, fetch, list, load, read_images, write_npy};

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
    assert!(
        set.source
            .contains("MNIST is not here (downloading is off)"),
        "{}",
        set.source
    );
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
    assert_eq!(present(), [false, false, true]);
    let folder = dir.path().join("cache/mnist");
    put_mnist(&folder).unwrap();
    assert_eq!(present(), [true, false, true]);
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
            .contains("not an IDX, PNG, npy or npz file")
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
        read_images(&idx)
            .unwrap_err()
            .to_string()
            .contains("give a single PNG or npy file")
    );
}
