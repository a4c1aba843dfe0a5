//! What a likelihood of some positions needs of every value: the rest is not computed.

use std::ops::Range;

use super::{INPUTS, Program};

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
                let reads = primitive.reads(input);
                let read = reads.within(own.clone(), self.sites(value));
                needed[value] = join(&needed[value], read);
            }
        }
        needed
    }
}

fn join(a: &Range<usize>, b: Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b,
        (_, true) => a.clone(),
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}
