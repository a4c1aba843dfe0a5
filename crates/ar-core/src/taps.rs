use std::ops::RangeInclusive;

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

/// The sites of a value: the pixels of an image, or every other of every other row of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Grid {
    /// One for each pixel that `order` walks.
    pub fn of(order: &Order) -> Self {
        Self {
            height: order.height(),
            width: order.width(),
        }
    }

    /// Half of the rows and columns, rounded up: the even ones.
    pub fn halved(self) -> Self {
        Self {
            height: self.height.div_ceil(2),
            width: self.width.div_ceil(2),
        }
    }

    /// Number of sites.
    pub fn sites(self) -> usize {
        self.height * self.width
    }

    /// The site at a row and a column, if they are within the grid.
    fn site(self, row: isize, column: isize) -> Option<usize> {
        let inside = |at: isize, size: usize| usize::try_from(at).ok().filter(|at| *at < size);
        let (row, column) = (inside(row, self.height)?, inside(column, self.width)?);
        Some(row * self.width + column)
    }
}

/// How the grid of a window's result lies over that of its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stride {
    /// The same grid.
    One,
    /// Half of it, [`Grid::halved`]: a site reads around the even site it comes from.
    Down,
    /// The grid that the input is half of: the transpose of `Down`.
    Up,
}

/// The live taps of a causal convolution: which kernel offsets are ever read, and from where each
/// site reads them. A mask over a dense kernel would multiply zeros; taps skip them.
///
/// Offsets are sorted by row, so under a raster order those of the rows above come first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taps {
    offsets: Vec<(isize, isize)>,
    /// `(sites, taps)`.
    table: Vec<u32>,
    rows_above: usize,
    lead: usize,
    centre: Option<usize>,
    grid: Grid,
    is_shift: bool,
}

impl Taps {
    /// In [`Taps::sources`]: this tap reads zeros at this site.
    pub const NONE: u32 = u32::MAX;

    /// The taps of `kernel` that the generation order allows: earlier pixels, at multiples of the
    /// distance at which the order knows them.
    ///
    /// The set of offsets depends on the kernel and on the names of the orders that share the
    /// weights, never on the image's size, so one set of weights fits images of any size. The centre
    /// is live for mask B, and for mask A when channels are separate steps (later channels then read
    /// earlier ones).
    pub fn new(order: &Order, kernel: Kernel, mask: MaskType) -> Self {
        let centre_is_live = mask == MaskType::B || order.steps_per_position() > 1;
        let live = |&(dy, dx): &(isize, isize)| match (dy, dx) {
            (0, 0) => centre_is_live,
            _ => order.may_precede(dy, dx),
        };
        Self::masked(
            order,
            kernel.offsets().filter(live).collect(),
            |source, p| source == p || order.rank(source) < order.rank(p),
        )
    }

    /// The taps of a vertical stack (van den Oord et al. 2016, arXiv:1606.05328, section 2.1): whole
    /// lines of the order, rows of a raster, those before for mask A, and the line itself too for
    /// mask B, whose input must then know nothing but lines before. Such values are complete for a
    /// line before its first pixel is drawn. Where an order has no lines, every rank is one.
    pub fn vertical(order: &Order, kernel: Kernel, mask: MaskType) -> Self {
        let live = |&(dy, dx): &(isize, isize)| order.line_may_precede(dy, dx, mask);
        Self::masked(
            order,
            kernel.offsets().filter(live).collect(),
            |source, p| match mask {
                MaskType::A => order.line(source) < order.line(p),
                MaskType::B => order.line(source) <= order.line(p),
            },
        )
    }

    /// Taps along the generation order itself: `size` of them, the sites 0, `dilation`,
    /// 2 · `dilation`, .. before each. For mask A the first of them, the position itself, is live
    /// only when channels are separate steps.
    ///
    /// # Errors
    /// [`Error::Config`] when the order draws many pixels at once: it is no sequence.
    pub fn sequence(order: &Order, size: usize, dilation: usize, mask: MaskType) -> Result<Self> {
        let centre_is_live = mask == MaskType::B || order.steps_per_position() > 1;
        let first = usize::from(!centre_is_live);
        let lags: Vec<usize> = (first..size).rev().map(|i| i * dilation).collect();
        Self::lags(order, &lags)
    }

    /// One tap: the site before in the generation order.
    ///
    /// # Errors
    /// As [`Taps::sequence`].
    pub fn before(order: &Order) -> Result<Self> {
        Self::lags(order, &[1])
    }

    fn lags(order: &Order, lags: &[usize]) -> Result<Self> {
        if !order.is_sequence() {
            return Err(Error::config(
                "order",
                "pixels that are drawn at once are no sequence",
            ));
        }
        let source = |p: usize, lag: usize| match order.rank(p).checked_sub(lag) {
            Some(rank) => order.sequence()[rank],
            None => Self::NONE,
        };
        let n = order.positions();
        let table = (0..n).flat_map(|p| lags.iter().map(move |&lag| source(p, lag)));
        Ok(Self {
            table: table.collect(),
            rows_above: 0,
            lead: match *lags {
                [.., before, last] if order.is_raster() => before - last,
                _ => 0,
            },
            centre: lags.iter().position(|&lag| lag == 0),
            grid: Grid {
                height: 1,
                width: n,
            },
            is_shift: order.is_raster(),
            offsets: lags.iter().map(|&lag| (0, -(lag as isize))).collect(),
        })
    }

