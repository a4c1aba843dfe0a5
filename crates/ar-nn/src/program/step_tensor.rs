use ar_core::{Result, Stepper};
use candle_core::{DType, Device, Tensor};

use super::{CONDITION, INPUTS, LEVELS, Node, Program};
use crate::primitive::StepTensor;

/// The step pass of a program as tensor operations, on any device. With separate channels each of
/// their steps computes the features of all: those of later channels come out again, complete, in
/// their own step, and masks keep anyone from reading them before.
pub(super) struct TensorStepper<'p> {
    program: &'p Program,
    batch: usize,
    values: Vec<StepTensor>,
    /// `(B, C)` of the present position.
    levels: Vec<f32>,
    position: usize,
    computed: Option<usize>,
    /// The row whose complete values have been computed.
    row: Option<usize>,
    dtype: DType,
    device: Device,
    out: Vec<f32>,
}

impl<'p> TensorStepper<'p> {
    pub(super) fn new(
        program: &'p Program,
        batch: usize,
        condition: Option<&Tensor>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self> {
        let value = |v| StepTensor::new(batch, program.slots(v), program.width(v), dtype, device);
        let mut values = (0..program.values())
            .map(value)
            .collect::<Result<Vec<_>>>()?;
        if let Some(condition) = condition {
            values[CONDITION] = StepTensor::of(condition)?;
        }
        Ok(Self {
            program,
            batch,
            values,
            levels: vec![0.0; batch * program.domain.channels],
            position: usize::MAX,
            computed: None,
            row: None,
            dtype,
            device: device.clone(),
            out: Vec::new(),
        })
    }

    fn run_node(&mut self, i: usize, position: usize) -> Result<()> {
        let node = &self.program.nodes[i];
        let inputs: Vec<&StepTensor> = node.inputs.iter().map(|&v| &self.values[v]).collect();
        let current = node.primitive.composite_step(
            position,
            &inputs,
            &self.values[i + INPUTS],
            &node.weights,
        )?;
        self.values[i + INPUTS].set(position, current)
    }

    fn run(&mut self, position: usize, which: impl Fn(&Node) -> bool) -> Result<()> {
        let nodes = &self.program.nodes;
        (0..nodes.len())
            .filter(|&i| which(&nodes[i]))
            .try_for_each(|i| self.run_node(i, position))
    }

    /// Computes the values that are complete before the row's first pixel.
    fn enter_row(&mut self, row: usize) -> Result<()> {
        if self.program.order.is_raster() && self.row != Some(row) {
            self.row = Some(row);
            let (nodes, w) = (&self.program.nodes, self.program.order.width());
            for i in (0..nodes.len()).filter(|&i| nodes[i].by_rows) {
                for column in 0..w {
                    let leftward = nodes[i].primitive.runs_leftward();
                    let column = if leftward { w - 1 - column } else { column };
                    self.run_node(i, row * w + column)?;
                }
            }
        }
        Ok(())
    }

    /// Begins a position: what is left of the one before must not look like this one's levels.
    fn enter(&mut self, position: usize) -> Result<()> {
        if self.position != position {
            self.position = position;
            self.enter_row(position / self.program.order.width())?;
            self.levels.fill(0.0);
            self.write_levels()?;
        }
        Ok(())
    }

    fn write_levels(&mut self) -> Result<()> {
        let shape = (self.batch, 1, self.program.domain.channels);
        let levels = Tensor::from_slice(&self.levels, shape, &self.device)?.to_dtype(self.dtype)?;
        self.values[LEVELS].set(self.position, levels)?;
        self.run(self.position, |node| node.observed)
    }
}

impl Stepper for TensorStepper<'_> {
    fn conditionals(&mut self, step: usize) -> Result<&[f32]> {
        let site = self.program.order.step(step);
        self.enter(site.position)?;
        self.run(site.position, |node| !node.observed && !node.by_rows)?;
        self.computed = Some(step);
        let p = self.program.likelihood.conditional_size() * self.program.order.values_per_step();
        let output =
            self.values[self.program.output]
                .at(site.position)?
                .narrow(2, site.channel * p, p)?;
        self.out = output.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        Ok(&self.out)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        let site = self.program.order.step(step);
        self.enter(site.position)?;
        if self.computed != Some(step) {
            let which = |node: &Node| !node.observed && !node.by_rows && node.remembered;
            self.run(site.position, which)?;
        }
        let (width, channels) = (
            self.program.order.values_per_step(),
            self.program.domain.channels,
        );
        for (row, levels) in self
            .levels
            .chunks_exact_mut(channels)
            .zip(levels.chunks_exact(width))
        {
            let own = row[site.channel..][..width].iter_mut();
            own.zip(levels).for_each(|(r, l)| *r = *l as f32);
        }
        self.write_levels()
    }
}
