//! The walks themselves: from a path and a size to the order of the pixels.

use rand::seq::SliceRandom;

use super::scan::{Scan, Walk};
use crate::random::stream;

/// A path over an image of one size. Pixels are numbered `row * width + column`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Walked {
    /// The pixels in the order of generation.
    pub positions: Vec<u32>,
    /// Where each group of pixels that is drawn at once ends in `positions`; empty when every
    /// pixel is drawn alone.
    pub ends: Vec<u32>,
    /// The number of each pixel's line, by pixel, counted in the order the lines are walked.
    /// Empty for walks that do not finish one line before the next.
    pub lines: Vec<u32>,
    /// The distance at which the pixels known before lie, by pixel; empty when 1 everywhere.
    pub spacing: Vec<u32>,
}

impl Scan {
    /// Walks over an image of `height` rows and `width` columns.
    ///
    /// An image without pixels, or with more than a `u32` can number, gives an empty result.
    #[must_use]
    pub(crate) fn walk_over(self, height: usize, width: usize) -> Walked {
        let pixels = height
            .checked_mul(width)
            .filter(|&pixels| u32::try_from(pixels).is_ok());
        if pixels.is_none_or(|pixels| pixels == 0) {
            return Walked::default();
        }
        let (height, width) = if self.transpose {
            (width, height)
        } else {
            (height, width)
        };
        let area = Area { height, width };
        let walked = match self.walk {
            Walk::Raster => area.lined(area.every((0, 0), (1, 1)).collect()),
            Walk::SCurve => area.lined(area.s_curve()),
            Walk::Hilbert => alone(area.hilbert()),
            Walk::Spiral => alone(area.spiral()),
            Walk::Checkerboard => alone(area.checkerboard()),
            Walk::Random { seed, member } => alone(area.random(seed, member)),
            Walk::CoarseToFine => area.coarse_to_fine(),
            Walk::Subscale(step) => area.subscale(step),
            Walk::Blocks(rows, columns) => alone(area.blocks([rows, columns])),
            Walk::Pixels(pixels) => alone(pixels.to_vec()),
        };
        self.turned(walked, area)
    }

    /// Turns a walk over an area, which has the size of the image before it is turned.
    fn turned(self, walked: Walked, area: Area) -> Walked {
        let Area { height, width } = area;
        let (height, width) = if self.transpose {
            (width, height)
        } else {
            (height, width)
        };
        let turn = |position: usize| {
            let (row, column) = (position / area.width, position % area.width);
            let (row, column) = if self.transpose {
                (column, row)
            } else {
                (row, column)
            };
            let row = if self.flip { height - 1 - row } else { row };
            let column = if self.mirror {
                width - 1 - column
            } else {
                column
            };
            row * width + column
        };
        let moved = |values: Vec<u32>| {
            let mut turned = vec![0; values.len()];
            for (position, value) in values.into_iter().enumerate() {
                turned[turn(position)] = value;
            }
            turned
        };
        Walked {
            positions: walked
                .positions
                .iter()
                .map(|&at| turn(at as usize) as u32)
                .collect(),
            ends: walked.ends,
            lines: moved(walked.lines),
            spacing: moved(walked.spacing),
        }
    }
}

/// A walk that draws every pixel alone, next to known ones.
fn alone(positions: Vec<u32>) -> Walked {
    Walked {
        positions,
        ..Walked::default()
    }
}

/// The size of an image before it is turned: at least 1x1, with pixels that a `u32` can number.
#[derive(Clone, Copy)]
struct Area {
    height: usize,
    width: usize,
}

impl Area {
    fn pixels(self) -> usize {
        self.height * self.width
    }

    fn position(self, row: usize, column: usize) -> u32 {
        (row * self.width + column) as u32
    }

