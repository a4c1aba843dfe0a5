//! The real files, where a checkout has them beside it; skipped, saying so, where not.

use std::path::PathBuf;

use ar_data::{Encoding, LoadOptions, Shape, Source, load};

/// A folder of data beside the checkout.
#[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
fn beside(name: &str) -> Option<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if !dir.exists() {
        println!("skipped: no {}", dir.display());
        return None;
    }
    Some(dir)
}

fn options() -> LoadOptions {
    LoadOptions {
        cache_dir: None,
        download: false,
        ..LoadOptions::default()
    }
}

#[test]
fn mnist() {
    let Some(dir) = beside("mnist") else { return };
    let set = load(&Source::Path(dir), &options()).unwrap();
    assert_eq!(
        (set.shape(), set.native_levels()),
        (Shape::new(1, 28, 28), 256)
    );
    assert_eq!(
        [set.train.len(), set.validation.len(), set.test.len()],
        [55_000, 5_000, 10_000]
    );
    // Figures everybody knows of the test images: the first digits, and the mean.
    assert_eq!(set.test.labels().unwrap()[..8], [7, 2, 1, 0, 4, 1, 4, 9]);
    let pixels = set.test.pixels();
    let mean = pixels.iter().map(|&v| f64::from(v)).sum::<f64>() / pixels.len() as f64;
    assert!((mean / 255.0 - 0.1325).abs() < 1e-3, "{mean}");
}

#[test]
fn cifar_10() {
    let Some(dir) = beside("cifar-10-batches-bin") else {
        return;
    };
    let set = load(&Source::Path(dir), &options()).unwrap();
    assert_eq!(set.shape(), Shape::new(3, 32, 32));
    assert_eq!(
        [set.train.len(), set.validation.len(), set.test.len()],
        [9_000, 1_000, 2_000]
    );
    assert!(
        set.source
            .contains("1 of 5 training batches, 10000 records"),
        "{}",
        set.source
    );
    assert_eq!(set.classes[9], "truck");
}

#[test]
fn a_palette_of_cifar_10() {
    let Some(dir) = beside("cifar-10-batches-bin") else {
        return;
    };
    let set = load(&Source::Path(dir), &options()).unwrap();
    let encoding = Encoding::palette(&set.train, 128).unwrap();
    let (mut squares, mut used) = (0.0, vec![false; 128]);
    for i in 0..set.test.len() {
        let mut levels = Vec::new();
        encoding.encode(&set.test, i, 0, &mut levels).unwrap();
        let decoded = encoding.decode(&levels);
        let image = set.test.image(i);
        let values = decoded.iter().zip(image.iter());
        squares += values
            .map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2))
            .sum::<f64>();
        for level in levels {
            used[level as usize] = true;
        }
    }
    // 30.56 when this was written; a worse minimum or a wrong neighbour would cost more than the margin.
    let decibels = 10.0 * (255f64.powi(2) * set.test.pixels().len() as f64 / squares).log10();
    assert!(decibels > 30.3, "{decibels}");
    assert!(used.iter().all(|&used| used));
}

#[test]
fn binary_vectors() {
    let Some(dir) = beside("vectors") else { return };
    for (file, dims, sizes) in [
        ("dna.npz", 180, [1_400, 600, 1_186]),
        ("mushrooms.npz", 112, [2_000, 500, 5_624]),
    ] {
        let set = load(&Source::Path(dir.join(file)), &options()).unwrap();
        assert_eq!(
            (set.shape(), set.native_levels()),
            (Shape::new(1, 1, dims), 2)
        );
        assert_eq!(
            [set.train.len(), set.validation.len(), set.test.len()],
            sizes
        );
    }
}
