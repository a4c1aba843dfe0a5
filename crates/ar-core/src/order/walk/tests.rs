use super::*;
use std::collections::HashSet;

const SIZES: [(usize, usize); 8] = [
    (1, 1),
    (1, 7),
    (7, 1),
    (2, 2),
    (5, 7),
    (8, 8),
    (28, 28),
    (6, 3),
];

const WALKS: [Walk; 10] = [
    Walk::Raster,
    Walk::SCurve,
    Walk::Hilbert,
    Walk::Spiral,
    Walk::Checkerboard,
    Walk::Random { seed: 3, member: 1 },
    Walk::CoarseToFine,
    Walk::Subscale(2),
    Walk::Subscale(3),
    Walk::Blocks(2, 3),
];

fn plain(walk: Walk) -> Scan {
    Scan {
        walk,
        ..Scan::RASTER
    }
}

fn walked(path: Scan, (height, width): (usize, usize)) -> Walked {
    path.walk_over(height, width)
}

fn named(name: &str, size: (usize, usize)) -> Walked {
    walked(name.parse().unwrap(), size)
}

/// How far apart successive pixels are, as rows and columns.
fn steps(positions: &[u32], width: usize) -> Vec<(usize, usize)> {
    let pairs = positions
        .windows(2)
        .map(|pair| (pair[0] as usize, pair[1] as usize));
    pairs
        .map(|(a, b)| {
            (
                (a / width).abs_diff(b / width),
                (a % width).abs_diff(b % width),
            )
        })
        .collect()
}

#[test]
fn every_walk_is_a_permutation() {
    for size in SIZES {
        let pixels = size.0 * size.1;
        for path in WALKS.into_iter().flat_map(|walk| plain(walk).symmetries()) {
            let Walked {
                mut positions,
                ends,
                lines,
                spacing,
            } = walked(path, size);
            positions.sort_unstable();
            assert!(
                positions.into_iter().eq(0..pixels as u32),
                "{path} on {size:?}"
            );
            assert!(ends.is_sorted_by(|a, b| a < b));
            assert!(ends.last().is_none_or(|&end| end as usize == pixels));
            assert!(lines.is_empty() || lines.len() == pixels);
            assert!(
                spacing.is_empty() || spacing.len() == pixels && spacing.iter().all(|&d| d > 0)
            );
        }
    }
}

#[test]
fn small_walks_are_as_described() {
    let cases = [
        ("raster", [0, 1, 2, 3, 4, 5, 6, 7, 8]),
        ("s-curve", [0, 1, 2, 5, 4, 3, 6, 7, 8]),
        ("spiral", [0, 1, 2, 5, 8, 7, 6, 3, 4]),
        ("checkerboard", [0, 2, 4, 6, 8, 1, 3, 5, 7]),
        ("subscale:2", [0, 2, 6, 8, 1, 7, 3, 5, 4]),
        ("blocks:2x2", [0, 1, 3, 4, 2, 5, 6, 7, 8]),
        ("raster+transpose", [0, 3, 6, 1, 4, 7, 2, 5, 8]),
        ("raster+transpose+flip", [6, 3, 0, 7, 4, 1, 8, 5, 2]),
        ("raster+transpose+mirror", [2, 5, 8, 1, 4, 7, 0, 3, 6]),
        ("spiral+flip", [6, 7, 8, 5, 2, 1, 0, 3, 4]),
    ];
    for (name, order) in cases {
        assert_eq!(named(name, (3, 3)).positions, order, "{name}");
    }
    let curve = [0, 4, 5, 1, 2, 3, 7, 6, 10, 11, 15, 14, 13, 9, 8, 12];
    assert_eq!(named("hilbert+transpose", (4, 4)).positions, curve);
    assert_eq!(
        named("s-curve+transpose", (2, 3)).positions,
        [0, 3, 4, 1, 2, 5]
    );
}

#[test]
fn hilbert_steps_go_to_neighbours() {
    for (height, width) in (1..=33).flat_map(|height| (1..=33).map(move |width| (height, width))) {
        let positions = walked(plain(Walk::Hilbert), (height, width)).positions;
        let steps = steps(&positions, width);
        assert!(
            steps.iter().all(|step| step.0 <= 1 && step.1 <= 1),
            "{height}x{width}"
        );
        let diagonal = steps.iter().filter(|&&step| step == (1, 1)).count();
        let unavoidable = width > 1 && width % 2 == 1 && height % 2 == 0;
        assert_eq!(diagonal, usize::from(unavoidable), "{height}x{width}");
        assert_eq!(positions[0], 0);
        assert!(
            width == 1 || positions.last() == Some(&(width as u32 - 1)),
            "{height}x{width}"
        );
    }
}

