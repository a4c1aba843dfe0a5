use std::ops::Range;

use ar_core::{MaskType, Taps};

use super::attention::Memory;

/// From where a node reads one of its inputs, or its own results. When it can run, what has to be
/// kept for it and what it depends on follow from this alone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reads<'a> {
    /// At the site that it computes, in the same channel group or the only one there is.
    Here,
    /// Nowhere.
    Nowhere,
    /// At the only site of a value that is the same everywhere.
    Once,
    /// At the taps of a site: every channel group, but of the site itself what is said.
    Taps(&'a Taps, Centre),
    /// At sites that come earlier in an order of one site a step, all groups.
    Earlier(&'a Memory),
}

/// Which channel groups the tap at the site itself reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Centre {
    /// Those that the mask allows.
    Masked(MaskType),
    /// All of them.
    Whole,
}

impl Reads<'_> {
    /// The last site of the complete rows above that a step reads for a whole row at once, though not all
    /// of them concern every site of it: what it has to wait for.
    pub(crate) fn row_above(self, site: usize) -> Option<usize> {
        match self {
            Self::Taps(taps, Centre::Masked(_)) if taps.rows_above() > 0 => {
                (site / taps.grid().width * taps.grid().width).checked_sub(1)
            }
            _ => None,
        }
    }

    /// Calls `visit(place, source)` for whatever a value of so many sites and channel groups reads of one with
    /// `of_groups`: a place is a group at a site, site · groups + group.
    #[inline(always)]
    pub(crate) fn all(
        self,
        [sites, groups]: [usize; 2],
        of_groups: usize,
        mut visit: impl FnMut(usize, usize),
    ) {
        for site in 0..sites {
            for group in 0..groups {
                let place = site * groups + group;
                self.each([site, group], of_groups, |site, group| {
                    visit(place, site * of_groups + group);
                });
            }
        }
    }

    /// Calls `visit(site, group)` for whatever `group` at `site` reads of a value with `groups` channel
    /// groups.
    #[inline(always)]
    pub(crate) fn each(
        self,
        [site, group]: [usize; 2],
        groups: usize,
        mut visit: impl FnMut(usize, usize),
    ) {
        match self {
            Self::Here => visit(site, group.min(groups - 1)),
            Self::Nowhere => {}
            Self::Once => (0..groups).for_each(|g| visit(0, g)),
            Self::Taps(taps, centre) => {
                for (tap, &source) in taps.sources(site).iter().enumerate() {
                    let source = source as usize;
                    match centre {
                        _ if source == Taps::NONE as usize => {}
                        Centre::Masked(mask) if Some(tap) == taps.centre() => {
                            let seen = (0..groups).filter(|&g| mask.sees_group(g, group));
                            seen.for_each(|g| visit(source, g));
                        }
                        _ => (0..groups).for_each(|g| visit(source, g)),
                    }
                }
            }
            Self::Earlier(memory) => {
                for &source in memory.read_by(site) {
                    (0..groups).for_each(|g| visit(source as usize, g));
                }
            }
        }
    }

    /// A range of the `of` sites of the input, in which all lie that are read at these `sites`.
    pub(crate) fn within(self, sites: Range<usize>, of: usize) -> Range<usize> {
        match self {
            Self::Here => sites,
            Self::Nowhere => 0..0,
            Self::Once => 0..1,
            Self::Earlier(_) => 0..of,
            Self::Taps(taps, _) => {
                let sources = sites.flat_map(|site| taps.sources(site));
                let sources = sources.filter(|&&source| source != Taps::NONE);
                let ends = sources.fold((of, 0), |(first, end), &source| {
                    (first.min(source as usize), end.max(source as usize + 1))
                });
                ends.0.min(ends.1)..ends.1
            }
        }
    }
}
