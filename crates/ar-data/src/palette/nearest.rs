//! The nearest of many colours, without looking at all of them.

/// Cells along each channel.
const CELLS: usize = 32;
/// Values of a channel in one cell.
const WIDTH: u8 = 8;
/// The same for the coarse cells that the fine ones are made from.
const COARSE: u8 = 32;

/// For each cell of RGB space the colours that are nearest to at least some point of its cube, or might be,
/// in ascending order of level: the answer is exact.
#[derive(Debug)]
pub(super) struct Nearest {
    /// Where the candidates of each cell begin; one more than there are cells.
    starts: Vec<u32>,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    colour: [u8; 3],
    level: u16,
}

impl Nearest {
    /// For at least one and at most 65536 colours, whose levels are their positions.
    pub(super) fn new(colours: &[[u8; 3]]) -> Self {
        let all = colours.iter().zip(0..=u16::MAX);
        let all: Vec<Candidate> = all
            .map(|(&colour, level)| Candidate { colour, level })
            .collect();
        let per_axis = usize::from(COARSE / WIDTH);
        let side = CELLS / per_axis;
        let coarse: Vec<Vec<Candidate>> = (0..side.pow(3))
            .map(|cell| possible(&all, corner(cell, side, COARSE), COARSE).collect())
            .collect();
        let mut starts = vec![0];
        let mut candidates = Vec::new();
        for cell in 0..CELLS.pow(3) {
            let low = corner(cell, CELLS, WIDTH);
            let [r, g, b] = low.map(|v| usize::from(v / COARSE));
            candidates.extend(possible(&coarse[(r * side + g) * side + b], low, WIDTH));
            starts.push(candidates.len() as u32);
        }
        Self { starts, candidates }
    }

    /// The level of the nearest colour; of several equally near the lowest.
    pub(super) fn level(&self, colour: [u8; 3]) -> u32 {
        let [r, g, b] = colour.map(|v| usize::from(v / WIDTH));
        let cell = (r * CELLS + g) * CELLS + b;
        let candidates =
            &self.candidates[self.starts[cell] as usize..self.starts[cell + 1] as usize];
        let nearest = candidates.iter().min_by_key(|c| squared(c.colour, colour));
        nearest.map_or(0, |c| u32::from(c.level))
    }
}

/// Squared Euclidean distance in RGB.
pub(super) fn squared(a: [u8; 3], b: [u8; 3]) -> u32 {
    let [r, g, b] = [0, 1, 2].map(|i| u32::from(a[i].abs_diff(b[i])).pow(2));
    r + g + b
}

/// The least values of cell number `cell` of a grid with `side` cells of `width` values a channel.
fn corner(cell: usize, side: usize, width: u8) -> [u8; 3] {
    [cell / (side * side), cell / side % side, cell % side].map(|i| i as u8 * width)
}

/// Those of `candidates` that no other one beats everywhere in the cube of `width` values from `low` on.
fn possible(
    candidates: &[Candidate],
    low: [u8; 3],
    width: u8,
) -> impl Iterator<Item = Candidate> + '_ {
    let high = low.map(|v| v + (width - 1));
    // The nearest and the farthest point of the cube, channel by channel.
    let closest = move |c: &Candidate| {
        squared(
            c.colour,
            [0, 1, 2].map(|i| c.colour[i].clamp(low[i], high[i])),
        )
    };
    let farthest = move |c: &Candidate| {
        let end = |i: usize| {
            let is_low = c.colour[i].abs_diff(low[i]) > c.colour[i].abs_diff(high[i]);
            if is_low { low[i] } else { high[i] }
        };
        squared(c.colour, [0, 1, 2].map(end))
    };
    let bound = candidates.iter().map(farthest).min().unwrap_or(0);
    candidates
        .iter()
        .filter(move |c| closest(c) <= bound)
        .copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn brute_force(colours: &[[u8; 3]], colour: [u8; 3]) -> u32 {
        let nearest = (0..colours.len()).min_by_key(|&i| squared(colours[i], colour));
        nearest.unwrap() as u32
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn the_nearest_is_what_brute_force_finds(
            colours in proptest::collection::vec(any::<[u8; 3]>(), 1..600),
            asked in proptest::collection::vec(any::<[u8; 3]>(), 500),
        ) {
            let nearest = Nearest::new(&colours);
            for colour in asked.into_iter().chain(colours.iter().copied()) {
                prop_assert_eq!(nearest.level(colour), brute_force(&colours, colour));
            }
        }
    }

    #[test]
    fn crowded_corners_and_far_places_are_exact_too() {
        // 512 colours in one corner, so that most cells are far from all of them; asked on cell borders.
        let colours: Vec<[u8; 3]> = (0..512u32)
            .map(|i| [i / 64, i / 8 % 8, i % 8].map(|v| v as u8 * 3))
            .collect();
        let nearest = Nearest::new(&colours);
        let edges = [0u8, 7, 8, 31, 32, 100, 127, 128, 248, 255];
        for r in edges {
            for g in edges {
                for b in edges {
                    let (got, best) = (nearest.level([r, g, b]), brute_force(&colours, [r, g, b]));
                    assert_eq!(got, best, "{r} {g} {b}");
                }
            }
        }
    }
}
