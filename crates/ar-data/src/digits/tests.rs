//! What the set as a whole promises.

use super::draw;
use super::pen::{PIXELS, SIDE};

type Image = ([u8; PIXELS], u8);

fn first(seed: u64, n: u64) -> Vec<Image> {
    (0..n).map(|index| draw(seed, index)).collect()
}

/// Euclidean distance, in units of a pixel's full range.
fn distance(a: &[f32; PIXELS], b: &[f32; PIXELS]) -> f32 {
    std::iter::zip(a, b)
        .map(|(a, b)| (a - b) * (a - b))
        .sum::<f32>()
        .sqrt()
}

fn unit(image: &Image) -> [f32; PIXELS] {
    image.0.map(|level| f32::from(level) / 255.0)
}

fn mean(values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let n = values.len() as f32;
    values.sum::<f32>() / n
}

#[test]
fn an_image_is_a_function_of_seed_and_index() {
    assert_eq!(draw(5, 1_000_003), draw(5, 1_000_003));
    assert_eq!(draw(u64::MAX, u64::MAX), draw(u64::MAX, u64::MAX));
    let mut pixels: Vec<_> = first(5, 300)
        .into_iter()
        .chain(first(6, 300))
        .map(|image| image.0)
        .collect();
    pixels.sort_unstable();
    pixels.dedup();
    assert_eq!(
        pixels.len(),
        600,
        "two images of two small sets are the same"
    );
}

#[test]
fn the_first_hundred_images_are_pinned() {
    // FNV-1a. Another number means that every built-in set changed: say so in the changelog.
    let bytes = first(0, 100)
        .into_iter()
        .flat_map(|(pixels, label)| pixels.into_iter().chain([label]));
    let checksum = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    assert_eq!(checksum, 0xa7d3_ee05_bb82_611d, "{checksum:#018x}");
}

#[test]
fn every_run_of_ten_holds_every_digit_in_an_order_of_its_own() {
    let labels: Vec<u8> = first(1, 200).iter().map(|image| image.1).collect();
    for run in labels.chunks(10) {
        let mut sorted = run.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..10).collect::<Vec<u8>>());
    }
    assert_ne!(labels[..10], labels[10..20]);
    let other: Vec<u8> = first(2, 200).iter().map(|image| image.1).collect();
    assert_ne!(labels, other);
    // Every place of a run gets most digits sooner or later: 20 draws of 10 see about 8.8 of them.
    for place in 0..10 {
        let mut seen: Vec<u8> = labels[place..].iter().step_by(10).copied().collect();
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() >= 5, "place {place} only ever shows {seen:?}");
    }
}

#[test]
fn ink_is_as_in_mnist() {
    let images = first(3, 2000);
    let ink = mean(images.iter().map(|image| mean(unit(image).into_iter())));
    assert!(
        (0.10..0.16).contains(&ink),
        "mean intensity {ink}; MNIST has 0.13"
    );
    for image in &images {
        let ink = mean(unit(image).into_iter());
        assert!(
            (0.025..0.32).contains(&ink),
            "a {} with mean intensity {ink}",
            image.1
        );
        assert!(image.0.iter().max() > Some(&180), "a faint {}", image.1);
    }
    let black = images
        .iter()
        .flat_map(|image| image.0)
        .filter(|&level| level == 0)
        .count();
    let black = black as f32 / (images.len() * PIXELS) as f32;
    assert!(
        (0.75..0.87).contains(&black),
        "{black} of the pixels are black; MNIST has 0.81"
    );
    let mut used = [false; 256];
    images
        .iter()
        .flat_map(|image| image.0)
        .for_each(|level| used[usize::from(level)] = true);
    assert_eq!(used, [true; 256], "a grey level never occurs");
}

#[test]
fn glyphs_keep_their_size_and_stay_off_the_border() {
    for (pixels, label) in first(4, 2000) {
        let inked: Vec<usize> = (0..PIXELS).filter(|&i| pixels[i] > 64).collect();
        let rows = inked[inked.len() - 1] / SIDE - inked[0] / SIDE + 1;
        let left = inked.iter().map(|i| i % SIDE).min();
        let right = inked.iter().map(|i| i % SIDE).max();
        let columns = right.zip(left).map_or(0, |(right, left)| right - left + 1);
        assert!(
            (18..=22).contains(&rows.max(columns)),
            "a {label} of {columns}x{rows} pixels"
        );
        let on_border = |i: usize| {
            [i / SIDE, i % SIDE]
                .iter()
                .any(|&at| at == 0 || at == SIDE - 1)
        };
        assert!(
            (0..PIXELS).all(|i| pixels[i] == 0 || !on_border(i)),
            "a {label} on the border"
        );
    }
}

#[test]
fn digits_of_a_class_differ_and_classes_are_told_apart() {
    let (known, unknown) = (first(7, 2000), first(8, 1000));
    let mut means = vec![[0.0; PIXELS]; 10];
    for image in &known {
        let class = &mut means[usize::from(image.1)];
        std::iter::zip(class, unit(image)).for_each(|(sum, level)| *sum += level / 200.0);
    }
    let right = unknown.iter().filter(|image| {
        let pixels = unit(image);
        let nearest = (0..10)
            .min_by(|&a, &b| distance(&means[a], &pixels).total_cmp(&distance(&means[b], &pixels)));
        nearest == Some(usize::from(image.1))
    });
    let accuracy = right.count() as f32 / unknown.len() as f32;
    assert!(
        accuracy > 0.85,
        "the nearest class mean is right for {accuracy}; on MNIST for 0.80"
    );

    for digit in 0..10 {
        let same: Vec<_> = known
            .iter()
            .filter(|image| image.1 == digit)
            .map(unit)
            .collect();
        let apart = mean(same.windows(2).map(|pair| distance(&pair[0], &pair[1])));
        assert!(
            apart > 4.0,
            "two images of {digit} are {apart} apart on average"
        );
    }
}
