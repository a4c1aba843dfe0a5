//! Archives made with another writer.

use std::fs;
use std::io::Write as _;

use npyz::WriterBuilder as _;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::*;
use crate::{Dataset, Shape, assemble::assemble};

/// Writes byte arrays, by name and shape, every other one compressed.
fn write(path: &Path, arrays: &[(&str, &[u64], &[u8])]) {
    let mut zip = ZipWriter::new(File::create(path).unwrap());
    let methods = [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ];
    for ((name, shape, data), method) in arrays.iter().zip(methods.into_iter().cycle()) {
        let mut bytes = Vec::new();
        let npy = npyz::WriteOptions::new()
            .default_dtype()
            .shape(shape)
            .writer(&mut bytes);
        let mut npy = npy.begin_nd().unwrap();
        npy.extend(data.iter().copied()).unwrap();
        npy.finish().unwrap();
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
}

fn load(path: &Path) -> Result<Dataset> {
    load_with(path, &LoadOptions::default())
}

fn load_with(path: &Path, options: &LoadOptions) -> Result<Dataset> {
    assemble(find_npz(path, options)?, options)
}

#[test]
fn splits_by_name_share_their_levels() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let other = ("inputsize", &[][..], &[3][..]);
    write(
        &path,
        &[
            other,
            ("test_data", &[1, 3], &[0, 1, 9]),
            ("train_data", &[2, 3], &[1, 0, 1, 0, 0, 1]),
            ("valid_data", &[1, 3], &[1, 1, 1]),
            ("train_labels", &[2], &[1, 0]),
        ],
    );
    let set = load(&path).unwrap();
    let alone = crate::read_images(&path, &LoadOptions::default()).unwrap();
    assert_eq!((alone.pixels(), alone.len()), (&[0, 1, 9][..], 1));
    assert_eq!(set.shape(), Shape::new(1, 1, 3));
    assert_eq!(
        (set.train.len(), set.validation.len(), set.test.len()),
        (2, 1, 1)
    );
    assert_eq!(
        (set.native_levels(), set.train.labels()),
        (10, Some(&[1, 0][..]))
    );
    assert_eq!(set.classes, ["0", "1"]);
}

#[test]
fn other_names_and_single_sets() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    write(
        &path,
        &[
            ("x_train", &[2, 1, 2], &[1, 0, 1, 0]),
            ("x_test", &[1, 1, 2], &[0, 0]),
        ],
    );
    let set = load(&path).unwrap();
    assert_eq!((set.shape(), set.native_levels()), (Shape::new(1, 1, 2), 2));
    assert_eq!(
        (set.train.len(), set.validation.len(), set.test.len()),
        (1, 1, 1)
    );
    write(
        &path,
        &[
            ("images", &[3, 2], &[0; 6]),
            ("labels", &[3, 1], &[2, 1, 0]),
        ],
    );
    assert_eq!(load(&path).unwrap().classes.len(), 3);
    write(&path, &[("whatever", &[3, 2], &[0; 6])]);
    assert_eq!(load(&path).unwrap().train.len(), 1);
}

#[test]
fn floats_of_zeros_and_ones_simply_load() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let mut zip = ZipWriter::new(File::create(&path).unwrap());
    for (name, shape, data) in [
        ("train_data", &[2, 2][..], &[0f32, 1.0, 1.0, 0.0][..]),
        ("valid_data", &[1, 2], &[1.0, 1.0]),
        ("test_data", &[1, 2], &[0.0, 1.0]),
        ("train_labels", &[2], &[1.0, 0.0]),
    ] {
        let mut bytes = Vec::new();
        let npy = npyz::WriteOptions::new().default_dtype().shape(shape);
        let mut npy = npy.writer(&mut bytes).begin_nd().unwrap();
        npy.extend(data.iter().copied()).unwrap();
        npy.finish().unwrap();
        let options = SimpleFileOptions::default();
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(&bytes).unwrap();
    }
    zip.finish().unwrap();
    let set = load(&path).unwrap();
    assert_eq!(
        (set.native_levels(), set.train.pixels()),
        (2, &[0, 1, 1, 0][..])
    );
    assert_eq!(set.train.labels(), Some(&[1, 0][..]));
}

#[test]
fn options_reach_the_arrays_and_their_problems_name_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let data: Vec<u8> = (0..60).collect();
    write(
        &path,
        &[
            ("x_train", &[1, 5, 4, 3], &data),
            ("x_test", &[1, 6, 5, 2], &data),
        ],
    );
    let mut options = LoadOptions::default();
    let doubtful = load_with(&path, &options).unwrap_err().to_string();
    assert!(
        doubtful.contains("x_train.npy: an array of shape"),
        "{doubtful}"
    );
    options.layout = Some(crate::Layout::Nhwc);
    let mixed = load_with(&path, &options).unwrap_err().to_string();
    assert!(
        mixed.contains("x_train.npy has 3 channels") && mixed.contains("x_test.npy has 2"),
        "{mixed}"
    );
    write(&path, &[("x", &[1, 5, 4, 3], &data)]);
    options.native_levels = Some(59);
    let outside = load_with(&path, &options).unwrap_err().to_string();
    assert!(
        outside.contains("x.npz has the value 59") && outside.contains("--native-levels 59"),
        "{outside}"
    );
    options.native_levels = Some(60);
    assert_eq!(load_with(&path, &options).unwrap().native_from, "as told");
}

#[test]
fn bad_archives_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.npz");
    let problem = || load(&path).unwrap_err().to_string();
    write(&path, &[("a", &[1, 1], &[0]), ("b", &[1, 1], &[0])]);
    assert!(problem().contains("expected among: a, b"));
    write(&path, &[("x", &[2, 1], &[0, 1]), ("y", &[3], &[0, 1, 2])]);
    assert!(problem().contains("3 labels for the 2 images"));
    write(&path, &[("train", &[1, 1], &[0]), ("test", &[1, 1], &[0])]);
    let whole = fs::read(&path).unwrap();
    for len in (0..whole.len()).step_by(5) {
        fs::write(&path, &whole[..len]).unwrap();
        assert!(load(&path).is_err(), "{len} bytes");
    }
}
