mod attention;
mod conv;
mod recurrent;

use ar_core::{ChannelGroups, Conditioning, Domain, Error, Likelihood, Order, Result};
use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use super::{CONDITION, INPUTS, LEVELS, Network, Node, Program};
use crate::primitive::{
    Add, Axis, Condition, Embedding, Gate, Norm, Position, Primitive, Reach, Scale,
};

/// A value of the network under construction: features at every position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(usize);

/// Puts a network together, node by node; see the crate's page for what it becomes.
#[derive(Debug)]
pub struct Builder {
    domain: Domain,
    order: Order,
    program: Program,
}

impl Builder {
    /// An empty network over `domain` in `order`, conditioned on `conditioning`.
    pub fn new(domain: &Domain, order: &Order, conditioning: Conditioning) -> Self {
        let program = Program {
            domain: *domain,
            order: order.clone(),
            conditioning,
            likelihood: Likelihood::for_domain(domain),
            level_groups: ChannelGroups::split(domain.channels, order.steps_per_position()),
            nodes: Vec::new(),
            output: LEVELS,
            parameters: 0,
        };
        Self {
            domain: *domain,
            order: order.clone(),
            program,
        }
    }

    /// As [`Builder::new`], but every value of a pixel is a position of its own, the channels side
    /// by side: what sequence models see of colour. The network is still one over `domain`.
    ///
    /// # Errors
    /// [`Error::Config`] when the order draws channels together.
    pub fn of_subpixels(
        domain: &Domain,
        order: &Order,
        conditioning: Conditioning,
    ) -> Result<Self> {
        let flat = Domain {
            channels: 1,
            width: domain.width * domain.channels,
            ..*domain
        };
        Ok(Self {
            domain: *domain,
            order: order.clone(),
            ..Self::new(&flat, &order.of_subpixels()?, conditioning)
        })
    }

    /// The integer levels, a feature a channel.
    pub fn levels(&self) -> Value {
        Value(LEVELS)
    }

    /// Levels as numbers 0..=1, black as zero: what taps beyond the border read as well.
    pub fn scaled_levels(&mut self) -> Value {
        let scale = Scale::new(
            self.program.level_groups.clone(),
            self.program.domain.levels,
        );
        self.push(scale, &[Value(LEVELS)], Vec::new())
    }