    /// Taps at these offsets, whatever the order: whether what they read is known in time is up to
    /// what is read. `grid` is that of the result.
    pub fn window(
        input: Grid,
        grid: Grid,
        stride: Stride,
        rows: RangeInclusive<isize>,
        columns: RangeInclusive<isize>,
    ) -> Self {
        let offsets = rows.flat_map(|dy| columns.clone().map(move |dx| (dy, dx)));
        Self::at(input, grid, stride, offsets.collect())
    }

    /// As [`Taps::window`], at any offsets.
    pub fn at(input: Grid, grid: Grid, stride: Stride, offsets: Vec<(isize, isize)>) -> Self {
        let half = |at: isize| (at % 2 == 0).then_some(at / 2);
        let source = |y: isize, x: isize, (dy, dx): (isize, isize)| match stride {
            Stride::One => input.site(y + dy, x + dx),
            Stride::Down => input.site(2 * y + dy, 2 * x + dx),
            Stride::Up => input.site(half(y - dy)?, half(x - dx)?),
        };
        let mut table = Vec::with_capacity(grid.sites() * offsets.len());
        for site in 0..grid.sites() {
            let (y, x) = ((site / grid.width) as isize, (site % grid.width) as isize);
            let sources = offsets.iter().map(|&offset| source(y, x, offset));
            table.extend(sources.map(|s| s.map_or(Self::NONE, |s| s as u32)));
        }
        Self {
            rows_above: 0,
            lead: 0,
            centre: offsets.iter().position(|&o| o == (0, 0)),
            grid,
            is_shift: stride == Stride::One,
            offsets,
            table,
        }
    }

    /// The taps at `offsets` that lie in the map and that `may_read(source, position)` allows.
    fn masked(
        order: &Order,
        offsets: Vec<(isize, isize)>,
        may_read: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let grid = Grid::of(order);
        let mut table = Vec::with_capacity(grid.sites() * offsets.len());
        let mut is_shift = true;
        for p in 0..grid.sites() {
            let (y, x) = ((p / grid.width) as isize, (p % grid.width) as isize);
            let by = order.spacing(p);
            is_shift &= by == 1;
            for &(dy, dx) in &offsets {
                let there = grid.site(y + dy * by, x + dx * by);
                let source = there.filter(|&source| may_read(source, p));
                is_shift &= source == there;
                table.push(source.map_or(Self::NONE, |s| s as u32));
            }
        }
        let rows_above = offsets.iter().filter(|o| o.0 < 0).count();
        Self {
            rows_above: if order.is_raster() { rows_above } else { 0 },
            lead: 0,
            centre: offsets.iter().position(|&o| o == (0, 0)),
            grid,
            is_shift,
            offsets,
            table,
        }
    }

    /// Number of live taps; 0 for a 1x1 kernel of type A, which reads nothing.
    pub fn count(&self) -> usize {
        self.offsets.len()
    }

    /// The sites that have taps.
    pub fn grid(&self) -> Grid {
        self.grid
    }

    /// `(dy, dx)` of each tap.
    pub fn offsets(&self) -> &[(isize, isize)] {
        &self.offsets
    }

    /// From which site of its input each tap of `site` reads, or [`Taps::NONE`].
    #[inline]
    pub fn sources(&self, site: usize) -> &[u32] {
        &self.table[site * self.count()..][..self.count()]
    }

    /// The sites that `site` reads.
    pub fn live(&self, site: usize) -> impl Iterator<Item = usize> + '_ {
        let sources = self.sources(site).iter();
        sources.filter(|s| **s != Self::NONE).map(|s| *s as usize)
    }

    /// How many leading taps read rows that are complete before the first pixel of this row.
    pub fn rows_above(&self) -> usize {
        self.rows_above
    }

    /// Along a raster sequence: for how many sites, one and those after it, all taps but the last read what is
    /// known when the first is computed; 0 of taps that are no such sequence.
    pub fn lead(&self) -> usize {
        self.lead
    }

    /// Which tap reads the position itself, if any does.
    pub fn centre(&self) -> Option<usize> {
        self.centre
    }

    /// Whether a tap reads nothing but the position itself: a 1x1 layer, which needs no gather.
    #[inline]
    pub fn is_pointwise(&self) -> bool {
        self.is_shift && self.offsets.len() == 1 && self.centre.is_some()
    }

    /// Whether the taps are the same shift everywhere, zeros outside the map.
    pub fn is_shift(&self) -> bool {
        self.is_shift
    }
}

#[cfg(test)]
mod tests;
