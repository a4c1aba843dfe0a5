use std::sync::atomic::{AtomicUsize, Ordering};

use ar_core::{Result, Stepper, Turn};

use super::aside::{Aside, Elsewhere, Split};
use super::operations::Fused;
use super::{CONDITION, INPUTS, LEVELS, Program};
use crate::primitive::{StepPrimitive, StepValue};

/// The step pass of a program on a CPU.
pub(super) struct ProgramStepper<'p> {
    program: &'p Program,
    batch: usize,
    turn: Turn,
    nodes: Vec<Box<dyn StepPrimitive>>,
    values: Vec<StepValue>,
    /// The step before which all is computed.
    ran: Option<usize>,
    out: Vec<f32>,
    /// What a second core computes, of a large network for one image.
    pub(super) aside: Option<Aside<'p>>,
    _present: Present,
}

/// A step pass exists.
struct Present;

static PRESENT: AtomicUsize = AtomicUsize::new(0);

impl Present {
    fn new() -> Self {
        PRESENT.fetch_add(1, Ordering::Relaxed);
        Self
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        PRESENT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whether there is a second core for each step pass.
fn is_spacious() -> bool {
    2 * PRESENT.load(Ordering::Relaxed) <= rayon::current_num_threads()
}

impl<'p> ProgramStepper<'p> {
    pub(super) fn new(fused: &'p Fused, batch: usize, condition: Vec<f32>) -> Result<Self> {
        let split = fused.program.schedule().split.as_ref();
        Self::split(
            fused,
            batch,
            condition,
            split.filter(|_| batch == 1),
            is_spacious,
        )
    }

    /// With what a second core is to compute, and whether it can.
    pub(super) fn split(
        fused: &'p Fused,
        batch: usize,
        condition: Vec<f32>,
        split: Option<&'p Split>,
        can_help: fn() -> bool,
    ) -> Result<Self> {
        let (program, weights) = (&*fused.program, fused.weights()?.1);
        let stepper = |i: usize| {
            let own = &weights[program.nodes[i].prepared.clone()];
            program.nodes[i].primitive.stepper(batch, own)
        };
        let is_aside = |i: usize| split.is_some_and(|split| split.is_aside(i));
        let here = |i: usize| -> Box<dyn StepPrimitive> {
            if is_aside(i) {
                Box::new(Elsewhere)
            } else {
                stepper(i)
            }
        };
        let nodes = (0..program.nodes.len()).map(here);
        let slots = &program.schedule().slots;
        let value = |v| StepValue::new(batch, slots[v], program.width(v));
        let mut values: Vec<StepValue> = (0..program.values()).map(value).collect();
        let (rows, f) = (program.sites(CONDITION), program.width(CONDITION));
        values[CONDITION] = StepValue::of(condition, rows, f);
        Ok(Self {
            program,
            batch,
            turn: Turn::first(program.domain, batch),
            nodes: nodes.collect(),
            values,
            ran: None,
            out: Vec::new(),
            aside: split.map(|split| Aside::new(program, split, can_help, stepper)),
            _present: Present::new(),
        })
    }

    /// Computes what can be computed after `step` steps, or only what later steps read of it.
    fn run(&mut self, step: usize, only_remembered: bool) {
        if self.ran.replace(step) == Some(step) {
            return;
        }
        let mut aside = self.aside.as_mut().filter(|_| !only_remembered);
        for (i, runs) in self.program.schedule().nodes.iter().enumerate() {
            if only_remembered && !runs.remembered {
                continue;
            }
            if let Some(aside) = &mut aside
                && aside.takes(i, &mut self.values)
            {
                continue;
            }
            let (before, own) = self.values.split_at_mut(i + INPUTS);
            let of = &self.program.nodes[i].inputs;
            let mut pair = [&before[0]; 2];
            for (input, &v) in pair.iter_mut().zip(of) {
                *input = &before[v];
            }
            let inputs = &pair[..of.len()];
            for (group, sites) in runs.due(step) {
                self.nodes[i].step(sites, group, inputs, &mut own[0]);
                if let Some(aside) = &mut aside {
                    aside.produced(i, sites, &own[0]);
                }
            }
        }
    }
}

impl Stepper for ProgramStepper<'_> {
    fn conditionals(&mut self, step: usize) -> Result<&[f32]> {
        self.turn.is(step)?;
        self.run(step, false);
        let here = self.program.order.step(step);
        let output = self.program.output;
        let p = self.program.width(output) / self.program.groups(output);
        self.out.clear();
        for b in 0..self.batch {
            for &site in here.positions {
                let row = self.values[output].row(b, site as usize);
                self.out.extend_from_slice(&row[here.channel * p..][..p]);
            }
        }
        Ok(&self.out)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        self.turn.end(&self.program.order, step, levels)?;
        self.run(step, true);
        let here = self.program.order.step(step);
        let width = self.program.order.values_per_position();
        let pixels = (0..self.batch).flat_map(|b| here.positions.iter().map(move |p| (b, *p)));
        for ((b, site), levels) in pixels.zip(levels.chunks_exact(width)) {
            let row = self.values[LEVELS].row_mut(b, site as usize);
            let row = row[here.channel..][..width].iter_mut();
            row.zip(levels).for_each(|(r, l)| *r = *l as f32);
        }
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(Self {
            program: self.program,
            batch: self.batch,
            turn: self.turn,
            nodes: self.nodes.iter().map(|node| node.fork()).collect(),
            values: self.values.clone(),
            ran: self.ran,
            out: self.out.clone(),
            aside: self.aside.as_ref().map(Aside::fork),
            _present: Present::new(),
        }))
    }
}
