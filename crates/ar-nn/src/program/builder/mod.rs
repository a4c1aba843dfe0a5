mod attention;
mod conv;
mod recurrent;

use std::sync::OnceLock;

use ar_core::{ChannelGroups, Conditioning, Domain, Error, Grid, Likelihood, Order, Result};
use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use super::{CONDITION, INPUTS, LEVELS, Network, Node, Program};
use crate::init::normal;
use crate::primitive::{
    Add, Axis, Concat, ConcatElu, Condition, Dropout, Embedding, Fixed, Gate, Norm, Position,
    Primitive, Scale, Squash,
};
use crate::refuse_if;

/// A value of the network under construction: features at every position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(usize);

/// Puts a network together, node by node; see the crate's page for what it becomes.
#[derive(Debug)]
pub struct Builder {
    domain: Domain,
    order: Order,
    program: Program,
    /// What the image is conditioned on, with a site for each pixel once it is upsampled.
    condition: Value,
}

impl Builder {
    /// An empty network over `domain` in `order`, conditioned on `conditioning`.
    pub fn new(domain: &Domain, order: &Order, conditioning: Conditioning) -> Self {
        let mut program = Program {
            domain: *domain,
            order: order.clone(),
            conditioning,
            likelihood: Likelihood::for_domain(domain),
            level_groups: ChannelGroups::split(domain.channels, order.steps_per_position()),
            condition_groups: ChannelGroups::of_sizes([conditioning.features()]),
            nodes: Vec::new(),
            ready: vec![Program::levels_ready(order)],
            output: LEVELS,
            parameters: 0,
            prepared: 0,
            schedule: OnceLock::new(),
        };
        let known = vec![0; program.sites(CONDITION)];
        program.ready.push(known);
        Self {
            domain: *domain,
            order: order.clone(),
            program,
            condition: Value(CONDITION),
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

    /// With conditionals of this family in place of the domain's usual one.
    pub fn with_likelihood(mut self, likelihood: Likelihood) -> Self {
        self.program.likelihood = likelihood;
        self
    }

    /// The integer levels, a feature a channel.
    pub fn levels(&self) -> Value {
        Value(LEVELS)
    }

    /// Levels as numbers 0..=1, black as zero: what taps beyond the border read as well.
    pub fn scaled_levels(&mut self) -> Value {
        let groups = self.program.level_groups.clone();
        let scale = Scale::new(groups, self.program.domain.levels);
        self.push(scale, &[Value(LEVELS)], Vec::new())
    }

    /// Levels as numbers -1..=1 by the logarithm of their distance from the middle: for sound, whose quiet parts
    /// would all be 0 otherwise (mu-law; WaveNet, arXiv:1609.03499, section 2.2).
    pub fn companded_levels(&mut self) -> Value {
        let groups = self.program.level_groups.clone();
        let scale = Scale::companded(groups, self.program.domain.levels);
        self.push(scale, &[Value(LEVELS)], Vec::new())
    }

    /// [`Builder::scaled_levels`], and a feature that is 1 everywhere: beyond the border it is read as 0.
    ///
    /// # Errors
    /// [`Error::Config`] when channels are drawn one after the other.
    pub fn scaled_levels_with_one(&mut self) -> Result<Value> {
        let is_separate = self.program.level_groups.count() > 1;
        let problem = "the channels have to be drawn together";
        refuse_if(is_separate, "order", problem)?;
        let domain = self.program.domain;
        let scale = Scale::with_one(domain.channels, domain.levels);
        Ok(self.push(scale, &[Value(LEVELS)], Vec::new()))
    }

    /// Levels as learned vectors of `features`. Parameter `weight (C, K, features)`, normal with
    /// deviation 1.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn embedded_levels(&mut self, features: usize, vb: &VarBuilder<'_>) -> Result<Value> {
        let domain = self.program.domain;
        let embedding = Embedding {
            from: self.program.level_groups.clone(),
            groups: self.split(features, "embedding")?,
            levels: domain.levels,
        };
        let shape = (domain.channels, domain.levels, features);
        let table = vb.get_with_hints(shape, "weight", normal(1.0))?;
        Ok(self.push(embedding, &[Value(LEVELS)], vec![table]))
    }

    /// tanh(a) · sigmoid(b) over the two halves of each channel group of `x`.
    ///
    /// # Errors
    /// [`Error::Config`] when a channel group of `x` has an odd number of features.
    pub fn gate(&mut self, x: Value) -> Result<Value> {
        self.gate_with(x, Squash::Tanh)
    }

    /// a · sigmoid(b) over the two halves of each channel group of `x` (Dauphin et al. 2016,
    /// arXiv:1612.08083).
    ///
    /// # Errors
    /// As [`Builder::gate`].
    pub fn linear_gate(&mut self, x: Value) -> Result<Value> {
        self.gate_with(x, Squash::Linear)
    }

    fn gate_with(&mut self, x: Value, squash: Squash) -> Result<Value> {
        let problem = "a gate needs an even number of features in each channel group";
        let groups = self.parts(x, 2, problem)?;
        Ok(self.push(Gate { groups, squash }, &[x], Vec::new()))
    }

    /// elu(x) and elu(-x): twice the features.
    pub fn concat_elu(&mut self, x: Value) -> Value {
        let groups = self.groups(x).clone();
        self.push(ConcatElu::new(groups), &[x], Vec::new())
    }

    /// The features of a and then those of b, in each channel group.
    ///
    /// # Errors
    /// [`Error::Config`] when they lie on other grids.
    pub fn concat(&mut self, a: Value, b: Value) -> Result<Value> {
        self.same_grid(a, b)?;
        let parts = [a, b].map(|v| self.groups(v).clone());
        Ok(self.push(Concat::new(parts), &[a, b], Vec::new()))
    }

    /// Zeroes each number of x with probability `rate` while training, and scales the others up.
    ///
    /// # Errors
    /// [`Error::Config`] when `rate` is not in [0, 1).
    pub fn dropout(&mut self, x: Value, rate: f64) -> Result<Value> {
        let problem = format!("must be at least 0 and below 1, not {rate}");
        refuse_if(!(0.0..1.0).contains(&rate), "dropout", problem)?;
        if rate == 0.0 {
            return Ok(x);
        }
        let (groups, sites) = (self.groups(x).clone(), self.program.sites(x.0));
        let dropout = Dropout::new(groups, rate, self.program.nodes.len(), sites);
        Ok(self.push(dropout, &[x], Vec::new()))
    }

    /// Root-mean-square norm of each position and channel group. Parameter `weight (c)`, one.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn norm(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let groups = self.groups(x).clone();
        let gain = vb.get_with_hints(groups.features(), "weight", Init::Const(1.0))?;
        Ok(self.push(Norm { groups }, &[x], vec![gain]))
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
        let axes = Axis::rows_and_columns(height, width);
        Ok(self.push(Position { groups, axes }, &[x], vec![rows, columns]))
    }