    /// Levels as learned vectors of `features`. Parameter `weight (C, K, features)`, normal with
    /// deviation 1.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn embedded_levels(&mut self, features: usize, vb: &VarBuilder<'_>) -> Result<Value> {
        let Domain {
            channels, levels, ..
        } = self.program.domain;
        let groups = self.split(features, "embedding")?;
        let embedding = Embedding::new(self.program.level_groups.clone(), groups, levels);
        let shape = (channels, levels, features);
        let table = vb.get_with_hints(
            shape,
            "weight",
            Init::Randn {
                mean: 0.0,
                stdev: 1.0,
            },
        )?;
        Ok(self.push(embedding, &[Value(LEVELS)], vec![table]))
    }

    /// tanh(a) · sigmoid(b) over the two halves of each channel group of `x`.
    ///
    /// # Errors
    /// [`Error::Config`] when a channel group of `x` has an odd number of features.
    pub fn gate(&mut self, x: Value) -> Result<Value> {
        let groups = self.groups(x);
        let sizes: Vec<usize> = (0..groups.count()).map(|g| groups.range(g).len()).collect();
        if sizes.iter().any(|s| !s.is_multiple_of(2)) {
            return Err(Error::config(
                "features",
                "a gate needs an even number of features in each channel group",
            ));
        }
        let gate = Gate::new(ChannelGroups::of_sizes(sizes.into_iter().map(|s| s / 2)));
        Ok(self.push(gate, &[x], Vec::new()))
    }

    /// Root-mean-square norm of each position and channel group. Parameter `weight (c)`, one.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn norm(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let groups = self.groups(x).clone();
        let gain = vb.get_with_hints(groups.features(), "weight", Init::Const(1.0))?;
        Ok(self.push(Norm::new(groups), &[x], vec![gain]))
    }

    /// Adds where a pixel is: a learned vector for its row and one for its column. Without it a
    /// convolution cannot tell the border from a black pixel. Parameters `rows (H, c)` and
    /// `columns (W, c)`, zero.
    ///
    /// # Errors
    /// What `vb` gives for the parameters.
    pub fn position(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let Domain { height, width, .. } = self.program.domain;
        let groups = self.groups(x).clone();
        let zero = Init::Const(0.0);
        let rows = vb.get_with_hints((height, groups.features()), "rows", zero)?;
        let columns = vb.get_with_hints((width, groups.features()), "columns", zero)?;
        let position = Position::new(groups, Axis::rows_and_columns(height, width));
        Ok(self.push(position, &[x], vec![rows, columns]))
    }

    /// Adds a learned vector for each position. Parameter `weight (positions, c)`, normal with
    /// deviation 0.01.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn position_table(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let (n, groups) = (self.program.domain.positions(), self.groups(x).clone());
        let init = Init::Randn {
            mean: 0.0,
            stdev: 0.01,
        };
        let table = vb.get_with_hints((n, groups.features()), "weight", init)?;
        let position = Position::new(groups, vec![Axis::every_position(n)]);
        Ok(self.push(position, &[x], vec![table]))
    }

    /// x + W·h, with h what the image is conditioned on; x itself where that is nothing. Parameter
    /// `weight`: `(classes, c)`, normal with deviation 0.1, or `(f, c)`, normal with variance 1 / f.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn condition(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let conditioning = self.program.conditioning;
        let (rows, stdev) = match conditioning {
            Conditioning::None => return Ok(x),
            Conditioning::Class { classes } => (classes, 0.1),
            _ => {
                let f = self.program.width(CONDITION);
                (f, 1.0 / (f.max(1) as f64).sqrt())
            }
        };
        let groups = self.groups(x).clone();
        let init = Init::Randn { mean: 0.0, stdev };
        let weight = vb.get_with_hints((rows, groups.features()), "weight", init)?;
        let condition = Condition::new(conditioning, groups, self.program.domain.positions());
        Ok(self.push(condition, &[x, Value(CONDITION)], vec![weight]))
    }

    /// a + b.
    ///
    /// # Errors
    /// [`Error::Config`] when they have other widths.
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value> {
        if self.groups(a) != self.groups(b) {
            return Err(Error::config("features", "a sum needs equal widths"));
        }
        let groups = self.groups(a).clone();
        Ok(self.push(Add::new(groups), &[a, b], Vec::new()))
    }

    /// Features of the output that the likelihood needs: P for each channel.
    pub fn outputs(&self) -> usize {
        self.program.domain.channels * self.program.likelihood.conditional_size()
    }

    /// The network whose conditionals are `output`.
    ///
    /// # Errors
    /// [`Error::Config`] when `output` has another width, or a conditional would see the value it
    /// predicts because no convolution of type A lies between.
    pub fn finish(mut self, output: Value, vb: &VarBuilder<'_>) -> Result<Network> {
        // C · P features split evenly: channel c's conditionals are group c.
        let expected = ChannelGroups::split(self.outputs(), self.program.level_groups.count());
        if *self.groups(output) != expected {
            let got = self.groups(output).features();
            return Err(Error::config(
                "features",
                format!("the output needs {}, not {got}", expected.features()),
            ));
        }
        if self.observed(output.0) {
            return Err(Error::config(
                "mask",
                "the network sees the value it predicts: the first layer must be type A",
            ));
        }
        self.program.output = output.0;
        self.mark_remembered();
        let (dtype, device) = (vb.dtype(), vb.device());
        Ok(Network::new(
            self.domain,
            self.order,
            self.program,
            dtype,
            device,
        ))
    }

    fn groups(&self, value: Value) -> &ChannelGroups {
        let producer = self.program.producer(value.0);
        producer.map_or(&self.program.level_groups, |n| n.primitive.groups())
    }

    /// Whether a value is complete, all channels, before a row's first pixel; so is the condition.
    fn by_rows(&self, value: usize) -> bool {
        let producer = self.program.producer(value);
        producer.map_or(value == CONDITION, |n| n.by_rows)
    }

    fn observed(&self, value: usize) -> bool {
        let producer = self.program.producer(value);
        producer.map_or(value == LEVELS, |n| n.observed)
    }

    fn split(&self, features: usize, field: &str) -> Result<ChannelGroups> {
        let steps = self.program.order.steps_per_position();
        if features < steps {
            return Err(Error::config(
                field,
                format!("must be at least {steps}, not {features}: one for each channel"),
            ));
        }
        Ok(ChannelGroups::split(features, steps))
    }

    fn push(
        &mut self,
        primitive: impl Primitive + 'static,
        inputs: &[Value],
        weights: Vec<Tensor>,
    ) -> Value {
        let start = self.program.parameters;
        self.program.parameters += weights.iter().map(Tensor::elem_count).sum::<usize>();
        let inputs: Vec<usize> = inputs.iter().map(|v| v.0).collect();
        let observed =
            (0..inputs.len()).any(|i| primitive.sees_itself(i) && self.observed(inputs[i]));
        let by_rows = primitive.by_rows()
            || (!primitive.mixes_sites() && inputs.iter().all(|&i| self.by_rows(i)));
        self.program.nodes.push(Node {
            primitive: Box::new(primitive),
            by_rows,
            inputs,
            weights,
            range: start..self.program.parameters,
            observed,
            remembered: false,
        });
        Value(self.program.nodes.len() - 1 + INPUTS)
    }

    /// Walks back from every value that another site reads.
    fn mark_remembered(&mut self) {
        for i in (0..self.program.nodes.len()).rev() {
            let (value, nodes) = (i + INPUTS, &self.program.nodes);
            let is_read = |n: &Node| n.inputs.contains(&value);
            let read = nodes[i].primitive.own_reach() != Reach::Here
                || nodes
                    .iter()
                    .any(|n| n.primitive.mixes_sites() && is_read(n))
                || nodes.iter().any(|n| n.remembered && is_read(n));
            self.program.nodes[i].remembered = read;
        }
    }
}
