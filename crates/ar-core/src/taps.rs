use crate::{Error, MaskType, Order, Result};

/// The extent of a convolution: odd sizes, centred on the position it predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// Distance between taps.
    pub dilation: usize,
}

impl Kernel {
    /// `size x size`, without dilation.
    pub fn square(size: usize) -> Self {
        Self {
            height: size,
            width: size,
            dilation: 1,
        }
    }

    fn offsets(self) -> impl Iterator<Item = (isize, isize)> {
        let (h, w, d) = (
            self.height as isize / 2,
            self.width as isize / 2,
            self.dilation as isize,
        );
        (-h..=h).flat_map(move |dy| (-w..=w).map(move |dx| (dy * d, dx * d)))
    }
}

/// The live taps of a causal convolution: which kernel offsets are ever read, and from where each
/// position reads them. A mask over a dense kernel would multiply zeros; taps skip them.
///
/// Offsets are sorted by row, so under a raster order those of the rows above come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taps {
    offsets: Vec<(isize, isize)>,
    table: Vec<u32>,
    rows_above: usize,
    centre: Option<usize>,
    width: usize,
    positions: usize,
    raster: bool,
}

impl Taps {
    /// In [`Taps::sources`]: this tap reads zeros at this position.
    pub const NONE: u32 = u32::MAX;

    /// Derives the taps of `kernel` from the generation order.
    ///
    /// The set of offsets depends on the kernel and on whether the order is raster, never on the
    /// image's size, so one set of weights fits images of any size. The centre is live for mask B,
    /// and for mask A when channels are separate steps (later channels then read earlier ones).
    pub fn new(order: &Order, kernel: Kernel, mask: MaskType) -> Self {
        let centre_is_live = mask == MaskType::B || order.steps_per_position() > 1;
        let offsets: Vec<_> = kernel
            .offsets()
            .filter(|&(dy, dx)| match (dy, dx) {
                (0, 0) => centre_is_live,
                _ => !order.is_raster() || dy < 0 || (dy == 0 && dx < 0),
            })
            .collect();
        Self::of(order, offsets, |source, p| {
            source == p || order.rank(source) < order.rank(p)
        })
    }

    /// Taps along the generation order itself: `size` of them, the sites 0, `dilation`,
    /// 2 · `dilation`, .. before each. For mask A the first of them, the position itself, is live
    /// only when channels are separate steps.
    pub fn sequence(order: &Order, size: usize, dilation: usize, mask: MaskType) -> Self {
        let centre_is_live = mask == MaskType::B || order.steps_per_position() > 1;
        let lags: Vec<usize> = (usize::from(!centre_is_live)..size)
            .rev()
            .map(|i| i * dilation)
            .collect();
        let source = |p: usize, lag: usize| match order.rank(p).checked_sub(lag) {
            Some(rank) => order.position(rank) as u32,
            None => Self::NONE,
        };
        let n = order.positions();
        let table = (0..n).flat_map(|p| lags.iter().map(move |&lag| source(p, lag)));
        Self {
            table: table.collect(),
            rows_above: 0,
            centre: lags.iter().position(|&lag| lag == 0),
            width: n,
            positions: n,
            raster: order.is_raster(),
            offsets: lags.iter().map(|&lag| (0, -(lag as isize))).collect(),
        }
    }

    /// How far back, counted in positions of a raster order, a tap reads at most.
    pub fn lookback(&self) -> usize {
        let far = |&(dy, dx): &(isize, isize)| -(dy * self.width as isize + dx);
        self.offsets.iter().map(far).max().unwrap_or(0).max(0) as usize
    }

    /// The taps at `offsets` that lie in the map and that `may_read(source, position)` allows.
    fn of(
        order: &Order,
        offsets: Vec<(isize, isize)>,
        may_read: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let (h, w) = (order.height() as isize, order.width() as isize);
        let mut table = Vec::with_capacity(order.positions() * offsets.len());
        for p in 0..order.positions() {
            let (y, x) = ((p / order.width()) as isize, (p % order.width()) as isize);
            for &(dy, dx) in &offsets {
                let (sy, sx) = (y + dy, x + dx);
                let inside = (0..h).contains(&sy) && (0..w).contains(&sx);
                let source = (sy * w + sx) as usize;
                table.push(if inside && may_read(source, p) {
                    source as u32
                } else {
                    Self::NONE
                });
            }
        }
        let rows_above = offsets.iter().filter(|o| o.0 < 0).count();
        Self {
            rows_above: if order.is_raster() { rows_above } else { 0 },
            centre: offsets.iter().position(|&o| o == (0, 0)),
            width: order.width(),
            positions: order.positions(),
            raster: order.is_raster(),
            offsets,
            table,
        }
    }

