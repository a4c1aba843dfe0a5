use ar_core::{Grid, Order, Result, Stride, Taps};

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
    /// From each state to those that it reads.
    pub(super) states: Taps,
    /// From each state to its input, where that is not at its site. What has no input has no state.
    pub(super) inputs: Option<Taps>,
    /// Which tap reads the state whose cell (or, in a GRU, hidden state) is carried on.
    pub(super) predecessor_tap: usize,
    /// As `states`, without those that have no state.
    sources: Vec<u32>,
    /// All positions, each after those that it reads: those that have no state, then the others wave by wave.
    pub(super) visit: Vec<u32>,
    /// How many have none.
    empty: usize,
    /// Where the waves end.
    ends: Vec<usize>,
    /// The place of each position within its wave.
    places: Vec<u32>,
}

impl Waves {
    /// The waves of `flow`; all but [`Flow::Sequence`] need raster order.
    ///
    /// # Errors
    /// For a sequence, when the order is none.
    pub(super) fn new(order: &Order, flow: Flow) -> Result<Self> {
        let grid = Grid::of(order);
        let at = |offsets: Vec<(isize, isize)>| Taps::at(grid, grid, Stride::One, offsets);
        let (n, w) = (order.positions(), order.width());
        let here = (0..n as u32).collect();
        Ok(match flow {
            Flow::Rows(kernel) => {
                let reach = kernel as isize / 2;
                let above = (-reach..=reach).map(|dx| (-1, dx)).collect();
                Self::of(here, at(above), None, kernel / 2)
            }
            Flow::Diagonal(Direction::Right) => Self::of(here, at(vec![(0, -1), (-1, 0)]), None, 0),
            Flow::Diagonal(Direction::Left) => {
                // Shifted down: the input comes from the row above, and the first row has no state.
                let leftward = (0..n).map(|p| (p / w * w + (w - 1 - p % w)) as u32);
                let (states, input) = (at(vec![(0, 1), (-1, 0)]), at(vec![(-1, 0)]));
                Self::of(leftward.collect(), states, Some(input), 0)
            }
            Flow::Sequence => {
                let before = Taps::before(order)?;
                Self::of(order.sequence().to_vec(), before, None, 0)
            }
        })
    }

    /// `sites` names every position after those that it reads.
    fn of(sites: Vec<u32>, states: Taps, inputs: Option<Taps>, predecessor_tap: usize) -> Self {
        let (n, taps) = (sites.len(), states.count());
        let is_empty = |p: usize| inputs.as_ref().is_some_and(|i| i.live(p).next().is_none());
        let is_known = |s: u32| s != Taps::NONE && !is_empty(s as usize);
        let all = (0..n).flat_map(|p| states.sources(p));
        let known = all.map(|&s| if is_known(s) { s } else { Taps::NONE });
        let sources: Vec<u32> = known.collect();
        let (mut levels, mut waves) = (vec![0; n], Vec::<Vec<u32>>::new());
        let (mut places, mut visit) = (vec![0; n], Vec::with_capacity(n));
        for p in sites {
            if is_empty(p as usize) {
                visit.push(p);
                continue;
            }
            let read = sources[p as usize * taps..][..taps].iter();
            let read = read.filter(|s| **s != Taps::NONE);
            let level = read.map(|&s| levels[s as usize] + 1).max().unwrap_or(0);
            levels[p as usize] = level;
            waves.resize(waves.len().max(level + 1), Vec::new());
            places[p as usize] = waves[level].len() as u32;
            waves[level].push(p);
        }
        let empty = visit.len();
        let ends = waves.iter().scan(0, |end, wave| {
            *end += wave.len();
            Some(*end)
        });
        let ends = ends.collect();
        visit.extend(waves.concat());
        Self {
            states,
            inputs,
            predecessor_tap,
            sources,
            visit,
            empty,
            ends,
            places,
        }
    }

    /// Positions of the map.
    pub(super) fn count(&self) -> usize {
        self.visit.len()
    }

    pub(super) fn taps(&self) -> usize {
        self.states.count()
    }

    /// All positions that have a state, wave by wave.
    pub(super) fn positions(&self) -> &[u32] {
        &self.visit[self.empty..]
    }

    /// The waves, first to last.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &[u32]> {
        let start = |i: usize| if i == 0 { 0 } else { self.ends[i - 1] };
        (0..self.ends.len()).map(move |i| &self.positions()[start(i)..self.ends[i]])
    }

    /// Positions of the longest wave.
    pub(super) fn longest(&self) -> usize {
        self.iter().map(<[u32]>::len).max().unwrap_or(0)
    }

    /// The positions that have no state: zeros.
    pub(super) fn empty(&self) -> impl Iterator<Item = usize> {
        self.visit[..self.empty].iter().map(|&p| p as usize)
    }

    /// Which states `position` reads, or [`Taps::NONE`].
    pub(super) fn sources(&self, position: usize) -> &[u32] {
        &self.sources[position * self.taps()..][..self.taps()]
    }

    /// Whose cell `position` carries on.
    pub(super) fn predecessor(&self, position: usize) -> Option<usize> {
        let source = self.sources(position)[self.predecessor_tap];
        (source != Taps::NONE).then_some(source as usize)
    }

    /// Where `position` reads its input.
    pub(super) fn input(&self, position: usize) -> Option<usize> {
        match &self.inputs {
            None => Some(position),
            Some(taps) => taps.live(position).next(),
        }
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
        Waves::new(&Order::raster(&domain, ChannelSteps::Separate), flow).unwrap()
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
        assert_eq!(left.empty().collect::<Vec<_>>(), [3, 2, 1, 0]);
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
        let sequence = Waves::new(&order, Flow::Sequence).unwrap();
        assert_eq!(sequence.positions(), [2, 0, 1]);
        assert_eq!(
            [0, 1, 2].map(|p| sequence.predecessor(p)),
            [Some(2), Some(0), None]
        );
    }
}
