use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Whether a causal layer may read the value being predicted (van den Oord et al. 2016,
/// arXiv:1601.06759, section 3.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MaskType {
    /// Strictly earlier values only: the first layer.
    A,
    /// Earlier values and the features of the same position and channel: every later layer.
    B,
}

impl MaskType {
    /// Whether features of channel group `to` may read those of group `from` at the same position.
    pub fn sees_group(self, from: usize, to: usize) -> bool {
        match self {
            Self::A => from < to,
            Self::B => from <= to,
        }
    }
}

/// How the features of a position belong to the channel steps: consecutive ranges, one a group.
///
/// With R, G, B as separate steps the first third of every layer's features belongs to R, and so on
/// (the "thirds" layout); the logits of channel c are then group c.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelGroups {
    ends: Vec<usize>,
}

impl ChannelGroups {
    /// `features` split into `groups` ranges whose sizes differ by at most one.
    pub fn split(features: usize, groups: usize) -> Self {
        Self {
            ends: (1..=groups).map(|g| g * features / groups).collect(),
        }
    }

    /// Groups of these sizes, in order.
    pub fn of_sizes(sizes: impl IntoIterator<Item = usize>) -> Self {
        let ends = sizes.into_iter().scan(0, |end, size| {
            *end += size;
            Some(*end)
        });
        Self {
            ends: ends.collect(),
        }
    }

    /// Number of groups.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Features in all groups together.
    pub fn features(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The features of group `g`.
    pub fn range(&self, g: usize) -> Range<usize> {
        let start = if g == 0 { 0 } else { self.ends[g - 1] };
        start..self.ends[g]
    }

    /// Every group scaled by `factor`: the features of a layer that a gate will fold.
    pub fn scaled(&self, factor: usize) -> Self {
        Self {
            ends: self.ends.iter().map(|e| e * factor).collect(),
        }
    }

    /// The centre-tap mask from `self` to `out`, row-major `(in, out)`: true where the weight lives.
    pub fn mask_to(&self, out: &Self, mask: MaskType) -> Vec<bool> {
        let mut live = vec![false; self.features() * out.features()];
        for (from, to) in (0..self.count()).flat_map(|f| (0..out.count()).map(move |t| (f, t))) {
            if mask.sees_group(from, to) {
                for i in self.range(from) {
                    live[i * out.features()..][out.range(to)].fill(true);
                }
            }
        }
        live
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channel_masks_are_block_triangular() {
        let (rgb, thirds) = (ChannelGroups::split(3, 3), ChannelGroups::split(6, 3));
        let t = |s: &str| {
            s.chars()
                .filter(|c| !c.is_whitespace())
                .map(|c| c == '1')
                .collect::<Vec<_>>()
        };
        assert_eq!(rgb.mask_to(&thirds, MaskType::A), t("001111 000011 000000"));
        assert_eq!(rgb.mask_to(&thirds, MaskType::B), t("111111 001111 000011"));
    }

    #[test]
    fn uneven_features_are_split_without_losing_any() {
        let groups = ChannelGroups::split(64, 3);
        assert_eq!(
            (0..3).map(|g| groups.range(g).len()).collect::<Vec<_>>(),
            [21, 21, 22]
        );
        assert_eq!(groups.scaled(2).range(2), 84..128);
    }
}
