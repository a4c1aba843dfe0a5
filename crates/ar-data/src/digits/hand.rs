//! A hand: what makes the same shape look different each time somebody writes it.

use super::curve::{self, Point};
use super::dice::Dice;
use super::pen::{Dot, SIDE};

/// Height (or width, where that is more) of a written digit with its ink, in pixels, as in MNIST.
const GLYPH: f32 = 20.0;
/// Bare pixels kept at every edge of the image.
const MARGIN: f32 = 2.0;

/// The habits behind one image.
#[derive(Debug)]
pub(super) struct Hand {
    /// x gained per unit of height: to the right when positive.
    slant: f32,
    /// Width over height, against the table of shapes.
    breadth: f32,
    /// Tangent of half the angle of rotation, which turns without a sine.
    half_turn: f32,
    /// Coefficients of the smooth warp of the paper, per axis: those of x², xy, y² and y³.
    warp: [[f32; 4]; 2],
    /// How far a single control point strays, in units of the glyph's height.
    wobble: f32,
    /// Radius of the pen, in pixels.
    radius: f32,
    /// Size against [`GLYPH`].
    size: f32,
    /// Where the middle of the ink lies, from the middle of the image, in pixels.
    offset: Point,
}

impl Hand {
    pub(super) fn new(dice: &mut Dice) -> Self {
        Self {
            slant: 0.11 + 0.19 * dice.bell(),
            breadth: 1.1 + 0.15 * dice.bell(),
            half_turn: 0.045 * dice.bell(),
            warp: [0, 1].map(|_| [0.07, 0.07, 0.05, 0.04].map(|spread| spread * dice.bell())),
            wobble: dice.between(0.006, 0.026),
            radius: (1.25 + 0.24 * dice.bell()).clamp(0.8, 1.7),
            size: dice.between(0.95, 1.03),
            offset: [0.4 * dice.bell(), 0.4 * dice.bell()],
        }
    }

    /// Writes `shape`, strokes of control points in units of the glyph's height, as lines of ink in
    /// pixels.
    pub(super) fn write(&self, shape: &[Vec<Point>], dice: &mut Dice) -> Vec<Vec<Dot>> {
        let mut line = Vec::new();
        let mut strokes: Vec<Vec<Dot>> = shape
            .iter()
            .map(|points| {
                curve::trace(&self.stray(points, dice), &mut line);
                self.press(&line, dice)
            })
            .collect();
        self.place(&mut strokes);
        strokes
    }

    /// Moves control points: each a little at random, neighbours alike, and all by the hand's own
    /// bends.
    fn stray(&self, points: &[Point], dice: &mut Dice) -> Vec<Point> {
        let mut step = [0.0; 2];
        let mut previous = None;
        points
            .iter()
            .map(|&point| {
                // A doubled point is a corner and has to stay one.
                if previous != Some(point) {
                    step = step.map(|s| 0.5 * s + self.wobble * dice.bell());
                }
                previous = Some(point);
                self.bend([point[0] + step[0], point[1] + step[1]])
            })
            .collect()
    }

    /// Warp, breadth, slant and rotation, about the middle of the glyph.
    fn bend(&self, [x, y]: Point) -> Point {
        // The middle of a glyph as the tables have it; from here x is about ±0.7 and y is ±1.
        let (u, v) = (2.0 * (x - 0.35), 2.0 * (y - 0.5));
        let [x, y] = [(u, self.warp[0]), (v, self.warp[1])].map(|(from, [uu, uv, vv, vvv])| {
            from + uu * u * u + uv * u * v + vv * v * v + vvv * v * v * v
        });
        let (x, y) = (self.breadth * x - self.slant * y, y);
        let per_norm = 1.0 / (1.0 + self.half_turn * self.half_turn);
        let cosine = (1.0 - self.half_turn * self.half_turn) * per_norm;
        let sine = 2.0 * self.half_turn * per_norm;
        [x * cosine - y * sine, x * sine + y * cosine]
    }

    /// Gives a line its thickness: the pressure drifts and swells along the way and eases at the
    /// ends.
    fn press(&self, line: &[Point], dice: &mut Dice) -> Vec<Dot> {
        let (drift, swell) = (0.09 * dice.bell(), 0.08 * dice.bell());
        let ease = [dice.between(0.0, 0.3), dice.between(0.0, 0.3)];
        let last = line.len().saturating_sub(1).max(1) as f32;
        line.iter()
            .enumerate()
            .map(|(i, &at)| {
                let along = i as f32 / last;
                let middle = 2.0 * along - 1.0;
                let near_end = |distance: f32| (1.0 - 8.0 * distance).max(0.0);
                let pressure = (1.0 + drift * middle + swell * (0.5 - middle * middle))
                    * (1.0 - ease[0] * near_end(along) - ease[1] * near_end(1.0 - along));
                Dot {
                    at,
                    radius: self.radius * pressure,
                }
            })
            .collect()
    }

    /// Scales the strokes to the glyph's size and puts the middle of their ink into the middle of
    /// the image, a little off, but never over the margin.
    fn place(&self, strokes: &mut [Vec<Dot>]) {
        let (low, high) = bounds(strokes);
        let extent = (high[0] - low[0]).max(high[1] - low[1]).max(1e-3);
        let scale = (self.size * GLYPH - 2.0 * self.radius) / extent;
        let centre = centre_of_ink(strokes);
        let shift = [0, 1].map(|axis| {
            let middle = 0.5 * SIDE as f32;
            let wanted = middle + self.offset[axis] - scale * centre[axis];
            let border = MARGIN + self.radius;
            wanted
                .min(SIDE as f32 - border - scale * high[axis])
                .max(border - scale * low[axis])
        });
        for dot in strokes.iter_mut().flatten() {
            dot.at = [0, 1].map(|axis| scale * dot.at[axis] + shift[axis]);
        }
    }
}

/// The smallest box around the middle lines: its top left and bottom right.
fn bounds(strokes: &[Vec<Dot>]) -> (Point, Point) {
    strokes
        .iter()
        .flatten()
        .fold(([f32::MAX; 2], [f32::MIN; 2]), |(low, high), dot| {
            (
                [0, 1].map(|axis| low[axis].min(dot.at[axis])),
                [0, 1].map(|axis| high[axis].max(dot.at[axis])),
            )
        })
}

/// The centre of mass of the lines, each piece weighing its length times its thickness.
fn centre_of_ink(strokes: &[Vec<Dot>]) -> Point {
    let (mut sum, mut mass) = ([0.0; 2], 0.0);
    for pair in strokes.iter().flat_map(|stroke| stroke.windows(2)) {
        let [from, to] = [pair[0], pair[1]];
        let (dx, dy) = (to.at[0] - from.at[0], to.at[1] - from.at[1]);
        let weight = (dx * dx + dy * dy).sqrt() * (from.radius + to.radius);
        mass += weight;
        sum = [0, 1].map(|axis| sum[axis] + weight * 0.5 * (from.at[axis] + to.at[axis]));
    }
    sum.map(|s| s / f32::max(mass, 1e-6))
}
