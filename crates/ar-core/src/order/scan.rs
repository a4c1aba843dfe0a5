//! Names of the orders in which the pixels of an image can be generated.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::pixels;
use crate::{Error, Result};

/// What a name can be, for messages.
const NAMES: &str = "raster, s-curve, hilbert, spiral, checkerboard, random:SEED, \
    coarse-to-fine, subscale:S (S from 2 to 16), blocks:HxW (1 to 256 each) or pixels:LIST, \
    followed by any of +transpose, +flip and +mirror";

/// Which of transpose, flip and mirror are toggled in each of the eight symmetries.
const TOGGLES: [[bool; 3]; 8] = [
    [false, false, false],
    [false, true, true],
    [false, true, false],
    [false, false, true],
    [true, false, false],
    [true, true, true],
    [true, true, false],
    [true, false, true],
];

/// How an order walks over the pixels, before it is reflected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Walk {
    /// Rows from the top, each from left to right.
    Raster,
    /// Rows from the top, the first from left to right, the next from right to left, and so on.
    SCurve,
    /// A generalised Hilbert curve from the top left to the top right corner. Each step goes to a
    /// neighbour. All steps are straight, but for one diagonal step where the width is odd and the
    /// height even: there no straight path joins these corners. An image one pixel wide is walked
    /// from top to bottom.
    Hilbert,
    /// Clockwise from the top left corner, ring after ring inwards.
    Spiral,
    /// The pixels with an even sum of row and column in raster order, then the others.
    Checkerboard,
    /// A random order.
    Random {
        /// What it is drawn from.
        seed: u64,
        /// Which of the orders of that seed.
        member: u32,
    },
    /// A coarse grid of at most 4x4 pixels one by one, then ever finer grids, each in up to three
    /// groups of pixels that are drawn at once.
    CoarseToFine,
    /// The image as interleaved slices, one slice after the other: each takes every S-th pixel of
    /// every S-th row. Names have S from 2 to 16; a smaller S walks as 1, which is raster order.
    Subscale(u32),
    /// Blocks of so many rows and columns in raster order, the pixels of each in raster order too
    /// (Parmar et al. 2018, Image Transformer, arXiv:1802.05751, section 3.3). Those at the right and
    /// lower border are smaller where the size asks for it.
    Blocks(u32, u32),
    /// A permutation of the caller's, for images of its number of pixels alone: `row * width + column` of
    /// each in turn. `pixels:` and these numbers with commas between is its name.
    Pixels(&'static [u32]),
}

/// A named order of the pixels of an image of any size: a walk, and how it is turned.
///
/// The walk is made over an image of the transposed size if `transpose` is set, and rows and
/// columns are exchanged; then the rows are flipped, then the columns mirrored.
///
/// Text such as `hilbert+flip` is read with `parse` and written with `to_string`. Every path with
/// a name is read back as it was written. `{:#}` cuts a list of pixels short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scan {
    /// The order before it is turned.
    pub walk: Walk,
    /// Exchange rows and columns.
    pub transpose: bool,
    /// Turn upside down.
    pub flip: bool,
    /// Exchange left and right.
    pub mirror: bool,
}

impl Default for Scan {
    fn default() -> Self {
        Self::RASTER
    }
}

impl Scan {
    /// Rows from the top, each from left to right.
    pub const RASTER: Self = Self {
        walk: Walk::Raster,
        transpose: false,
        flip: false,
        mirror: false,
    };

    /// This path turned in all eight ways: itself, then its half turn, then the other two that
    /// keep `transpose`, then the four that toggle it, in the same order.
    ///
    /// For every walk but a random one the eight are different orders on all images of at least
    /// 2x2 pixels. Those of a random walk differ but for chance.
    #[must_use]
    pub fn symmetries(self) -> [Self; 8] {
        TOGGLES.map(|[transpose, flip, mirror]| Self {
            walk: self.walk,
            transpose: self.transpose ^ transpose,
            flip: self.flip ^ flip,
            mirror: self.mirror ^ mirror,
        })
    }

    /// The first `count` of a family of different paths that begins with this one.
    ///
    /// The family of a random walk are the orders of its seed from its own on, turned as this one
    /// is. That of any other walk are its [symmetries](Self::symmetries).
    ///
    /// # Errors
    /// [`Error::Config`] when `count` is not from 1 to 8, or from 1 to 1024 for a random walk.
    pub fn several(self, count: usize) -> Result<Vec<Self>> {
        let most = match self.walk {
            Walk::Random { .. } => 1024,
            _ => 8,
        };
        if !(1..=most).contains(&count) {
            let problem = format!("must be from 1 to {most} for {self:#}, not {count}");
            return Err(Error::config("orders", problem));
        }
        let Walk::Random { seed, member } = self.walk else {
            return Ok(self.symmetries().into_iter().take(count).collect());
        };
        let member = |i| member.wrapping_add(i);
        let walks = (0..count as u32).map(|i| Walk::Random {
            seed,
            member: member(i),
        });
        Ok(walks.map(|walk| Self { walk, ..self }).collect())
    }