    /// The pixels from `first` on in steps of `step`, both as row and column, in raster order.
    fn every(
        self,
        first: (usize, usize),
        step: (usize, usize),
    ) -> impl Iterator<Item = u32> + use<> {
        (first.0..self.height).step_by(step.0).flat_map(move |row| {
            let columns = (first.1..self.width).step_by(step.1);
            columns.map(move |column| self.position(row, column))
        })
    }

    /// A walk that finishes one row before the next.
    fn lined(self, positions: Vec<u32>) -> Walked {
        let lines = (0..self.pixels())
            .map(|position| (position / self.width) as u32)
            .collect();
        Walked {
            lines,
            ..alone(positions)
        }
    }

    fn s_curve(self) -> Vec<u32> {
        let mut positions: Vec<u32> = self.every((0, 0), (1, 1)).collect();
        for row in positions.chunks_mut(self.width).skip(1).step_by(2) {
            row.reverse();
        }
        positions
    }

    fn hilbert(self) -> Vec<u32> {
        let mut points = Vec::with_capacity(self.pixels());
        let all = Piece {
            start: (0, 0),
            along: (0, 1),
            across: (1, 0),
            length: self.width as isize,
            breadth: self.height as isize,
        };
        all.walk(&mut |(row, column)| points.push(self.position(row as usize, column as usize)));
        points
    }

    fn blocks(self, sides: [u32; 2]) -> Vec<u32> {
        let [rows, columns] = sides.map(|side| side.max(1) as usize);
        let mut positions: Vec<u32> = self.every((0, 0), (1, 1)).collect();
        positions.sort_by_key(|at| {
            let (row, column) = (*at as usize / self.width, *at as usize % self.width);
            (row / rows, column / columns)
        });
        positions
    }

    fn spiral(self) -> Vec<u32> {
        let mut positions = Vec::with_capacity(self.pixels());
        for ring in 0..self.height.min(self.width).div_ceil(2) {
            let (bottom, right) = (self.height - 1 - ring, self.width - 1 - ring);
            positions.extend((ring..=right).map(|column| self.position(ring, column)));
            positions.extend((ring + 1..=bottom).map(|row| self.position(row, right)));
            // A ring of a single row or column has no way back.
            if ring < bottom && ring < right {
                positions.extend(
                    (ring..right)
                        .rev()
                        .map(|column| self.position(bottom, column)),
                );
                positions.extend((ring + 1..bottom).rev().map(|row| self.position(row, ring)));
            }
        }
        positions
    }

    fn checkerboard(self) -> Vec<u32> {
        let all = || self.every((0, 0), (1, 1));
        let odd =
            |&at: &u32| !(at as usize / self.width + at as usize % self.width).is_multiple_of(2);
        all()
            .filter(|at| !odd(at))
            .chain(all().filter(odd))
            .collect()
    }

    /// Makes a permutation of the pixels of what should be one already.
    fn random(self, seed: u64, member: u32) -> Vec<u32> {
        let mut positions: Vec<u32> = self.every((0, 0), (1, 1)).collect();
        // The name is older than this walk: MADE drew its orders so, and its checkpoints open.
        positions.shuffle(&mut stream(seed, "made order", &[u64::from(member)]));
        positions
    }

    fn coarse_to_fine(self) -> Walked {
        let mut coarsest = 1;
        while self.height.max(self.width).div_ceil(coarsest) > 4 {
            coarsest *= 2;
        }
        let mut positions: Vec<u32> = self.every((0, 0), (coarsest, coarsest)).collect();
        let mut ends: Vec<u32> = (1..=positions.len() as u32).collect();
        let mut spacing = vec![coarsest as u32; self.pixels()];
        let mut fine = coarsest / 2;
        while fine > 0 {
            for first in [(fine, fine), (0, fine), (fine, 0)] {
                let start = positions.len();
                positions.extend(self.every(first, (2 * fine, 2 * fine)));
                for &at in &positions[start..] {
                    spacing[at as usize] = fine as u32;
                }
                if positions.len() > start {
                    ends.push(positions.len() as u32);
                }
            }
            fine /= 2;
        }
        if ends.len() == positions.len() {
            ends.clear();
        }
        Walked {
            ends,
            spacing: unless_ones(spacing),
            ..alone(positions)
        }
    }