    /// The taps of a vertical stack (van den Oord et al. 2016, arXiv:1606.05328, section 2.1): whole
    /// rows, those above for mask A, and the row itself too for mask B, whose input must then know
    /// nothing but rows above. Such values are complete for a row before its first pixel is drawn.
    ///
    /// # Errors
    /// [`Error::Config`] when the order is not raster: there are no complete rows then.
    pub fn vertical(order: &Order, kernel: Kernel, mask: MaskType) -> Result<Self> {
        if !order.is_raster() {
            return Err(Error::config(
                "order",
                "a vertical stack needs raster order",
            ));
        }
        let offsets = kernel
            .offsets()
            .filter(|&(dy, _)| dy < 0 || (dy == 0 && mask == MaskType::B));
        Ok(Self::of(order, offsets.collect(), |_, _| true))
    }

    /// Number of live taps; 0 for a 1x1 kernel of type A, which reads nothing.
    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// Pixels of the map.
    pub fn positions(&self) -> usize {
        self.positions
    }

    /// Columns of the map.
    pub fn width(&self) -> usize {
        self.width
    }

    /// `(dy, dx)` of each tap.
    pub fn offsets(&self) -> &[(isize, isize)] {
        &self.offsets
    }

    /// From which position each tap of `position` reads, or [`Taps::NONE`].
    pub fn sources(&self, position: usize) -> &[u32] {
        &self.table[position * self.count()..][..self.count()]
    }

    /// How many leading taps read rows that are complete before the first pixel of this row.
    pub fn rows_above(&self) -> usize {
        self.rows_above
    }

    /// Which tap reads the position itself, if any does.
    pub fn centre(&self) -> Option<usize> {
        self.centre
    }

    /// Whether a tap reads nothing but the position itself: a 1x1 layer, which needs no gather.
    pub fn is_pointwise(&self) -> bool {
        self.offsets == [(0, 0)]
    }

    /// Whether the taps are the same shift everywhere (raster order), zeros outside the map.
    pub fn is_shift(&self) -> bool {
        self.raster
    }
}

#[cfg(test)]
mod tests {
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
        let a = Taps::vertical(&raster(1), Kernel::square(3), MaskType::A).unwrap();
        assert_eq!((a.count(), a.rows_above()), (3, 3));
        assert_eq!(a.sources(9), [1, 2, 3]);
        let b = Taps::vertical(&raster(1), Kernel::square(3), MaskType::B).unwrap();
        assert_eq!((b.count(), b.rows_above()), (6, 3));
        assert_eq!(b.sources(13), [5, 6, Taps::NONE, 12, 13, Taps::NONE]);
    }

    #[test]
    fn a_sequence_reads_back_along_the_order() {
        let b = Taps::sequence(&raster(1), 2, 4, MaskType::B);
        assert_eq!(
            (b.sources(3), b.sources(9)),
            (&[Taps::NONE, 3][..], &[5, 9][..])
        );
        assert_eq!((b.lookback(), b.centre()), (4, Some(1)));
        let a = Taps::sequence(&raster(1), 3, 1, MaskType::A);
        assert_eq!((a.sources(9), a.centre()), (&[7, 8][..], None));
        assert_eq!(
            Taps::sequence(&raster(3), 3, 1, MaskType::A).sources(9),
            [7, 8, 9]
        );
        let domain = Domain::new(1, 1, 3, 2).unwrap();
        let order = Order::permutation(&domain, ChannelSteps::Separate, vec![2, 0, 1]).unwrap();
        let taps = Taps::sequence(&order, 2, 1, MaskType::A);
        assert_eq!(
            [taps.sources(0), taps.sources(1), taps.sources(2)],
            [&[2], &[0], &[Taps::NONE]]
        );
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
}