    /// Whether, on an image of some size, the pixel at `(y + dy, x + dx)` can be generated before
    /// the pixel at `(y, x)`.
    ///
    /// Exact for raster and s-curve. For the other walks the answer is true for every offset but
    /// `(0, 0)`, also for the few that never come before. For walks with a spacing the offsets are
    /// multiples of it.
    #[must_use]
    pub fn may_precede(self, dy: isize, dx: isize) -> bool {
        // Signs are enough, and unlike offsets they can always be negated.
        let dy = if self.flip { -dy.signum() } else { dy.signum() };
        let dx = if self.mirror {
            -dx.signum()
        } else {
            dx.signum()
        };
        let (across, along) = if self.transpose { (dx, dy) } else { (dy, dx) };
        match self.walk {
            Walk::Raster => (across, along) < (0, 0),
            Walk::SCurve => across < 0 || (across == 0 && along != 0),
            _ => (across, along) != (0, 0),
        }
    }

    /// Whether the line of the pixel at `(y + dy, x + dx)` is walked before that of `(y, x)`, in a
    /// walk of lines, or with `own` whether it is the same.
    pub(super) fn line_precedes(self, dy: isize, dx: isize, own: bool) -> bool {
        let (across, backwards) = if self.transpose {
            (dx, self.mirror)
        } else {
            (dy, self.flip)
        };
        let before = if backwards { across > 0 } else { across < 0 };
        before || own && across == 0
    }
}

impl fmt::Display for Scan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut name = match self.walk {
            Walk::Raster => "raster".to_owned(),
            Walk::SCurve => "s-curve".to_owned(),
            Walk::Hilbert => "hilbert".to_owned(),
            Walk::Spiral => "spiral".to_owned(),
            Walk::Checkerboard => "checkerboard".to_owned(),
            Walk::Random { seed, member: 0 } => format!("random:{seed}"),
            Walk::Random { seed, member } => format!("random:{seed}.{member}"),
            Walk::CoarseToFine => "coarse-to-fine".to_owned(),
            Walk::Subscale(step) => format!("subscale:{step}"),
            Walk::Blocks(height, width) => format!("blocks:{height}x{width}"),
            Walk::Pixels(pixels) => {
                let shown = if f.alternate() { 4 } else { pixels.len() };
                let numbers: Vec<String> = pixels.iter().take(shown).map(u32::to_string).collect();
                let rest = if pixels.len() > shown { ",.." } else { "" };
                format!("pixels:{}{rest}", numbers.join(","))
            }
        };
        let turns = [
            (self.transpose, "+transpose"),
            (self.flip, "+flip"),
            (self.mirror, "+mirror"),
        ];
        for (_, turn) in turns.into_iter().filter(|(set, _)| *set) {
            name.push_str(turn);
        }
        f.pad(&name)
    }
}

impl FromStr for Scan {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |what: String| Error::config("order", format!("{what}; an order is {NAMES}"));
        let (name, turns) = text
            .split_once('+')
            .map_or((text, None), |(n, t)| (n, Some(t)));
        let mut path = Self {
            walk: walk_named(name).map_err(wrong)?,
            ..Self::RASTER
        };
        for turn in turns.iter().flat_map(|turns| turns.split('+')) {
            let set = match turn {
                "transpose" => &mut path.transpose,
                "flip" => &mut path.flip,
                "mirror" => &mut path.mirror,
                _ => return Err(wrong(format!("no turn is called {turn:?}"))),
            };
            if std::mem::replace(set, true) {
                return Err(wrong(format!("+{turn} is there twice")));
            }
        }
        Ok(path)
    }
}

fn walk_named(text: &str) -> std::result::Result<Walk, String> {
    let (name, number) = text
        .split_once(':')
        .map_or((text, None), |(n, s)| (n, Some(s)));
    let walk = match name {
        "raster" | "natural" => Walk::Raster,
        "s-curve" => Walk::SCurve,
        "hilbert" => Walk::Hilbert,
        "spiral" => Walk::Spiral,
        "checkerboard" => Walk::Checkerboard,
        "coarse-to-fine" => Walk::CoarseToFine,
        "random" => {
            let (seed, member) = match number.unwrap_or("0").split_once('.') {
                Some((seed, member)) => (seed, member),
                None => (number.unwrap_or("0"), "0"),
            };
            return match (digits(seed), digits(member)) {
                (Some(seed), Some(member)) => Ok(Walk::Random { seed, member }),
                _ => Err("random needs a whole number as seed".to_owned()),
            };
        }
        "subscale" => {
            let step = number.and_then(digits);
            let step = step.filter(|step| (2..=16).contains(step));
            return step
                .map(Walk::Subscale)
                .ok_or("subscale needs S from 2 to 16".to_owned());
        }
        "blocks" => {
            let side = |text: &str| digits(text).filter(|side| (1..=256).contains(side));
            let sides = number.and_then(|sides| sides.split_once('x'));
            let sides = sides.and_then(|(height, width)| Some((side(height)?, side(width)?)));
            return sides
                .map(|(height, width)| Walk::Blocks(height, width))
                .ok_or("blocks needs HxW, each from 1 to 256".to_owned());
        }
        "pixels" => return pixels::parse(number.unwrap_or_default()).map(Walk::Pixels),
        _ => return Err(format!("no walk is called {name:?}")),
    };
    match number {
        None => Ok(walk),
        Some(_) => Err(format!("{name} takes no number")),
    }
}