    fn subscale(self, step: u32) -> Walked {
        let step = step.max(1) as usize;
        let mut positions = Vec::with_capacity(self.pixels());
        for row in 0..step.min(self.height) {
            for column in 0..step.min(self.width) {
                positions.extend(self.every((row, column), (step, step)));
            }
        }
        let mut spacing = vec![1; self.pixels()];
        for at in self.every((0, 0), (step, step)) {
            spacing[at as usize] = step as u32;
        }
        Walked {
            spacing: unless_ones(spacing),
            ..alone(positions)
        }
    }
}

fn unless_ones(spacing: Vec<u32>) -> Vec<u32> {
    if spacing.iter().all(|&distance| distance == 1) {
        Vec::new()
    } else {
        spacing
    }
}

/// A row and a column, or the direction of a step.
type Point = (isize, isize);

/// A rectangle that a Hilbert curve fills, from its start to the other end of its first line.
///
/// If its length is odd and its breadth even, a path of straight steps changes colour on a
/// chessboard once too often to join the two ends, so one step must be diagonal. Cutting at even
/// places keeps all parts but at most one free of that.
#[derive(Clone, Copy)]
struct Piece {
    start: Point,
    /// The direction from the start to the end.
    along: Point,
    /// The direction away from the line between the two.
    across: Point,
    length: isize,
    breadth: isize,
}

impl Piece {
    fn point(&self, along: isize, across: isize) -> Point {
        let row = self.start.0 + along * self.along.0 + across * self.across.0;
        (
            row,
            self.start.1 + along * self.along.1 + across * self.across.1,
        )
    }

    fn walk(&self, visit: &mut dyn FnMut(Point)) {
        let Self {
            length, breadth, ..
        } = *self;
        if length == 1 || breadth <= 2 {
            self.walk_narrow(visit);
        } else if 2 * length > 3 * breadth {
            let cut = even_half(length);
            Self {
                length: cut,
                ..*self
            }
            .walk(visit);
            Self {
                start: self.point(cut, 0),
                length: length - cut,
                ..*self
            }
            .walk(visit);
        } else {
            self.walk_bent(visit);
        }
    }

    /// Away from the first line, along the far part, and back.
    fn walk_bent(&self, visit: &mut dyn FnMut(Point)) {
        let Self {
            along,
            across,
            length,
            breadth,
            ..
        } = *self;
        let (near, half) = (even_half(breadth), length / 2);
        let turned = Self {
            along: across,
            across: along,
            length: near,
            ..*self
        };
        Self {
            breadth: half,
            ..turned
        }
        .walk(visit);
        Self {
            start: self.point(0, near),
            breadth: breadth - near,
            ..*self
        }
        .walk(visit);
        Self {
            start: self.point(length - 1, near - 1),
            along: (-across.0, -across.1),
            across: (-along.0, -along.1),
            breadth: length - half,
            ..turned
        }
        .walk(visit);
    }

    /// A single line, or two lines joined by bars that are walked away and back in turn.
    fn walk_narrow(&self, visit: &mut dyn FnMut(Point)) {
        for along in 0..self.length {
            // The last bar must lead back; if their number is odd, the first two lead away.
            let away = along == 0 || (self.length - along) % 2 == 0;
            for across in 0..self.breadth {
                let across = if away {
                    across
                } else {
                    self.breadth - 1 - across
                };
                visit(self.point(along, across));
            }
        }
    }
}

/// The even number next to half of `whole`, at least 2.
fn even_half(whole: isize) -> isize {
    ((whole + 2) / 4 * 2).max(2)
}

#[cfg(test)]
mod tests;
