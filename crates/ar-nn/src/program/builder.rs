use std::sync::Arc;

use ar_core::{ChannelGroups, Domain, Error, Likelihood, MaskType, Order, Result, Taps};
use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use super::{Network, Node, Program};
use crate::primitive::{Add, Conv, ConvConfig, Embedding, Gate, Norm, Position, Primitive, Scale};

/// A value of the network under construction: features at every position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value(usize);

/// Puts a network together, node by node; see the crate's page for what it becomes.
#[derive(Debug)]
pub struct Builder {
    program: Program,
}

impl Builder {
    /// An empty network over `domain` in `order`.
    pub fn new(domain: &Domain, order: &Order) -> Self {
        Self {
            program: Program {
                domain: *domain,
                order: order.clone(),
                likelihood: Likelihood::for_domain(domain),
                level_groups: ChannelGroups::split(domain.channels, order.steps_per_position()),
                nodes: Vec::new(),
                output: 0,
                parameters: 0,
            },
        }
    }

    /// The integer levels, a feature a channel.
    pub fn levels(&self) -> Value {
        Value(0)
    }

    /// Levels as numbers 0..=1, black as zero: what taps beyond the border read as well.
    pub fn scaled_levels(&mut self) -> Value {
        let scale = Scale::new(
            self.program.level_groups.clone(),
            self.program.domain.levels,
        );
        self.push(scale, &[Value(0)], Vec::new())
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
        Ok(self.push(embedding, &[Value(0)], vec![table]))
    }

    /// A causal convolution of `x`. Parameters `weight (taps, c_in, c_out)`, normal with variance
    /// 2 / (taps · c_in) (He et al. 2015) when a rectifier follows and 1 / (taps · c_in) otherwise,
    /// and `bias (c_out)`, zero.
    ///
    /// # Errors
    /// [`Error::Config`] when the kernel is even, reads nothing, or a channel group gets no feature.
    pub fn conv(&mut self, x: Value, config: ConvConfig, vb: &VarBuilder<'_>) -> Result<Value> {
        self.conv_plus(x, config, None, vb)
    }

    /// [`Builder::conv`] whose result is added to `residual`.
    ///
    /// # Errors
    /// As [`Builder::conv`], and when the residual has another width.
    pub fn residual_conv(
        &mut self,
        x: Value,
        config: ConvConfig,
        residual: Value,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        self.conv_plus(x, config, Some(residual), vb)
    }

    fn conv_plus(
        &mut self,
        x: Value,
        config: ConvConfig,
        residual: Option<Value>,
        vb: &VarBuilder<'_>,
    ) -> Result<Value> {
        let kernel = config.kernel;
        if kernel.height.is_multiple_of(2) || kernel.width.is_multiple_of(2) || kernel.dilation == 0
        {
            let size = format!(
                "{}x{} (dilation {})",
                kernel.height, kernel.width, kernel.dilation
            );
            return Err(Error::config(
                "kernel",
                format!("sizes must be odd and the dilation positive, not {size}"),
            ));
        }
        // A 1x1 layer over a value of complete rows makes another such value.
        let by_rows = self.by_rows(x.0) && residual.is_none_or(|r| self.by_rows(r.0));
        let vertical = config.vertical || (by_rows && kernel.height == 1 && kernel.width == 1);
        let config = ConvConfig { vertical, ..config };
        let taps = if vertical {
            if residual.is_some_and(|r| !self.by_rows(r.0))
                || (config.mask == MaskType::B && !self.by_rows(x.0))
            {
                return Err(Error::config(
                    "vertical",
                    "a vertical stack begins with type A and reads nothing of the horizontal stack",
                ));
            }
            Taps::vertical(&self.program.order, kernel, config.mask)?
        } else {
            Taps::new(&self.program.order, kernel, config.mask)
        };
        if taps.count() == 0 {
            return Err(Error::config(
                "kernel",
                "a 1x1 convolution of type A reads nothing",
            ));
        }
        let to = if config.gated {
            self.split(config.features / 2, "features")?.scaled(2)
        } else {
            self.split(config.features, "features")?
        };
        if let Some(r) = residual
            && *self.groups(r) != to
        {
            return Err(Error::config(
                "features",
                "a residual connection needs equal widths",
            ));
        }
        if residual.is_some() && config.after != crate::Activation::Identity {
            return Err(Error::config(
                "after",
                "a residual convolution takes no activation after it",
            ));
        }
        let (from, k) = (
            self.groups(x).clone(),
            taps.count() * self.groups(x).features(),
        );
        let gain = if config.after == crate::Activation::Identity {
            1.0
        } else {
            2.0
        };
        let stdev = (gain / k as f64).sqrt();
        let shape = (taps.count(), from.features(), config.features);
        let weight = vb.get_with_hints(shape, "weight", Init::Randn { mean: 0.0, stdev })?;
        let bias = vb.get_with_hints(config.features, "bias", Init::Const(0.0))?;
        let conv = Conv::new(Arc::new(taps), &config, from, to, &weight)?;
        let inputs: Vec<Value> = [x].into_iter().chain(residual).collect();
        Ok(self.push(conv, &inputs, vec![weight, bias]))
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
        Ok(self.push(
            Position::new(groups, height, width),
            &[x],
            vec![rows, columns],
        ))
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
        self.program.domain.channels * self.program.likelihood.parameters()
    }

    /// The network whose likelihood has the parameters `output`.
    ///
    /// # Errors
    /// [`Error::Config`] when `output` has another width, or a conditional would see the value it
    /// predicts because no convolution of type A lies between.
    pub fn finish(mut self, output: Value, vb: &VarBuilder<'_>) -> Result<Network> {
        // C · P features split evenly: channel c's parameters are group c.
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
        Ok(Network::new(self.program, vb.dtype(), vb.device()))
    }

    fn groups(&self, value: Value) -> &ChannelGroups {
        match value.0 {
            0 => &self.program.level_groups,
            v => self.program.nodes[v - 1].primitive.groups(),
        }
    }

    fn by_rows(&self, value: usize) -> bool {
        value > 0 && self.program.nodes[value - 1].by_rows
    }

    fn observed(&self, value: usize) -> bool {
        value == 0 || self.program.nodes[value - 1].observed
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
        // A residual is read at the site itself even when the convolution is of type A.
        let strict = usize::from(!primitive.sees_itself());
        let observed = inputs.iter().skip(strict).any(|&i| self.observed(i));
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
        Value(self.program.nodes.len())
    }

    /// Walks back from every value that another site reads.
    fn mark_remembered(&mut self) {
        for i in (0..self.program.nodes.len()).rev() {
            let value = i + 1;
            let read = self
                .program
                .nodes
                .iter()
                .any(|n| n.primitive.mixes_sites() && n.inputs[0] == value)
                || self
                    .program
                    .nodes
                    .iter()
                    .any(|n| n.remembered && n.inputs.contains(&value));
            self.program.nodes[i].remembered = read;
        }
    }
}