/// A number of digits alone.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

impl TryFrom<String> for Scan {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<Scan> for String {
    fn from(scan: Scan) -> Self {
        scan.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const WALKS: [&str; 11] = [
        "raster",
        "s-curve",
        "hilbert",
        "spiral",
        "checkerboard",
        "random:18446744073709551615",
        "coarse-to-fine",
        "subscale:2",
        "subscale:16",
        "blocks:8x16",
        "pixels:4,2,0,1,3,5",
    ];

    fn path(name: &str) -> Scan {
        name.parse().unwrap()
    }

    #[test]
    fn names_round_trip() {
        for name in WALKS {
            assert_eq!(path(name).to_string(), name);
            for turned in path(name).symmetries() {
                assert_eq!(path(&turned.to_string()), turned);
            }
        }
        assert_eq!(path("natural"), Scan::RASTER);
        assert_eq!(Scan::default(), Scan::RASTER);
        assert_eq!(
            format!("{:#}", path("pixels:4,2,0,1,3,5+flip")),
            "pixels:4,2,0,1,..+flip"
        );
        let all = "hilbert+mirror+transpose+flip";
        assert_eq!(path(all).to_string(), "hilbert+transpose+flip+mirror");
    }

    #[test]
    fn bad_names_are_refused() {
        let cases = [
            ("", "no walk is called \"\""),
            ("Raster", "no walk is called"),
            (" raster", "no walk is called"),
            ("raster:1", "raster takes no number"),
            ("raster+", "no turn is called \"\""),
            ("raster+rotate", "no turn is called \"rotate\""),
            ("raster+flip+mirror+flip", "+flip is there twice"),
            ("random:+1", "needs a whole number"),
            ("random:-1", "needs a whole number"),
            ("random:18446744073709551616", "needs a whole number"),
            ("subscale", "S from 2 to 16"),
            ("subscale:1", "subscale needs S"),
            ("subscale:17", "subscale needs S"),
            ("blocks", "blocks needs HxW"),
            ("blocks:4", "blocks needs HxW"),
            ("blocks:0x4", "blocks needs HxW"),
            ("blocks:4x257", "blocks needs HxW"),
            ("pixels", "no number of a pixel"),
            ("pixels:0,2", "none 2"),
        ];
        for (name, what) in cases {
            let message = name.parse::<Scan>().unwrap_err().to_string();
            assert!(message.contains(what), "{message}");
            assert!(
                message.contains("coarse-to-fine") && message.contains("+mirror"),
                "{message}"
            );
        }
    }

    #[test]
    fn symmetries_begin_with_the_half_turn_and_keep_the_transpose() {
        for start in path("spiral").symmetries() {
            let eight = start.symmetries();
            assert_eq!(eight[0], start);
            assert_eq!(
                eight[1],
                Scan {
                    flip: !start.flip,
                    mirror: !start.mirror,
                    ..start
                }
            );
            assert!(
                eight[..4]
                    .iter()
                    .all(|turned| turned.transpose == start.transpose)
            );
            assert_eq!(HashSet::from(eight).len(), 8);
        }
    }

    #[test]
    fn several_are_symmetries_or_members() {
        let hilbert = path("hilbert+flip");
        assert_eq!(hilbert.several(8).unwrap(), hilbert.symmetries());
        assert_eq!(hilbert.several(1).unwrap(), [hilbert]);
        assert!(hilbert.several(0).is_err());
        assert!(
            hilbert
                .several(9)
                .unwrap_err()
                .to_string()
                .contains("from 1 to 8")
        );
        let some = path("random:7+flip");
        assert_eq!(some.several(2).unwrap(), [some, path("random:7.1+flip")]);
        let many: HashSet<_> = some.several(1024).unwrap().into_iter().collect();
        assert_eq!(many.len(), 1024);
        assert!(some.several(1025).is_err());
    }

    #[test]
    fn offsets_of_any_size_are_judged() {
        assert!(Scan::RASTER.may_precede(isize::MIN, isize::MAX));
        assert!(path("raster+flip").may_precede(isize::MAX, isize::MIN));
        assert!(path("raster+transpose").may_precede(1, -1));
        assert!(!path("raster+transpose").may_precede(-1, 1));
        assert!(path("s-curve").may_precede(0, 1) && !path("s-curve").may_precede(1, 0));
        assert!(WALKS.iter().all(|name| !path(name).may_precede(0, 0)));
    }
}
