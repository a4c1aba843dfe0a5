//! A network as data: nodes in order of evaluation, each a primitive over earlier values.

mod aside;
mod builder;
mod calibrate;
mod composite;
mod full;
mod needed;
mod network;
mod operations;
mod schedule;
mod step;
mod step_tensor;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::OnceLock;

use ar_core::{ChannelGroups, Conditioning, Domain, Grid, Likelihood, Order};
use candle_core::Tensor;

use crate::primitive::Primitive;
use schedule::Schedule;

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
    condition_groups: ChannelGroups,
    nodes: Vec<Node>,
    /// Of each value, `(sites, groups)`: after how many steps it is known.
    ready: Vec<Vec<u32>>,
    /// Which value holds the numbers that describe the conditionals, `(sites, C / V · P)`, channel by
    /// channel.
    output: usize,
    /// Floats of all parameters together.
    parameters: usize,
    /// Floats of all weights together, as prepared.
    prepared: usize,
    /// Made when a step pass first asks for it.
    schedule: OnceLock<Schedule>,
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
    /// The sites of what it produces.
    grid: Grid,
    /// Its parameters, for the tensor routes.
    parameters: Vec<Tensor>,
    /// Where they lie among all, one after the other, for the fused routes.
    range: Range<usize>,
    /// Where its weights lie, as prepared.
    prepared: Range<usize>,
}

impl Program {
    /// The node that produces a value; none for the inputs.
    fn producer(&self, value: usize) -> Option<&Node> {
        self.nodes.get(value.checked_sub(INPUTS)?)
    }

    fn channel_groups(&self, value: usize) -> &ChannelGroups {
        match self.producer(value) {
            Some(node) => node.primitive.groups(),
            None if value == LEVELS => &self.level_groups,
            None => &self.condition_groups,
        }
    }

    /// Features of a value.
    fn width(&self, value: usize) -> usize {
        self.channel_groups(value).features()
    }

    /// The sites of a value; one, for what describes a whole image.
    fn grid(&self, value: usize) -> Grid {
        match (self.producer(value), self.conditioning) {
            (Some(node), _) => node.grid,
            (None, _) if value == LEVELS => Grid::of(&self.order),
            (None, Conditioning::Map { every, .. }) => {
                (0..every.max(1).ilog2()).fold(Grid::of(&self.order), |grid, _| grid.halved())
            }
            (None, _) => Grid {
                height: 1,
                width: 1,
            },
        }
    }

    /// How many sites a value has.
    fn sites(&self, value: usize) -> usize {
        self.grid(value).sites()
    }

    /// Channel groups of a value.
    fn groups(&self, value: usize) -> usize {
        self.channel_groups(value).count()
    }

    fn values(&self) -> usize {
        self.nodes.len() + INPUTS
    }

    /// How many images are computed at once.
    fn images_at_once(&self) -> usize {
        let each = self.nodes.iter().map(|n| n.primitive.images_at_once());
        each.max().unwrap_or(1)
    }

    /// From all parameters to all weights.
    fn prepare(&self, parameters: &[f32]) -> Vec<f32> {
        let mut weights = vec![0.0; self.prepared];
        for node in &self.nodes {
            let (from, to) = (node.range.clone(), node.prepared.clone());
            node.primitive.prepare(&parameters[from], &mut weights[to]);
        }
        weights
    }

    /// From the gradient of all weights to that of all parameters.
    fn prepare_backward(&self, parameters: &[f32], weight_grads: &[f32]) -> Vec<f32> {
        let mut out = vec![0.0; self.parameters];
        for node in &self.nodes {
            let (from, to) = (node.prepared.clone(), node.range.clone());
            let (own, out) = (&parameters[to.clone()], &mut out[to]);
            node.primitive
                .prepare_backward(own, &weight_grads[from], out);
        }
        out
    }
}
