use std::collections::HashSet;

use ar_core::{Result, Stepper, Turn};
use candle_core::{DType, Device, Tensor};

use super::{CONDITION, INPUTS, LEVELS, Program};
use crate::primitive::{StepTensor, TensorStep};

/// The step pass of a program as tensor operations, on any device. With separate channels each of
/// their steps computes the features of all: those of later channels come out again, complete, in
/// their own step, and masks keep anyone from reading them before.
pub(super) struct TensorStepper<'p> {
    program: &'p Program,
    batch: usize,
    turn: Turn,
    /// Of each node, as prepared.
    weights: Vec<Vec<Tensor>>,
    values: Vec<StepTensor>,
    /// `(B, positions, C)`: fed so far, zeros elsewhere.
    levels: Vec<u32>,
    /// The step before which all is computed.
    ran: Option<usize>,
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
        let slots = &program.schedule().slots;
        let value = |v| {
            let dtype = if v == LEVELS { DType::U32 } else { dtype };
            StepTensor::new(batch, slots[v], program.width(v), dtype, device)
        };
        let values = (0..program.values()).map(value);
        let mut values = values.collect::<Result<Vec<_>>>()?;
        if let Some(condition) = condition {
            values[CONDITION] = StepTensor::of(condition)?;
        }
        let nodes = program.nodes.iter();
        let weights = nodes.map(|node| node.primitive.prepare_tensors(&node.parameters));
        Ok(Self {
            program,
            batch,
            turn: Turn::first(program.domain, batch),
            weights: weights.collect::<Result<_>>()?,
            values,
            levels: vec![0; batch * program.domain.dims()],
            ran: None,
            dtype,
            device: device.clone(),
            out: Vec::new(),
        })
    }

    /// Computes what can be computed after `step` steps, or only what later steps read of it.
    fn run(&mut self, step: usize, only_remembered: bool) -> Result<()> {
        if self.ran == Some(step) {
            return Ok(());
        }
        for (i, runs) in self.program.schedule().nodes.iter().enumerate() {
            let mut seen = HashSet::new();
            let due = runs.due(step).flat_map(|(_, sites)| sites);
            let sites: Vec<u32> = due.copied().filter(|s| seen.insert(*s)).collect();
            if sites.is_empty() || only_remembered && !runs.remembered {
                continue;
            }
            let node = &self.program.nodes[i];
            let inputs: Vec<&StepTensor> = node.inputs.iter().map(|&v| &self.values[v]).collect();
            let at = TensorStep {
                sites: &sites,
                inputs: &inputs,
                own: &self.values[i + INPUTS],
            };
            let computed = node.primitive.composite_step(at, &self.weights[i])?;
            self.values[i + INPUTS].set(&sites, computed.to_dtype(self.dtype)?)?;
        }
        self.ran = Some(step);
        Ok(())
    }
}

impl Stepper for TensorStepper<'_> {
    fn conditionals(&mut self, step: usize) -> Result<&[f32]> {
        self.turn.is(step)?;
        self.run(step, false)?;
        let here = self.program.order.step(step);
        let output = self.program.output;
        let p = self.program.width(output) / self.program.groups(output);
        let rows = self.values[output].rows(here.positions)?;
        let own = rows.narrow(2, here.channel * p, p)?;
        self.out = own.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        Ok(&self.out)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        self.turn.end(&self.program.order, step, levels)?;
        self.run(step, true)?;
        let here = self.program.order.step(step);
        let (n, c) = (self.program.order.positions(), self.program.domain.channels);
        let width = self.program.order.values_per_position();
        let pixels = (0..self.batch).flat_map(|b| here.positions.iter().map(move |p| (b, *p)));
        let mut rows = Vec::with_capacity(self.batch * here.positions.len() * c);
        for ((b, site), levels) in pixels.zip(levels.chunks_exact(width)) {
            let row = &mut self.levels[(b * n + site as usize) * c..][..c];
            row[here.channel..][..width].copy_from_slice(levels);
            rows.extend_from_slice(row);
        }
        let shape = (self.batch, here.positions.len(), c);
        self.values[LEVELS].set(here.positions, Tensor::from_vec(rows, shape, &self.device)?)
    }

    fn fork<'a>(&self) -> Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a,
    {
        let values = self.values.iter().map(StepTensor::fork);
        Ok(Box::new(Self {
            program: self.program,
            batch: self.batch,
            turn: self.turn,
            weights: self.weights.clone(),
            values: values.collect::<Result<_>>()?,
            levels: self.levels.clone(),
            ran: self.ran,
            dtype: self.dtype,
            device: self.device.clone(),
            out: self.out.clone(),
        }))
    }
}
