//! The order in which the values of an image are generated: an ordered partition of them.

mod pixels;
mod scan;
mod walk;

use std::sync::Arc;

use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::{Domain, Error, MaskType, Result};
pub use scan::{Scan, Walk};
use walk::Walked;

/// Whether the channels of a pixel are generated one after the other or drawn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelSteps {
    /// R, then G given R, then B given both: a step a channel.
    Separate,
    /// One step a pixel; the likelihood itself relates the channels.
    Joint,
}

/// One step of generation: a set of pixels, and the channel of them when channels are
/// [`ChannelSteps::Separate`]. Given all steps before, its pixels are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step<'a> {
    /// row · W + column of each pixel; one, unless the order draws many at once.
    pub positions: &'a [u32],
    /// The channel drawn in this step; 0 when channels are joint.
    pub channel: usize,
}

/// The order in which an image is generated: an ordered partition of its values. Masks, taps,
/// caches, loops and checks derive from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    height: usize,
    width: usize,
    channels: usize,
    channel_steps: ChannelSteps,
    /// What it is called; nothing, when it is a permutation of the caller's.
    scan: Option<Scan>,
    /// The scans with which a network shares its weights, its own among them.
    among: Arc<[Scan]>,
    /// The pixels by rank, those of one rank together.
    positions: Arc<[u32]>,
    /// Of each pixel.
    ranks: Arc<[u32]>,
    /// Where the ranks end in `positions`; empty when each has one pixel.
    ends: Arc<[u32]>,
    /// Of each pixel, when its line comes; empty where the order has no lines.
    lines: Arc<[u32]>,
    /// Of each pixel; empty where it is 1.
    spacing: Arc<[u32]>,
}

impl Order {
    /// Rows from the top, columns from the left, channels one after the other.
    pub fn raster(domain: &Domain, channel_steps: ChannelSteps) -> Self {
        Self::named(Scan::RASTER, domain, channel_steps)
    }

    /// The order that `scan` names.
    ///
    /// # Errors
    /// [`Error::Config`] when it lists pixels and the image has another number of them.
    pub fn scan(scan: Scan, domain: &Domain, channel_steps: ChannelSteps) -> Result<Self> {
        if let Walk::Pixels(pixels) = scan.walk {
            lists_all(pixels, domain)?;
        }
        Ok(Self::named(scan, domain, channel_steps))
    }

    fn named(scan: Scan, domain: &Domain, channel_steps: ChannelSteps) -> Self {
        let walked = scan.walk_over(domain.height, domain.width);
        Self {
            scan: Some(scan),
            among: Arc::new([scan]),
            ..Self::of(walked, domain, channel_steps)
        }
    }

    /// Any order of the pixels: `positions[r]` is the position generated r-th.
    ///
    /// # Errors
    /// [`Error::Config`] when `positions` is not a permutation of `0..H·W`.
    pub fn permutation(
        domain: &Domain,
        channel_steps: ChannelSteps,
        positions: Vec<u32>,
    ) -> Result<Self> {
        pixels::permutes(&positions).map_err(|problem| Error::config("order", problem))?;
        lists_all(&positions, domain)?;
        let walked = Walked {
            positions,
            ..Walked::default()
        };
        Ok(Self::of(walked, domain, channel_steps))
    }

    /// First the pixels that `known` marks, `(H, W)`, then the others, each in raster order: every unknown
    /// value is given all that are known.
    ///
    /// # Errors
    /// [`Error::Config`] when `known` is of another size.
    pub fn known_first(
        domain: &Domain,
        channel_steps: ChannelSteps,
        known: &[bool],
    ) -> Result<Self> {
        let mut positions: Vec<u32> = (0..known.len() as u32).collect();
        positions.sort_by_key(|&p| !known[p as usize]);
        Self::permutation(domain, channel_steps, positions)
    }

    /// The pixels in an order drawn from `rng`, every one equally likely.
    pub fn random(domain: &Domain, channel_steps: ChannelSteps, rng: &mut impl Rng) -> Self {
        let mut positions: Vec<u32> = (0..domain.positions() as u32).collect();
        positions.shuffle(rng);
        let walked = Walked {
            positions,
            ..Walked::default()
        };
        Self::of(walked, domain, channel_steps)
    }

    fn of(walked: Walked, domain: &Domain, channel_steps: ChannelSteps) -> Self {
        let mut ranks = vec![0; walked.positions.len()];
        let mut rank = 0;
        for (i, &p) in walked.positions.iter().enumerate() {
            ranks[p as usize] = rank;
            let ends = walked.ends.get(rank as usize).copied();
            if ends.is_none_or(|end| end as usize == i + 1) {
                rank += 1;
            }
        }
        Self {
            height: domain.height,
            width: domain.width,
            channels: domain.channels,
            channel_steps,
            scan: None,
            among: Arc::new([]),
            positions: walked.positions.into(),
            ranks: ranks.into(),
            ends: walked.ends.into(),
            lines: walked.lines.into(),
            spacing: walked.spacing.into(),
        }
    }

