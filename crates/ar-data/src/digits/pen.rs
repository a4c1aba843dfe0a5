//! Ink on pixels: thick lines of varying width by their distance field, anti-aliased.

use super::curve::Point;

/// Width and height of an image, in pixels.
pub(super) const SIDE: usize = 28;
/// Pixels of an image.
pub(super) const PIXELS: usize = SIDE * SIDE;

/// Width of the grey edge of a stroke, in pixels. A little more than the one pixel of an exact box
/// filter, because MNIST's own scans were scaled down.
const EDGE: f32 = 1.3;

/// One place of a stroke: where the pen was, and how thick its line there, in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dot {
    pub(super) at: Point,
    pub(super) radius: f32,
}

/// The sheet: ink per pixel in `0..=1`, row by row from the top left.
#[derive(Debug)]
pub(super) struct Paper([f32; PIXELS]);

impl Paper {
    pub(super) fn blank() -> Self {
        Self([0.0; PIXELS])
    }

    /// Inks the polyline through `dots`. Where lines overlap the darker one wins, so that a
    /// crossing is no blot; what lies off the sheet is lost.
    pub(super) fn ink(&mut self, dots: &[Dot]) {
        if let [only] = dots {
            self.ink_piece(*only, *only);
        }
        for pair in dots.windows(2) {
            self.ink_piece(pair[0], pair[1]);
        }
    }

    /// Inks one straight piece, touching only the pixels its line can reach.
    fn ink_piece(&mut self, from: Dot, to: Dot) {
        let reach = from.radius.max(to.radius) + 0.5 * EDGE;
        let [columns, rows] = [0, 1].map(|axis| {
            let (low, high) = (
                from.at[axis].min(to.at[axis]),
                from.at[axis].max(to.at[axis]),
            );
            // A float cast saturates: below 0 becomes 0.
            ((low - reach) as usize)..((high + reach + 1.0) as usize).min(SIDE)
        });
        let (dx, dy) = (to.at[0] - from.at[0], to.at[1] - from.at[1]);
        let per_length2 = 1.0 / (dx * dx + dy * dy).max(1e-12);
        let thickening = to.radius - from.radius;
        for row in rows {
            let y = row as f32 + 0.5 - from.at[1];
            for column in columns.clone() {
                let x = column as f32 + 0.5 - from.at[0];
                let along = ((x * dx + y * dy) * per_length2).clamp(0.0, 1.0);
                let (off_x, off_y) = (x - along * dx, y - along * dy);
                let inside =
                    from.radius + along * thickening - (off_x * off_x + off_y * off_y).sqrt();
                let pixel = &mut self.0[row * SIDE + column];
                *pixel = pixel.max((inside / EDGE + 0.5).min(1.0));
            }
        }
    }

    /// The sheet as grey levels: 0 is bare, 255 is full ink.
    pub(super) fn levels(&self) -> [u8; PIXELS] {
        self.0.map(|ink| (ink * 255.0 + 0.5) as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dot(x: f32, y: f32, radius: f32) -> Dot {
        Dot { at: [x, y], radius }
    }

    #[test]
    fn a_level_line_has_the_thickness_asked_for() {
        let mut paper = Paper::blank();
        paper.ink(&[dot(4.0, 14.0, 1.5), dot(24.0, 14.0, 1.5)]);
        let levels = paper.levels();
        let column: f32 = (0..SIDE)
            .map(|row| f32::from(levels[row * SIDE + 14]) / 255.0)
            .sum();
        assert!(
            (column - 3.0).abs() < 0.05,
            "{column} pixels of ink across a line 3 wide"
        );
        assert_eq!(levels[13 * SIDE + 14], 255);
        assert_eq!(levels[10 * SIDE + 14], 0);
    }

    #[test]
    fn a_line_grows_thicker_along_its_way() {
        let mut paper = Paper::blank();
        paper.ink(&[dot(14.0, 4.0, 1.0), dot(14.0, 24.0, 2.0)]);
        let row = |y: usize| {
            paper.levels()[y * SIDE..(y + 1) * SIDE]
                .iter()
                .map(|&v| u32::from(v))
                .sum::<u32>()
        };
        assert!(row(6) < row(14) && row(14) < row(22));
    }

    #[test]
    fn ink_off_the_sheet_is_lost_without_harm() {
        let mut paper = Paper::blank();
        paper.ink(&[dot(-30.0, -9.0, 2.0), dot(-20.0, 50.0, 2.0)]);
        paper.ink(&[dot(60.0, 90.0, 2.0)]);
        assert_eq!(paper.levels(), [0; PIXELS]);
    }

    #[test]
    fn a_lone_dot_is_a_disc() {
        let mut paper = Paper::blank();
        paper.ink(&[dot(14.0, 14.0, 3.0)]);
        let ink: f32 = paper.levels().iter().map(|&v| f32::from(v) / 255.0).sum();
        assert!((ink - 9.0 * std::f32::consts::PI).abs() < 0.6, "{ink}");
    }
}
