use super::*;
use crate::{ChannelSteps, Domain};

fn raster(channels: usize) -> Order {
    Order::raster(
        &Domain::new(channels, 5, 7, 4).unwrap(),
        ChannelSteps::Separate,
    )
}

#[test]
fn raster_keeps_24_of_49_and_5_of_9() {
    assert_eq!(
        Taps::new(&raster(1), Kernel::square(7), MaskType::A).count(),
        24
    );
    assert_eq!(
        Taps::new(&raster(1), Kernel::square(3), MaskType::B).count(),
        5
    );
    let rgb = Taps::new(&raster(3), Kernel::square(7), MaskType::A);
    assert_eq!(
        (rgb.count(), rgb.rows_above(), rgb.centre()),
        (25, 21, Some(24))
    );
}

#[test]
fn sources_are_zero_outside_and_exact_inside() {
    let taps = Taps::new(&raster(1), Kernel::square(3), MaskType::B);
    assert_eq!(
        taps.sources(0),
        [Taps::NONE, Taps::NONE, Taps::NONE, Taps::NONE, 0]
    );
    assert_eq!(taps.sources(9), [1, 2, 3, 8, 9]);
    assert_eq!(taps.sources(13), [5, 6, Taps::NONE, 12, 13]);
}

#[test]
fn a_vertical_stack_reads_whole_rows() {
    let a = Taps::vertical(&raster(1), Kernel::square(3), MaskType::A);
    assert_eq!((a.count(), a.rows_above()), (3, 3));
    assert_eq!(a.sources(9), [1, 2, 3]);
    let b = Taps::vertical(&raster(1), Kernel::square(3), MaskType::B);
    assert_eq!((b.count(), b.rows_above()), (6, 3));
    assert_eq!(b.sources(13), [5, 6, Taps::NONE, 12, 13, Taps::NONE]);
}

#[test]
fn a_sequence_reads_back_along_the_order() {
    let b = Taps::sequence(&raster(1), 2, 4, MaskType::B).unwrap();
    assert_eq!(
        (b.sources(3), b.sources(9)),
        (&[Taps::NONE, 3][..], &[5, 9][..])
    );
    assert_eq!(b.centre(), Some(1));
    let a = Taps::sequence(&raster(1), 3, 1, MaskType::A).unwrap();
    assert_eq!((a.sources(9), a.centre()), (&[7, 8][..], None));
    assert_eq!(
        Taps::sequence(&raster(3), 3, 1, MaskType::A)
            .unwrap()
            .sources(9),
        [7, 8, 9]
    );
    let domain = Domain::new(1, 1, 3, 2).unwrap();
    let order = Order::permutation(&domain, ChannelSteps::Separate, vec![2, 0, 1]).unwrap();
    let taps = Taps::sequence(&order, 2, 1, MaskType::A).unwrap();
    assert_eq!(
        [taps.sources(0), taps.sources(1), taps.sources(2)],
        [&[2], &[0], &[Taps::NONE]]
    );
    // Known ahead: in raster order alone are the sites after one those that are computed next.
    assert_eq!((a.lead(), b.lead(), taps.lead()), (1, 4, 0));
    let near = Taps::before(&raster(1)).unwrap();
    assert_eq!((near.lead(), window_of_ones().lead()), (0, 0));
}

fn window_of_ones() -> Taps {
    Taps::new(&raster(1), Kernel::square(3), MaskType::B)
}

#[test]
fn any_order_reads_only_what_is_earlier() {
    let domain = Domain::new(1, 3, 3, 2).unwrap();
    let order = Order::permutation(
        &domain,
        ChannelSteps::Separate,
        vec![8, 7, 6, 5, 4, 3, 2, 1, 0],
    )
    .unwrap();
    let taps = Taps::new(&order, Kernel::square(3), MaskType::A);
    assert_eq!(taps.count(), 8);
    for p in 0..9 {
        assert!(
            taps.sources(p)
                .iter()
                .all(|&s| s == Taps::NONE || s as usize > p)
        );
    }
    assert_eq!(
        taps.sources(4).iter().filter(|&&s| s != Taps::NONE).count(),
        4
    );
}

#[test]
fn strides_are_each_others_transpose() {
    let (full, half) = (
        Grid {
            height: 5,
            width: 7,
        },
        Grid {
            height: 3,
            width: 4,
        },
    );
    assert_eq!(full.halved(), half);
    let offsets = || (-1..=0, -1..=1);
    let (rows, columns) = offsets();
    let down = Taps::window(full, half, Stride::Down, rows, columns);
    assert_eq!(down.sources(5), [8, 9, 10, 15, 16, 17]);
    let (rows, columns) = offsets();
    let up = Taps::window(half, full, Stride::Up, rows, columns);
    for (site, from) in (0..35).flat_map(|s| (0..12).map(move |f| (s, f))) {
        for tap in 0..6 {
            let reads = down.sources(from)[tap] == site as u32;
            assert_eq!(reads, up.sources(site)[tap] == from as u32);
        }
    }
}

#[test]
fn kernels_follow_the_spacing_and_the_lines_of_an_order() {
    let domain = Domain::new(1, 8, 8, 2).unwrap();
    let of =
        |name: &str| Order::scan(name.parse().unwrap(), &domain, ChannelSteps::Separate).unwrap();
    let coarse = Taps::new(&of("coarse-to-fine"), Kernel::square(3), MaskType::A);
    assert_eq!(coarse.count(), 8);
    // The pixel at (2, 2) is of the coarsest grid, (1, 1) of the first group.
    assert_eq!(coarse.live(18).collect::<Vec<_>>(), [0, 2, 4, 16]);
    assert_eq!(coarse.live(9).collect::<Vec<_>>(), [0, 2, 16, 18]);

    let curve = of("s-curve");
    let row = Kernel {
        height: 1,
        width: 3,
        dilation: 1,
    };
    let beside = Taps::new(&curve, row, MaskType::A);
    assert_eq!(beside.live(1).collect::<Vec<_>>(), [0]);
    assert_eq!(beside.live(9).collect::<Vec<_>>(), [10]);
    let above = Taps::vertical(&curve, Kernel::square(3), MaskType::B);
    assert_eq!((above.count(), above.is_shift()), (6, true));
    assert_eq!(above.live(9).collect::<Vec<_>>(), [0, 1, 2, 8, 9, 10]);
    let left = Taps::vertical(&of("raster+transpose"), Kernel::square(3), MaskType::A);
    assert_eq!(left.offsets(), [(-1, -1), (0, -1), (1, -1)]);

    let both = ["raster", "raster+flip+mirror"].map(|name| name.parse().unwrap());
    let shared = of("raster").among(&both);
    assert_eq!(
        Taps::new(&shared, Kernel::square(3), MaskType::A).count(),
        8
    );
}