    /// Says that a network in this order shares its weights with networks in those of `scans`: its
    /// kernels have a weight for every offset that one of them may read.
    pub fn among(self, scans: &[Scan]) -> Self {
        let own = self.scan.into_iter().filter(|own| !scans.contains(own));
        Self {
            among: scans.iter().copied().chain(own).collect(),
            ..self
        }
    }

    /// The same steps over an image whose every value is a pixel of its own: `(1, H, W · C)`, the
    /// channels of a pixel side by side.
    ///
    /// # Errors
    /// [`Error::Config`] when channels or pixels are drawn together.
    pub fn of_subpixels(&self) -> Result<Self> {
        if self.steps() != self.positions.len() * self.channels {
            return Err(Error::config(
                "order",
                "values that are drawn together are no sequence",
            ));
        }
        let c = self.channels as u32;
        let spread = |all: &[u32]| {
            let values = all.iter().flat_map(|p| (0..c).map(move |i| p * c + i));
            values.collect::<Arc<[u32]>>()
        };
        let repeated = |all: &[u32]| {
            let values = all
                .iter()
                .flat_map(|v| std::iter::repeat_n(*v, self.channels));
            values.collect::<Arc<[u32]>>()
        };
        Ok(Self {
            width: self.width * self.channels,
            channels: 1,
            channel_steps: ChannelSteps::Separate,
            positions: spread(&self.positions),
            ranks: spread(&self.ranks),
            lines: repeated(&self.lines),
            spacing: repeated(&self.spacing),
            ..self.clone()
        })
    }

    /// What it is called; nothing, when it is a permutation of the caller's.
    pub fn name(&self) -> Option<Scan> {
        self.scan
    }

    /// Whether the channels of a pixel are generated one after the other.
    pub fn channel_steps(&self) -> ChannelSteps {
        self.channel_steps
    }

    /// Whether it fixes the same values in the same steps as `other`, whatever each is called.
    pub fn same_steps(&self, other: &Self) -> bool {
        self.channel_steps == other.channel_steps
            && self.channels == other.channels
            && self.ranks == other.ranks
    }

    /// Rows of the map the order walks.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of the map the order walks.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Pixels, H·W.
    pub fn positions(&self) -> usize {
        self.height * self.width
    }

    /// Sets of pixels, each drawn at once: H·W, unless the order draws many pixels at once.
    pub fn ranks(&self) -> usize {
        match self.ends.len() {
            0 => self.positions.len(),
            ranks => ranks,
        }
    }

    /// Steps that each pixel takes: the number of channels, or 1 when they are joint.
    pub fn steps_per_position(&self) -> usize {
        match self.channel_steps {
            ChannelSteps::Separate => self.channels,
            ChannelSteps::Joint => 1,
        }
    }

    /// Values of one pixel drawn in one step: 1, or the number of channels when they are joint.
    pub fn values_per_position(&self) -> usize {
        self.channels / self.steps_per_position()
    }

    /// Steps of the whole image.
    pub fn steps(&self) -> usize {
        self.ranks() * self.steps_per_position()
    }

    /// Whether pixels come row by row from the top left; rows above a pixel are then complete.
    pub fn is_raster(&self) -> bool {
        self.scan == Some(Scan::RASTER)
    }

    /// Whether every step draws one pixel.
    pub fn is_sequence(&self) -> bool {
        self.ends.is_empty()
    }

    /// What is generated in step `step` of `0..steps()`.
    pub fn step(&self, step: usize) -> Step<'_> {
        let per = self.steps_per_position();
        Step {
            positions: self.at(step / per),
            channel: step % per,
        }
    }

    /// The pixels of `rank`.
    pub fn at(&self, rank: usize) -> &[u32] {
        match self.ends.get(rank) {
            None => &self.positions[rank..=rank],
            Some(&end) => {
                let start = if rank == 0 { 0 } else { self.ends[rank - 1] };
                &self.positions[start as usize..end as usize]
            }
        }
    }

    /// All pixels by rank.
    pub fn sequence(&self) -> &[u32] {
        &self.positions
    }

    /// When `position` is generated: how many sets of pixels come before its own.
    pub fn rank(&self, position: usize) -> usize {
        self.ranks[position] as usize
    }

    /// When the line of `position` is begun, or where the order knows no lines its own rank.
    pub(crate) fn line(&self, position: usize) -> u32 {
        let lines = if self.lines.is_empty() {
            &self.ranks
        } else {
            &self.lines
        };
        lines[position]
    }

    /// The distance at which the pixels lie that are known before `position`.
    pub(crate) fn spacing(&self, position: usize) -> isize {
        self.spacing.get(position).map_or(1, |&s| s as isize)
    }

    /// Whether the pixel at this offset may come before another, on an image of any size, in this
    /// order or one that a network shares its weights with.
    pub(crate) fn may_precede(&self, dy: isize, dx: isize) -> bool {
        self.among.is_empty() || self.among.iter().any(|scan| scan.may_precede(dy, dx))
    }

    /// Whether a vertical stack may read the pixel at this offset, likewise: it lies in an earlier
    /// line, or with mask B in the same.
    pub(crate) fn line_may_precede(&self, dy: isize, dx: isize, mask: MaskType) -> bool {
        let before = |scan: &Scan| match scan.walk {
            Walk::Raster | Walk::SCurve => scan.line_precedes(dy, dx, mask == MaskType::B),
            _ => mask == MaskType::B || (dy, dx) != (0, 0),
        };
        if self.among.is_empty() {
            return mask == MaskType::B || (dy, dx) != (0, 0);
        }
        self.among.iter().any(before)
    }

    /// The step in which the value of `channel` at `position` is generated.
    pub fn step_of(&self, channel: usize, position: usize) -> usize {
        let per = self.steps_per_position();
        self.rank(position) * per + if per == 1 { 0 } else { channel }
    }

    /// Indices into a flat `(C, H, W)` image of the values drawn in `step`, pixel by pixel.
    pub fn dims_of(&self, step: usize) -> impl Iterator<Item = usize> + Clone + '_ {
        let Step { positions, channel } = self.step(step);
        let (n, channels) = (self.positions(), self.values_per_position());
        let of = move |&p: &u32| (channel..channel + channels).map(move |c| c * n + p as usize);
        positions.iter().flat_map(of)
    }
}

