//! A network as data: nodes in order of evaluation, each a primitive over earlier values.

mod builder;
mod composite;
mod full;
mod network;
mod operations;
mod step;
mod step_tensor;
#[cfg(test)]
mod tests;

use std::ops::Range;

use ar_core::{ChannelGroups, Dependence, Domain, Likelihood, Order};
use candle_core::Tensor;

use crate::primitive::Primitive;

pub use builder::{Builder, Value};
pub use network::{Network, Route};

/// Value 0 is the levels; node i produces value i + 1.
#[derive(Debug)]
struct Program {
    domain: Domain,
    order: Order,
    likelihood: Likelihood,
    level_groups: ChannelGroups,
    nodes: Vec<Node>,
    /// Which value holds the parameters of the likelihood, `(positions, C · P)`, channel by channel.
    output: usize,
    /// Floats of all parameters together.
    parameters: usize,
}

#[derive(Debug)]
struct Node {
    primitive: Box<dyn Primitive>,
    inputs: Vec<usize>,
    /// Its parameters, for the tensor routes.
    weights: Vec<Tensor>,
    /// Where they lie among all, one after the other, for the fused routes.
    range: Range<usize>,
    /// Whether its value at a site depends on the level at that site: it waits for the level.
    observed: bool,
    /// Whether it knows nothing but rows above: it is computed for a whole row, before the row's
    /// first pixel.
    by_rows: bool,
    /// Whether later sites read it, so that it has to be computed even where nothing is drawn.
    remembered: bool,
}

impl Program {
    /// Features of a value.
    fn width(&self, value: usize) -> usize {
        match value {
            0 => self.level_groups.features(),
            v => self.nodes[v - 1].primitive.groups().features(),
        }
    }

    /// Whether a convolution reads the value at other positions.
    fn is_read_elsewhere(&self, value: usize) -> bool {
        self.nodes
            .iter()
            .any(|n| n.primitive.is_spatial() && n.inputs.first() == Some(&value))
    }

    /// Whether all positions of the value are kept during a step pass.
    fn is_kept(&self, value: usize) -> bool {
        self.is_read_elsewhere(value) || (value > 0 && self.nodes[value - 1].by_rows)
    }

    fn values(&self) -> usize {
        self.nodes.len() + 1
    }

    /// Zeroes weights, or gradients of weights, that no site may use.
    fn mask_weights(&self, flat: &mut [f32]) {
        for node in &self.nodes {
            node.primitive.mask_weights(&mut flat[node.range.clone()]);
        }
    }

    /// What every step depends on, propagated through the program.
    fn dependence(&self) -> Dependence {
        let (groups, n) = (self.order.steps_per_position(), self.order.positions());
        let rows = n * groups;
        let mut levels = Dependence::none(rows, self.domain.dims());
        for p in 0..n {
            for (g, c) in (0..groups).flat_map(|g| self.level_groups.range(g).map(move |c| (g, c)))
            {
                levels.insert(p * groups + g, self.domain.dim(c, p));
            }
        }
        let mut values = vec![levels];
        for node in &self.nodes {
            let inputs: Vec<&Dependence> = node.inputs.iter().map(|&i| &values[i]).collect();
            let value = node.primitive.dependence(&inputs);
            values.push(value);
        }
        let mut steps = Dependence::none(rows, self.domain.dims());
        for step in 0..rows {
            let site = self.order.step(step);
            steps.union(
                step,
                &values[self.output],
                site.position * groups + site.channel,
            );
        }
        steps
    }
}