    /// Numbers of its own for every site: `table (sites, c)`, nothing that is learned.
    ///
    /// # Errors
    /// [`Error::Config`] when channels are drawn one after the other, or the table has another number of
    /// rows.
    pub fn fixed(&mut self, table: Vec<f32>) -> Result<Value> {
        self.one_group(Value(LEVELS))?;
        let sites = self.program.sites(LEVELS);
        let features = table.len() / sites;
        let is_ragged = features == 0 || table.len() != sites * features;
        let problem = format!("{} numbers are no rows for {sites} sites", table.len());
        refuse_if(is_ragged, "features", problem)?;
        Ok(self.push(Fixed::new(table, features), &[Value(LEVELS)], Vec::new()))
    }

    /// Adds a learned vector for each position. Parameter `weight (positions, c)`, normal with
    /// deviation 0.01.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn position_table(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let (n, groups) = (self.program.domain.positions(), self.groups(x).clone());
        let table = vb.get_with_hints((n, groups.features()), "weight", normal(0.01))?;
        let axes = vec![Axis::every_position(n)];
        Ok(self.push(Position { groups, axes }, &[x], vec![table]))
    }

    /// x + W·h, with h what the image is conditioned on; x itself where that is nothing. Parameter
    /// `weight`: `(`[`Conditioning::class_rows`]`, c)`, normal with deviation 0.1, or `(f, c)`, normal with variance 1 / f.
    ///
    /// # Errors
    /// What `vb` gives for the parameter.
    pub fn condition(&mut self, x: Value, vb: &VarBuilder<'_>) -> Result<Value> {
        let conditioning = self.program.conditioning;
        let (rows, stdev) = match (conditioning, conditioning.class_rows()) {
            (Conditioning::None, _) => return Ok(x),
            (_, Some(rows)) => (rows, 0.1),
            _ => {
                let f = self.program.width(self.condition.0);
                (f, 1.0 / (f.max(1) as f64).sqrt())
            }
        };
        let is_map = matches!(conditioning, Conditioning::Map { .. });
        let other_grid = self.program.grid(x.0) != self.program.grid(self.condition.0);
        let problem = "a map has other sites than what it is added to in this model";
        refuse_if(is_map && other_grid, "conditioning", problem)?;
        let weight = vb.get_with_hints((rows, self.features(x)), "weight", normal(stdev))?;
        let condition = Condition {
            conditioning,
            groups: self.groups(x).clone(),
            positions: self.program.sites(x.0),
        };
        Ok(self.push(condition, &[x, self.condition], vec![weight]))
    }

    /// a + b.
    ///
    /// # Errors
    /// [`Error::Config`] when they have other widths.
    pub fn add(&mut self, a: Value, b: Value) -> Result<Value> {
        let other_width = self.groups(a) != self.groups(b);
        refuse_if(other_width, "features", "a sum needs equal widths")?;
        self.same_grid(a, b)?;
        let groups = self.groups(a).clone();
        Ok(self.push(Add { groups }, &[a, b], Vec::new()))
    }

    /// How many features `x` has.
    pub fn features(&self, x: Value) -> usize {
        self.groups(x).features()
    }

    /// Features of the output that the likelihood needs: P for each V channels.
    pub fn outputs(&self) -> usize {
        let likelihood = self.program.likelihood;
        self.program.domain.channels / likelihood.values() * likelihood.parameters()
    }

    /// The network whose conditionals are `output`.
    ///
    /// # Errors
    /// [`Error::Config`] when `output` has another width, or a conditional would see the value it
    /// predicts because no convolution of type A lies between.
    pub fn finish(mut self, output: Value, vb: &VarBuilder<'_>) -> Result<Network> {
        // C · P features split evenly: channel c's conditionals are group c.
        let expected = ChannelGroups::split(self.outputs(), self.program.level_groups.count());
        let [needs, got] = [&expected, self.groups(output)].map(ChannelGroups::features);
        let problem = format!("the output needs {needs}, not {got}");
        refuse_if(*self.groups(output) != expected, "features", problem)?;
        let v = self.program.likelihood.values();
        let is_apart = v != self.domain.channels || self.order.steps_per_position() > 1;
        let problem = "describes all channels of a pixel: they have to be drawn together";
        refuse_if(v > 1 && is_apart, "likelihood", problem)?;
        let other_grid = self.program.grid(output.0) != self.program.grid(LEVELS);
        refuse_if(other_grid, "grid", "the output needs a site for each pixel")?;
        self.program.output = output.0;
        if let Some(step) = self.program.leak() {
            let problem = format!(
                "the network sees the value it predicts (step {step}): before the output, a \
                 convolution of type A or a stream that is late has to come between"
            );
            return Err(Error::config("mask", problem));
        }
        Ok(Network::new(self.domain, self.order, self.program, vb))
    }

    fn groups(&self, value: Value) -> &ChannelGroups {
        self.program.channel_groups(value.0)
    }

    fn same_grid(&self, a: Value, b: Value) -> Result<()> {
        let differ = self.program.grid(a.0) != self.program.grid(b.0);
        let problem = "two values of other sizes do not go together";
        refuse_if(differ, "grid", problem)
    }

    /// The channel groups of one of the equal `parts` of each of `x`; a `problem` where there are none.
    fn parts(&self, x: Value, parts: usize, problem: &str) -> Result<ChannelGroups> {
        let groups = self.groups(x);
        let sizes = (0..groups.count()).map(|g| groups.range(g).len());
        let is_odd = |size: usize| size == 0 || !size.is_multiple_of(parts);
        refuse_if(sizes.clone().any(is_odd), "features", problem)?;
        Ok(ChannelGroups::of_sizes(sizes.map(|size| size / parts)))
    }

    fn split(&self, features: usize, field: &str) -> Result<ChannelGroups> {
        let steps = self.program.order.steps_per_position();
        let problem = format!("must be at least {steps}, not {features}: one for each channel");
        refuse_if(features < steps, field, problem)?;
        Ok(ChannelGroups::split(features, steps))
    }

    fn push(
        &mut self,
        primitive: impl Primitive + 'static,
        inputs: &[Value],
        parameters: Vec<Tensor>,
    ) -> Value {
        let grid = self.program.grid(inputs[0].0);
        self.push_on(grid, primitive, inputs, parameters)
    }

    /// A node whose result has another grid than its first input.
    fn push_on(
        &mut self,
        grid: Grid,
        primitive: impl Primitive + 'static,
        inputs: &[Value],
        parameters: Vec<Tensor>,
    ) -> Value {
        let program = &mut self.program;
        let inputs: Vec<usize> = inputs.iter().map(|v| v.0).collect();
        let ready = program.ready_after(&primitive, &inputs, grid.sites());
        program.ready.push(ready);
        let count = parameters.iter().map(Tensor::elem_count).sum();
        let (start, first) = (program.parameters, program.prepared);
        program.parameters += count;
        program.prepared += primitive.prepared(count);
        program.nodes.push(Node {
            primitive: Box::new(primitive),
            inputs,
            grid,
            parameters,
            range: start..program.parameters,
            prepared: first..program.prepared,
        });
        Value(program.nodes.len() - 1 + INPUTS)
    }
}
