use ar_core::{Order, Taps};

/// Which way a diagonal recurrence runs along its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// A state follows from the one to its left.
    Right,
    /// A state follows from the one to its right. What it makes of a row is handed to the row below:
    /// the pixels to the right are not known before.
    Left,
}

/// Where the states lie that a state follows from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// In the row above: so many, centred.
    Rows(usize),
    /// Beside it and above it.
    Diagonal(Direction),
    /// One, that of the site before in the generation order.
    Sequence,
}

/// Which earlier states each state reads, and the waves that can be computed at once: all that a
/// wave reads lies in the wave before.
#[derive(Debug)]
pub(super) struct Waves {
    taps: usize,
    /// Which tap reads the state whose cell (or, in a GRU, hidden state) is carried on.
    predecessor: usize,
    /// `(positions, taps)`.
    sources: Vec<u32>,
    /// Where each position reads its input; nowhere where its state is zero.
    inputs: Vec<u32>,
    /// The positions that have a state, wave by wave.
    positions: Vec<u32>,
    /// Where the waves end.
    ends: Vec<usize>,
    /// The place of each position within its wave.
    places: Vec<u32>,
}

impl Waves {
    /// The waves of `flow`; all but [`Flow::Sequence`] need raster order.
    pub(super) fn new(order: &Order, flow: Flow) -> Self {
        let (n, w) = (order.positions(), order.width());
        let above = |p: usize, dx: isize, first: usize| {
            let column = (p % w).checked_add_signed(dx).filter(|c| *c < w);
            let row = (p / w).checked_sub(1).filter(|r| *r >= first);
            row.zip(column)
                .map_or(Taps::NONE, |(row, c)| (row * w + c) as u32)
        };
        let beside = |p: usize, dx: isize| match (p % w).checked_add_signed(dx) {
            Some(column) if column < w => (p / w * w + column) as u32,
            _ => Taps::NONE,
        };
        let here = |p: usize| p as u32;
        match flow {
            Flow::Rows(kernel) => {
                let reach = kernel as isize / 2;
                let sources = |p| (-reach..=reach).map(|dx| above(p, dx, 0)).collect();
                Self::of(0..n, n, kernel / 2, here, sources)
            }
            Flow::Diagonal(Direction::Right) => {
                let sources = |p| vec![beside(p, -1), above(p, 0, 0)];
                Self::of(0..n, n, 0, here, sources)
            }
            Flow::Diagonal(Direction::Left) => {
                // Shifted down: the input comes from the row above, and the first row has no state.
                let leftward = (0..n).map(|p| p / w * w + (w - 1 - p % w));
                let sources = |p| vec![beside(p, 1), above(p, 0, 1)];
                Self::of(leftward, n, 0, |p| above(p, 0, 0), sources)
            }
            Flow::Sequence => {
                let before = |p: usize| match order.rank(p).checked_sub(1) {
                    Some(rank) => vec![order.position(rank) as u32],
                    None => vec![Taps::NONE],
                };
                Self::of((0..n).map(|r| order.position(r)), n, 0, here, before)
            }
        }
    }

    /// `visit` names every position after those that it reads.
    fn of(
        visit: impl Iterator<Item = usize>,
        n: usize,
        predecessor: usize,
        input: impl Fn(usize) -> u32,
        sources: impl Fn(usize) -> Vec<u32>,
    ) -> Self {
        let inputs: Vec<u32> = (0..n).map(input).collect();
        let table: Vec<u32> = (0..n).flat_map(sources).collect();
        let taps = table.len() / n;
        let (mut levels, mut waves) = (vec![0; n], Vec::<Vec<u32>>::new());
        let mut places = vec![0; n];
        for p in visit.filter(|&p| inputs[p] != Taps::NONE) {
            let read = table[p * taps..][..taps].iter();
            let read = read.filter(|s| **s != Taps::NONE);
            levels[p] = read.map(|&s| levels[s as usize] + 1).max().unwrap_or(0);
            waves.resize(waves.len().max(levels[p] + 1), Vec::new());
            places[p] = waves[levels[p]].len() as u32;
            waves[levels[p]].push(p as u32);
        }
        let ends = waves.iter().scan(0, |end, wave| {
            *end += wave.len();
            Some(*end)
        });
        Self {
            taps,
            predecessor,
            sources: table,
            inputs,
            ends: ends.collect(),
            positions: waves.concat(),
            places,
        }
    }