/// Refuses an order of another number of pixels than the image has.
fn lists_all(pixels: &[u32], domain: &Domain) -> Result<()> {
    let (n, all) = (pixels.len(), domain.positions());
    if n == all {
        return Ok(());
    }
    let problem = format!("lists {n} pixels, an image has {all}");
    Err(Error::config("order", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raster_walks_rows_columns_channels() {
        let domain = Domain::new(3, 2, 2, 4).unwrap();
        let order = Order::raster(&domain, ChannelSteps::Separate);
        assert_eq!(order.steps(), 12);
        let (positions, channel) = (&[1][..], 1);
        assert_eq!(order.step(4), Step { positions, channel });
        assert_eq!(order.dims_of(4).collect::<Vec<_>>(), [5]);
        let joint = Order::raster(&domain, ChannelSteps::Joint);
        assert_eq!(joint.dims_of(1).collect::<Vec<_>>(), [1, 5, 9]);
    }

    #[test]
    fn subpixels_come_in_the_same_steps() {
        let domain = Domain::new(3, 1, 3, 2).unwrap();
        for order in [
            Order::raster(&domain, ChannelSteps::Separate),
            Order::permutation(&domain, ChannelSteps::Separate, vec![2, 0, 1]).unwrap(),
        ] {
            let flat = order.of_subpixels().unwrap();
            for s in 0..9 {
                let Step { positions, channel } = order.step(s);
                let flat_position = positions[0] * 3 + channel as u32;
                assert_eq!(flat.at(s), [flat_position]);
                assert_eq!(flat.rank(flat_position as usize), s);
            }
        }
        let joint = Order::raster(&domain, ChannelSteps::Joint);
        assert!(joint.of_subpixels().is_err());
    }

    #[test]
    fn random_orders_are_permutations() {
        let domain = Domain::new(2, 5, 7, 2).unwrap();
        let mut rng = crate::random::stream(0, "test", &[]);
        let order = Order::random(&domain, ChannelSteps::Separate, &mut rng);
        let same = Order::permutation(&domain, ChannelSteps::Separate, order.sequence().to_vec());
        assert_eq!(order, same.unwrap());
        let other = Order::random(&domain, ChannelSteps::Separate, &mut rng);
        assert_ne!(order, other);
    }

    #[test]
    fn permutations_are_checked_and_inverted() {
        let domain = Domain::new(1, 1, 3, 2).unwrap();
        let order = Order::permutation(&domain, ChannelSteps::Separate, vec![2, 0, 1]).unwrap();
        assert_eq!([order.rank(2), order.rank(0), order.rank(1)], [0, 1, 2]);
        for bad in [vec![0, 0, 1], vec![0, 1], vec![0, 1, 3]] {
            assert!(Order::permutation(&domain, ChannelSteps::Separate, bad).is_err());
        }
    }

    #[test]
    fn a_step_may_fix_many_pixels() {
        let domain = Domain::new(2, 8, 8, 2).unwrap();
        let scan = "coarse-to-fine".parse().unwrap();
        let order = Order::scan(scan, &domain, ChannelSteps::Separate).unwrap();
        assert_eq!((order.ranks(), order.steps()), (16 + 3, 38));
        let all: Vec<usize> = (0..38).flat_map(|s| order.dims_of(s)).collect();
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert!(sorted.into_iter().eq(0..128));
        let step = order.step(33);
        assert_eq!((step.positions.len(), step.channel), (16, 1));
        assert!(step.positions.iter().all(|&p| order.rank(p as usize) == 16));
        assert_eq!(order.step_of(1, step.positions[3] as usize), 33);
        assert!(order.of_subpixels().is_err());
    }
}
