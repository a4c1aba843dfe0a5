use rand::Rng;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

use crate::{Domain, Error, Result};

/// Whether the channels of a pixel are generated one after the other or drawn together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelSteps {
    /// R, then G given R, then B given both: a step a channel.
    Separate,
    /// One step a pixel; the likelihood itself relates the channels.
    Joint,
}

/// One step of generation: a pixel, and the channel of it when channels are [`ChannelSteps::Separate`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// row · W + column.
    pub position: usize,
    /// The channel drawn in this step; 0 when channels are joint.
    pub channel: usize,
}

/// The order in which an image is generated. Masks, taps, caches, loops and checks derive from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    height: usize,
    width: usize,
    channels: usize,
    channel_steps: ChannelSteps,
    path: Path,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Path {
    Raster,
    Permutation {
        positions: Vec<u32>,
        ranks: Vec<u32>,
    },
}

impl Order {
    /// Rows from the top, columns from the left, channels one after the other.
    pub fn raster(domain: &Domain, channel_steps: ChannelSteps) -> Self {
        Self {
            height: domain.height,
            width: domain.width,
            channels: domain.channels,
            channel_steps,
            path: Path::Raster,
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
        let n = domain.positions();
        let mut ranks = vec![u32::MAX; n];
        for (rank, &p) in positions.iter().enumerate() {
            match ranks.get_mut(p as usize) {
                Some(slot) if *slot == u32::MAX => *slot = rank as u32,
                _ => {
                    return Err(Error::config(
                        "order",
                        format!("position {p} is repeated or outside 0..{n}"),
                    ));
                }
            }
        }
        if positions.len() != n {
            return Err(Error::config(
                "order",
                format!("has {} positions, the image {n}", positions.len()),
            ));
        }
        Ok(Self {
            path: Path::Permutation { positions, ranks },
            ..Self::raster(domain, channel_steps)
        })
    }

    /// The pixels in an order drawn from `rng`, every one equally likely.
    pub fn random(domain: &Domain, channel_steps: ChannelSteps, rng: &mut impl Rng) -> Self {
        let mut positions: Vec<u32> = (0..domain.positions() as u32).collect();
        positions.shuffle(rng);
        let mut ranks = vec![0; positions.len()];
        for (rank, &p) in positions.iter().enumerate() {
            ranks[p as usize] = rank as u32;
        }
        Self {
            path: Path::Permutation { positions, ranks },
            ..Self::raster(domain, channel_steps)
        }
    }

    /// The same steps over an image whose every value is a pixel of its own: `(1, H, W · C)`, the
    /// channels of a pixel side by side.
    ///
    /// # Errors
    /// [`Error::Config`] when channels are joint: they are one step then.
    pub fn of_subpixels(&self) -> Result<Self> {
        if self.steps_per_position() != self.channels {
            return Err(Error::config(
                "order",
                "joint channels are one step, not several",
            ));
        }
        let c = self.channels as u32;
        let path = match &self.path {
            Path::Raster => Path::Raster,
            Path::Permutation { positions, ranks } => {
                let spread = |all: &[u32]| {
                    all.iter()
                        .flat_map(|p| (0..c).map(move |i| p * c + i))
                        .collect()
                };
                Path::Permutation {
                    positions: spread(positions),
                    ranks: spread(ranks),
                }
            }
        };
        Ok(Self {
            height: self.height,
            width: self.width * self.channels,
            channels: 1,
            channel_steps: ChannelSteps::Separate,
            path,
        })
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

    /// Steps that each pixel takes: the number of channels, or 1 when they are joint.
    pub fn steps_per_position(&self) -> usize {
        match self.channel_steps {
            ChannelSteps::Separate => self.channels,
            ChannelSteps::Joint => 1,
        }
    }

    /// Values drawn in one step: 1, or the number of channels when they are joint.
    pub fn values_per_step(&self) -> usize {
        self.channels / self.steps_per_position()
    }

    /// Steps of the whole image.
    pub fn steps(&self) -> usize {
        self.positions() * self.steps_per_position()
    }

    /// Whether pixels come row by row from the top left; rows above a pixel are then complete.
    pub fn is_raster(&self) -> bool {
        matches!(self.path, Path::Raster)
    }

    /// What is generated in step `step` of `0..steps()`.
    pub fn step(&self, step: usize) -> Step {
        let per = self.steps_per_position();
        Step {
            position: self.position(step / per),
            channel: step % per,
        }
    }

    /// The position generated `rank`-th.
    pub fn position(&self, rank: usize) -> usize {
        match &self.path {
            Path::Raster => rank,
            Path::Permutation { positions, .. } => positions[rank] as usize,
        }
    }

    /// When `position` is generated, counted in pixels.
    pub fn rank(&self, position: usize) -> usize {
        match &self.path {
            Path::Raster => position,
            Path::Permutation { ranks, .. } => ranks[position] as usize,
        }
    }

    /// The step in which the value of `channel` at `position` is generated.
    pub fn step_of(&self, channel: usize, position: usize) -> usize {
        let per = self.steps_per_position();
        self.rank(position) * per + if per == 1 { 0 } else { channel }
    }

    /// Indices into a flat `(C, H, W)` image of the values drawn in `step`.
    pub fn dims_of(&self, step: usize) -> impl Iterator<Item = usize> + use<> {
        let Step { position, channel } = self.step(step);
        let n = self.positions();
        (channel..channel + self.values_per_step()).map(move |c| c * n + position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raster_walks_rows_columns_channels() {
        let order = Order::raster(&Domain::new(3, 2, 2, 4).unwrap(), ChannelSteps::Separate);
        assert_eq!(order.steps(), 12);
        assert_eq!(
            order.step(4),
            Step {
                position: 1,
                channel: 1
            }
        );
        assert_eq!(order.dims_of(4).collect::<Vec<_>>(), [5]);
        let joint = Order::raster(&Domain::new(3, 2, 2, 4).unwrap(), ChannelSteps::Joint);
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
                let Step { position, channel } = order.step(s);
                assert_eq!(flat.position(s), position * 3 + channel);
                assert_eq!(flat.rank(position * 3 + channel), s);
            }
        }
        assert!(
            Order::raster(&domain, ChannelSteps::Joint)
                .of_subpixels()
                .is_err()
        );
    }

    #[test]
    fn random_orders_are_permutations() {
        let domain = Domain::new(2, 5, 7, 2).unwrap();
        let mut rng = crate::random::stream(0, "test", &[]);
        let order = Order::random(&domain, ChannelSteps::Separate, &mut rng);
        let positions = (0..35).map(|r| order.position(r) as u32).collect();
        let same = Order::permutation(&domain, ChannelSteps::Separate, positions);
        assert_eq!(order, same.unwrap());
        assert_ne!(
            order,
            Order::random(&domain, ChannelSteps::Separate, &mut rng)
        );
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
}