    /// Positions of the map.
    pub(super) fn count(&self) -> usize {
        self.inputs.len()
    }

    pub(super) fn taps(&self) -> usize {
        self.taps
    }

    /// Which tap reads the state that is carried on.
    pub(super) fn predecessor_tap(&self) -> usize {
        self.predecessor
    }

    /// All positions that have a state, wave by wave.
    pub(super) fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The waves, first to last.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u32]> {
        let start = |i: usize| if i == 0 { 0 } else { self.ends[i - 1] };
        (0..self.ends.len()).map(move |i| &self.positions[start(i)..self.ends[i]])
    }

    /// The positions that have no state: zeros.
    pub(super) fn empty(&self) -> impl Iterator<Item = usize> {
        (0..self.count()).filter(|&p| self.input(p).is_none())
    }

    /// Which states `position` reads, or [`Taps::NONE`].
    pub(super) fn sources(&self, position: usize) -> &[u32] {
        &self.sources[position * self.taps..][..self.taps]
    }

    /// Whose cell `position` carries on.
    pub(super) fn predecessor(&self, position: usize) -> Option<usize> {
        let source = self.sources(position)[self.predecessor];
        (source != Taps::NONE).then_some(source as usize)
    }

    /// Where `position` reads its input.
    pub(super) fn input(&self, position: usize) -> Option<usize> {
        let input = self.inputs[position];
        (input != Taps::NONE).then_some(input as usize)
    }

    /// The place of `position` within its wave.
    pub(super) fn place(&self, position: u32) -> u32 {
        self.places[position as usize]
    }
}

#[cfg(test)]
mod tests {
    use ar_core::{ChannelSteps, Domain};

    use super::*;

    fn waves(flow: Flow) -> Waves {
        let domain = Domain::new(1, 3, 4, 2).unwrap();
        Waves::new(&Order::raster(&domain, ChannelSteps::Separate), flow)
    }

    const NONE: u32 = Taps::NONE;

    #[test]
    fn a_row_follows_from_the_row_above() {
        let rows = waves(Flow::Rows(3));
        assert_eq!(
            rows.iter().collect::<Vec<_>>(),
            [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
        );
        assert_eq!(rows.sources(4), [NONE, 0, 1]);
        assert_eq!(
            (rows.sources(7), rows.predecessor(7)),
            (&[2, 3, NONE][..], Some(3))
        );
        assert_eq!(
            (rows.sources(2), rows.predecessor(2)),
            (&[NONE; 3][..], None)
        );
    }

    #[test]
    fn a_diagonal_follows_from_the_one_before() {
        let right = waves(Flow::Diagonal(Direction::Right));
        let all: Vec<_> = right.iter().collect();
        assert_eq!(all[0], [0]);
        assert_eq!(all[2], [2, 5, 8]);
        assert_eq!(all[5], [11]);
        assert_eq!(
            (right.sources(5), right.predecessor(5)),
            (&[4, 1][..], Some(4))
        );
    }

    #[test]
    fn the_leftward_half_is_a_row_late() {
        let left = waves(Flow::Diagonal(Direction::Left));
        let all: Vec<_> = left.iter().collect();
        assert_eq!((all[0], all[1], all[4]), (&[7][..], &[6, 11][..], &[8][..]));
        assert_eq!(left.empty().collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(
            (left.sources(7), left.input(7)),
            (&[NONE, NONE][..], Some(3))
        );
        assert_eq!((left.sources(9), left.input(9)), (&[10, 5][..], Some(5)));
    }

    #[test]
    fn a_sequence_goes_site_by_site_in_any_order() {
        let domain = Domain::new(1, 1, 3, 2).unwrap();
        let order = Order::permutation(&domain, ChannelSteps::Separate, vec![2, 0, 1]).unwrap();
        let sequence = Waves::new(&order, Flow::Sequence);
        assert_eq!(sequence.positions(), [2, 0, 1]);
        assert_eq!(
            [0, 1, 2].map(|p| sequence.predecessor(p)),
            [Some(2), Some(0), None]
        );
    }
}