#[test]
fn coarse_to_fine_draws_groups() {
    let walk = named("coarse-to-fine", (32, 32));
    assert_eq!(walk.ends.len(), 25);
    assert_eq!(walk.ends[..16], (1..=16).collect::<Vec<_>>());
    assert_eq!(walk.ends[16..], [32, 48, 64, 128, 192, 256, 512, 768, 1024]);
    assert_eq!(walk.positions[..2], [0, 8]);
    let firsts = [16, 32, 48].map(|at| walk.positions[at]);
    assert_eq!(firsts, [4 * 32 + 4, 4, 4 * 32]);
    assert_eq!(
        [0, 8, 4, 2 * 32, 33].map(|at| walk.spacing[at]),
        [8, 8, 4, 2, 1]
    );

    let turned = named("coarse-to-fine+mirror", (32, 32));
    assert_eq!(turned.positions[..2], [31, 23]);
    assert_eq!([31, 27, 0].map(|at| turned.spacing[at]), [8, 4, 1]);

    // One row has only the groups of odd columns; a small image has no groups at all.
    assert_eq!(named("coarse-to-fine", (1, 16)).ends, [1, 2, 3, 4, 8, 16]);
    let small = named("coarse-to-fine", (3, 4));
    assert!(small.ends.is_empty() && small.spacing.is_empty());
}

#[test]
fn subscale_spaces_its_first_slice() {
    let walk = named("subscale:3+flip", (4, 5));
    assert_eq!(walk.positions[..4], [15, 18, 0, 3]);
    let spaced = (0..20).filter(|&at| walk.spacing[at as usize] == 3);
    assert_eq!(spaced.collect::<Vec<_>>(), [0, 3, 15, 18]);
    assert_eq!(
        walk.spacing
            .iter()
            .filter(|&&distance| distance == 1)
            .count(),
        16
    );
    let wide = walked(plain(Walk::Subscale(u32::MAX)), (4, 5)).positions;
    assert!(wide.into_iter().eq(0..20));
    assert_eq!(walked(plain(Walk::Subscale(0)), (4, 5)).spacing, [0u32; 0]);
}

#[test]
fn lines_are_walked_one_after_the_other() {
    for path in [Walk::Raster, Walk::SCurve]
        .into_iter()
        .flat_map(|walk| plain(walk).symmetries())
    {
        let walk = walked(path, (5, 7));
        let across = if path.transpose { 5 } else { 7 };
        for (step, &at) in walk.positions.iter().enumerate() {
            assert_eq!(walk.lines[at as usize] as usize, step / across, "{path}");
        }
    }
    assert_eq!(named("raster+flip", (2, 3)).lines, [1, 1, 1, 0, 0, 0]);
    assert_eq!(named("s-curve+transpose", (2, 3)).lines, [0, 1, 2, 0, 1, 2]);
    assert!(
        WALKS[2..]
            .iter()
            .all(|&walk| walked(plain(walk), (5, 7)).lines.is_empty())
    );
}

#[test]
fn may_precede_agrees_with_the_walks() {
    let paths = WALKS.into_iter().flat_map(|walk| plain(walk).symmetries());
    for (path, size) in paths.flat_map(|path| [(path, (5, 7)), (path, (6, 6))]) {
        let mut seen = HashSet::new();
        let order = walked(path, size).positions;
        let order: Vec<_> = order
            .iter()
            .map(|&at| (at as isize / size.1 as isize, at as isize % size.1 as isize))
            .collect();
        for (now, pixel) in order.iter().enumerate() {
            seen.extend(
                order[..now]
                    .iter()
                    .map(|old| (old.0 - pixel.0, old.1 - pixel.1)),
            );
        }
        assert!(
            seen.iter().all(|&(dy, dx)| path.may_precede(dy, dx)),
            "{path} on {size:?}"
        );
        if matches!(path.walk, Walk::Raster | Walk::SCurve) {
            let (height, width) = (size.0 as isize, size.1 as isize);
            for (dy, dx) in
                (1 - height..height).flat_map(|y| (1 - width..width).map(move |x| (y, x)))
            {
                assert_eq!(
                    path.may_precede(dy, dx),
                    seen.contains(&(dy, dx)),
                    "{path} {dy} {dx}"
                );
            }
        }
    }
}

/// The order of generation, where the order within a group is no difference.
fn drawn(path: Scan, size: (usize, usize)) -> Vec<u32> {
    let Walked {
        mut positions,
        ends,
        ..
    } = walked(path, size);
    for pair in ends.windows(2) {
        positions[pair[0] as usize..pair[1] as usize].sort_unstable();
    }
    positions
}

#[test]
fn symmetries_are_different_orders() {
    let sizes = (2..=12).flat_map(|height| (2..=24).map(move |width| (height, width)));
    for size in sizes.chain([(28, 28), (24, 2), (19, 5)]) {
        for walk in WALKS.into_iter().chain([Walk::Subscale(16)]) {
            let orders = plain(walk).symmetries().map(|path| drawn(path, size));
            // Chance makes random orders of a few pixels equal.
            let chance = matches!(walk, Walk::Random { .. }) && size.0 * size.1 < 20;
            assert!(
                HashSet::from(orders).len() == 8 || chance,
                "{walk:?} on {size:?}"
            );
        }
    }
}

#[test]
fn the_second_symmetry_is_the_half_turn() {
    let half = |path: Scan| walked(path.symmetries()[1], (5, 7)).positions;
    for walk in WALKS {
        let turned: Vec<u32> = walked(plain(walk), (5, 7))
            .positions
            .into_iter()
            .map(|at| 34 - at)
            .collect();
        assert_eq!(half(plain(walk)), turned);
    }
}

#[test]
fn odd_input_is_survived() {
    let empty = Walked::default();
    for size in [(0, 0), (0, 5), (5, 0), (usize::MAX, 2), (1 << 16, 1 << 16)] {
        assert!(WALKS.iter().all(|&walk| walked(plain(walk), size) == empty));
    }
}
