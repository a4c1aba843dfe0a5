//! What a likelihood of some positions needs of every value: the rest is not computed.

use std::ops::Range;

use super::{INPUTS, Program};
use crate::primitive::Reads;
use ar_core::Taps;

impl Program {
    /// Of each value a range of sites, in which all lie that the output at `positions` depends on.
    pub(super) fn needed(&self, positions: Range<usize>) -> Vec<Range<usize>> {
        let mut needed = vec![0..0; self.values()];
        needed[self.output] = positions;
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let primitive = &node.primitive;
            if primitive.own_reads().is_some() && !needed[i + INPUTS].is_empty() {
                needed[i + INPUTS] = 0..node.grid.sites();
            }
            let own = needed[i + INPUTS].clone();
            if own.is_empty() {
                continue;
            }
            for (input, &value) in node.inputs.iter().enumerate() {
                let read = primitive
                    .reads(input)
                    .within(own.clone(), self.sites(value));
                needed[value] = join(&needed[value], read);
            }
        }
        needed
    }
}

impl Reads<'_> {
    /// A range of the `of` sites of the input, in which all lie that are read at these `sites`.
    fn within(self, sites: Range<usize>, of: usize) -> Range<usize> {
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

fn join(a: &Range<usize>, b: Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b,
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}
