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

use ar_core::{ChannelGroups, Conditioning, Dependence, Domain, Likelihood, Order};
use candle_core::Tensor;

use crate::primitive::{Primitive, Reach};

pub use builder::{Builder, Value};
pub use network::{Network, Route};

/// Value 0 is the levels, value 1 the condition; node i produces value i + [`INPUTS`].
#[derive(Debug)]
struct Program {
    /// What the nodes see: of a network over sub-pixels `(1, H, W · C)`.
    domain: Domain,
    order: Order,
    conditioning: Conditioning,
    likelihood: Likelihood,
    level_groups: ChannelGroups,
    nodes: Vec<Node>,
    /// Which value holds the conditionals, `(positions, C · P)`, channel by channel.
    output: usize,
    /// Floats of all parameters together.
    parameters: usize,
}

/// Values that no node produces.
const INPUTS: usize = 2;

/// The value that is the levels.
const LEVELS: usize = 0;

/// The value that is the condition.
const CONDITION: usize = 1;

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
    /// The node that produces a value; none for the inputs.
    fn producer(&self, value: usize) -> Option<&Node> {
        self.nodes.get(value.checked_sub(INPUTS)?)
    }

    /// Features of a value.
    fn width(&self, value: usize) -> usize {
        match (self.producer(value), self.conditioning) {
            (Some(node), _) => node.primitive.groups().features(),
            (None, _) if value == LEVELS => self.level_groups.features(),
            (None, Conditioning::Class { .. }) => 1,
            (None, Conditioning::Vector { size }) => size,
            (None, Conditioning::Map { features }) => features,
            (None, _) => 0,
        }
    }

    /// Positions at which a value differs: one, for what describes a whole image.
    fn positions(&self, value: usize) -> usize {
        match self.conditioning {
            Conditioning::Map { .. } => self.domain.positions(),
            _ if value == CONDITION => 1,
            _ => self.domain.positions(),
        }
    }

    /// How many positions of a value are kept during a step pass.
    fn slots(&self, value: usize) -> usize {
        let (n, w) = (self.domain.positions(), self.order.width());
        let node = self.producer(value);
        let own = node.map(|n| n.primitive.own_reach());
        let readers = self.nodes.iter().flat_map(|node| {
            let inputs = node.inputs.iter().enumerate();
            inputs
                .filter(|(_, v)| **v == value)
                .map(|(i, _)| node.primitive.reach(i))
        });
        let mut back = 0;
        for reach in readers.chain(own) {
            back = match reach {
                Reach::Here => back,
                Reach::Back(far) if self.order.is_raster() => back.max(far),
                _ => n,
            };
        }
        // Values by rows are computed up to a whole row ahead.
        let ahead = if node.is_some_and(|n| n.by_rows) {
            w
        } else {
            0
        };
        n.min(back + 1 + ahead)
    }

    fn values(&self) -> usize {
        self.nodes.len() + INPUTS
    }

    /// How many images are computed at once.
    fn images_at_once(&self) -> usize {
        let each = self.nodes.iter().map(|n| n.primitive.images_at_once());
        each.max().unwrap_or(1)
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
        let condition = Dependence::none(rows, self.domain.dims());
        let mut values = vec![levels, condition];
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
