use ar_core::{Result, Stepper};
use candle_core::Tensor;

use super::{CONDITION, INPUTS, LEVELS, Program};
use crate::primitive::{StepPrimitive, StepValue};

/// The step pass of a program on a CPU.
pub(super) struct ProgramStepper<'p> {
    program: &'p Program,
    batch: usize,
    nodes: Vec<Box<dyn StepPrimitive>>,
    values: Vec<StepValue>,
    /// The step whose remembered nodes have been computed.
    computed: Option<usize>,
    /// The row whose complete values have been computed.
    row: Option<usize>,
    out: Vec<f32>,
}

impl<'p> ProgramStepper<'p> {
    pub(super) fn new(program: &'p Program, batch: usize, condition: Vec<f32>) -> Result<Self> {
        let mut nodes = Vec::with_capacity(program.nodes.len());
        for node in &program.nodes {
            let mut weights = Vec::with_capacity(node.range.len());
            for tensor in &node.weights {
                weights.extend(
                    tensor
                        .flatten_all()
                        .and_then(|t: Tensor| t.to_vec1::<f32>())?,
                );
            }
            node.primitive.mask_weights(&mut weights);
            nodes.push(node.primitive.stepper(batch, &weights));
        }
        let value = |v| StepValue::new(batch, program.slots(v), program.width(v));
        let mut values: Vec<StepValue> = (0..program.values()).map(value).collect();
        let (rows, f) = (program.positions(CONDITION), program.width(CONDITION));
        values[CONDITION] = StepValue::of(condition, rows, f);
        Ok(Self {
            program,
            batch,
            nodes,
            values,
            computed: None,
            row: None,
            out: Vec::new(),
        })
    }

    /// Runs node `i` at a site.
    fn run_node(&mut self, i: usize, position: usize, channel: usize) {
        let (before, rest) = self.values.split_at_mut(i + INPUTS);
        let mut inputs = self.program.nodes[i].inputs.iter().map(|&v| &before[v]);
        match (inputs.next(), inputs.next()) {
            (Some(a), Some(b)) => self.nodes[i].step(position, channel, &[a, b], &mut rest[0]),
            (Some(a), None) => self.nodes[i].step(position, channel, &[a], &mut rest[0]),
            _ => {}
        }
    }

    /// Runs the nodes that `which` selects at the site of `step`, after what they need of the row.
    fn run(&mut self, step: usize, which: impl Fn(&super::Node) -> bool) {
        let (program, site) = (self.program, self.program.order.step(step));
        let (w, channels) = (program.order.width(), program.order.steps_per_position());
        let row = site.position / w;
        if program.order.is_raster() && self.row != Some(row) {
            self.row = Some(row);
            for i in (0..program.nodes.len()).filter(|&i| program.nodes[i].by_rows) {
                for column in 0..w {
                    let leftward = program.nodes[i].primitive.runs_leftward();
                    let column = if leftward { w - 1 - column } else { column };
                    (0..channels).for_each(|c| self.run_node(i, row * w + column, c));
                }
            }
        }
        for i in (0..program.nodes.len()).filter(|&i| which(&program.nodes[i])) {
            self.run_node(i, site.position, site.channel);
        }
    }
}

impl Stepper for ProgramStepper<'_> {
    fn conditionals(&mut self, step: usize) -> Result<&[f32]> {
        self.run(step, |node| !node.observed && !node.by_rows);
        self.computed = Some(step);
        let site = self.program.order.step(step);
        let p = self.program.likelihood.conditional_size() * self.program.order.values_per_step();
        self.out.clear();
        for b in 0..self.batch {
            let row = self.values[self.program.output].row(b, site.position);
            self.out.extend_from_slice(&row[site.channel * p..][..p]);
        }
        Ok(&self.out)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        if self.computed != Some(step) {
            self.run(step, |node| {
                !node.observed && !node.by_rows && node.remembered
            });
        }
        let site = self.program.order.step(step);
        let width = self.program.order.values_per_step();
        for (b, levels) in levels.chunks_exact(width).enumerate() {
            let row = &mut self.values[LEVELS].row_mut(b, site.position)[site.channel..][..width];
            row.iter_mut().zip(levels).for_each(|(r, l)| *r = *l as f32);
        }
        self.run(step, |node| node.observed);
        Ok(())
    }
}
