//! A second core for the step pass of one recording: what nobody waits for is computed beside the rest.
//!
//! The weights of a large network do not fit a core's own cache, and reading them from further away is most of
//! what a step costs. Where every layer adds to a sum that is looked at last, as to the skips of a WaveNet, another
//! thread computes these products behind the first, from a cache of its own. What is left when the sum is needed
//! either of them computes: a core that is busy with something else costs little, and the bits are the same.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, TryLockError};
use std::thread::{Builder, JoinHandle};

use super::schedule::Runs;
use super::{INPUTS, Program};
use crate::lock;
use crate::primitive::{Reads, Step, StepPrimitive, StepValue};

/// How many weights less the first thread has to wait for, if a second is to be worth its while: half a megabyte.
pub(super) const LEAST: usize = 1 << 17;

/// How often a thread looks for work before it sleeps: for about a tenth of a millisecond.
const PATIENCE: u32 = 1 << 12;

/// When nothing was done at so many steps in a row, something else runs on that core, and a thread that wants
/// it too would only take time from the first. For so many steps it sleeps.
const MISSED: u32 = 8;
const REST: u32 = 4000;

/// Which nodes are computed aside, one site at a step.
#[derive(Debug)]
pub(super) struct Split {
    /// Of each node.
    aside: Vec<bool>,
    /// Nodes whose rows are handed over, ascending.
    over: Vec<usize>,
    /// Nodes aside whose rows come back, and which of those aside they are.
    back: Vec<[usize; 2]>,
    /// The first node that waits for them.
    join: usize,
}

impl Split {
    /// The split that saves most, if it is at least so many weights.
    pub(super) fn of(program: &Program, runs: &[Runs], least: usize) -> Option<Self> {
        let nodes = &program.nodes;
        let inputs = |i: usize| nodes[i].inputs.iter().filter_map(|v| v.checked_sub(INPUTS));
        let mut readers = vec![Vec::new(); nodes.len()];
        (0..nodes.len()).for_each(|j| inputs(j).for_each(|i| readers[i].push(j)));
        let (wanted, is_sequence) = (program.wanted(), program.order.is_sequence());
        let may_be_aside =
            |i: usize| is_sequence && !runs[i].remembered && looks_here(program, i, &wanted);
        let may: Vec<bool> = (0..nodes.len()).map(may_be_aside).collect();
        let split = |join: usize| {
            // Nobody before the join waits for it.
            let mut aside = vec![false; nodes.len()];
            for i in (0..join).rev().filter(|&i| may[i]) {
                aside[i] = readers[i].iter().all(|&j| j >= join || aside[j]);
            }
            // When each node is done, and both threads, if a weight takes one unit of time.
            let (mut done, mut both, mut all) = (vec![0; join], [0, 0], 0);
            for i in 0..join {
                let work = nodes[i].prepared.len();
                let own = &mut both[usize::from(aside[i])];
                if aside[i] {
                    *own = inputs(i).map(|v| done[v]).fold(*own, usize::max);
                }
                *own += work;
                done[i] = *own;
                all += work;
            }
            (all - both[0].max(both[1]), join, aside)
        };
        let last = program.output.checked_sub(INPUTS)?;
        let (saved, join, aside) = (1..=last).map(split).max_by_key(|split| split.0)?;
        let crosses = |&i: &usize| readers[i].iter().any(|&j| aside[j] != aside[i]);
        let own = (0..join).filter(|&i| aside[i]).enumerate();
        let back = own.filter(|(_, i)| crosses(i)).map(|(place, i)| [i, place]);
        let (back, over) = (back.collect(), (0..join).filter(|&i| !aside[i]));
        let over = over.filter(crosses).collect();
        (saved >= least.max(1)).then_some(Self {
            aside,
            over,
            back,
            join,
        })
    }

    pub(super) fn is_aside(&self, node: usize) -> bool {
        self.aside[node]
    }
}

/// Whether a node computes the site that is drawn next, and nothing else, from what other nodes make of it.
fn looks_here(program: &Program, i: usize, wanted: &[u32]) -> bool {
    let node = &program.nodes[i];
    let is_here = |(input, &value): (usize, &usize)| {
        let is_here = matches!(node.primitive.reads(input), Reads::Here);
        is_here && value >= INPUTS && program.ready[value] == wanted
    };
    node.primitive.groups().count() == 1
        && node.primitive.own_reads().is_none()
        && program.ready[i + INPUTS] == wanted
        && !node.inputs.is_empty()
        && node.inputs.iter().enumerate().all(is_here)
}

/// What stands in the place of a node that is computed aside.
#[derive(Clone)]
pub(super) struct Elsewhere;

impl Step for Elsewhere {
    fn step(&mut self, _: &[u32], _: usize, _: &[&StepValue], _: &mut StepValue) {}
}

/// The nodes of a [`Split`] that are computed aside, for one image.
pub(super) struct Aside<'p> {
    split: &'p Split,
    shared: Arc<Shared>,
    /// Once it was wanted.
    thread: Option<JoinHandle<()>>,
    /// How many rows were handed over at this step.
    handed: usize,
    /// Whether there is a core to spare.
    can_help: fn() -> bool,
    /// At how many steps nothing was done, one after the other, and for how many to come nothing is asked for.
    missed: u32,
    pub(super) rest: u32,
    /// At how many something was.
    #[cfg(test)]
    pub(super) helped: usize,
}

struct Shared {
    /// Of each value that is handed over its row, as bits.
    rows: Vec<Vec<AtomicU32>>,
    /// The site they are of.
    site: AtomicUsize,
    /// How many were handed over at all steps together.
    there: AtomicUsize,
    work: Mutex<Work>,
    is_wanted: AtomicBool,
    is_over: AtomicBool,
}

/// What is computed aside, and how far it is.
struct Work {
    nodes: Vec<Node>,
    /// Of one site: what was handed over, then what the nodes produce.
    values: Vec<StepValue>,
    /// How many rows were taken at all steps together.
    taken: usize,
    /// And how many before this one.
    before: usize,
    /// Which node is next at this step.
    next: usize,
}

struct Node {
    primitive: Box<dyn StepPrimitive>,
    /// Among the values.
    inputs: Vec<usize>,
    /// How many rows of a step it has to wait for.
    needs: usize,
}

impl<'p> Aside<'p> {
    /// `stepper` makes that of a node.
    pub(super) fn new(
        program: &Program,
        split: &'p Split,
        can_help: fn() -> bool,
        stepper: impl Fn(usize) -> Box<dyn StepPrimitive>,
    ) -> Self {
        let (mut nodes, mut of) = (Vec::new(), split.over.clone());
        for i in (0..split.aside.len()).filter(|&i| split.aside[i]) {
            let place = |v: &usize| of.iter().position(|own| own + INPUTS == *v);
            let inputs: Vec<usize> = program.nodes[i].inputs.iter().filter_map(place).collect();
            debug_assert_eq!(inputs.len(), program.nodes[i].inputs.len());
            let handed = inputs.iter().filter(|&&v| v < split.over.len());
            nodes.push(Node {
                primitive: stepper(i),
                needs: handed.max().map_or(0, |v| v + 1),
                inputs,
            });
            of.push(i);
        }
        let value = |i: &usize| StepValue::new(1, 1, program.width(i + INPUTS));
        let values = of.iter().map(value).collect();
        Self::of(split, can_help, nodes, values)
    }

    fn of(
        split: &'p Split,
        can_help: fn() -> bool,
        nodes: Vec<Node>,
        values: Vec<StepValue>,
    ) -> Self {
        let row = |value: &StepValue| value.row(0, 0).iter().map(|_| AtomicU32::new(0)).collect();
        let shared = Shared {
            rows: values[..split.over.len()].iter().map(row).collect(),
            site: AtomicUsize::new(0),
            there: AtomicUsize::new(0),
            work: Mutex::new(Work {
                nodes,
                values,
                taken: 0,
                before: 0,
                next: 0,
            }),
            is_wanted: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        };
        Self {
            split,
            shared: Arc::new(shared),
            thread: None,
            handed: 0,
            can_help,
            missed: 0,
            rest: 0,
            #[cfg(test)]
            helped: 0,
        }
    }

    /// The same again, between two steps.
    pub(super) fn fork(&self) -> Self {
        let work = lock(&self.shared.work);
        let again = |node: &Node| Node {
            primitive: node.primitive.fork(),
            inputs: node.inputs.clone(),
            needs: node.needs,
        };
        let nodes = work.nodes.iter().map(again).collect();
        Self::of(self.split, self.can_help, nodes, work.values.clone())
    }

    /// Whether node `i` is computed aside. Before the one that waits, what was computed joins `values`.
    pub(super) fn takes(&mut self, i: usize, values: &mut [StepValue]) -> bool {
        if i == self.split.join {
            self.join(values);
        }
        self.split.is_aside(i)
    }

    /// Node `i` has produced `value` at `sites`: one, if it is to be handed over.
    pub(super) fn produced(&mut self, i: usize, sites: &[u32], value: &StepValue) {
        if self.split.over.get(self.handed) != Some(&i) {
            return;
        }
        let site = sites[0] as usize;
        if self.handed == 0 {
            self.shared.site.store(site, Ordering::Relaxed);
            self.call();
        }
        for (to, x) in self.shared.rows[self.handed].iter().zip(value.row(0, site)) {
            to.store(x.to_bits(), Ordering::Relaxed);
        }
        self.handed += 1;
        self.shared.there.fetch_add(1, Ordering::Release);
    }

    /// The other thread, if it can help.
    fn call(&mut self) {
        let can_help = self.rest == 0 && (self.can_help)();
        self.rest = self.rest.saturating_sub(1);
        self.shared.is_wanted.store(can_help, Ordering::Relaxed);
        if !can_help {
            return;
        }
        if self.thread.is_none() {
            let shared = self.shared.clone();
            self.thread = Builder::new().spawn(move || shared.help()).ok();
        }
        match &self.thread {
            Some(thread) => thread.thread().unpark(),
            // There are threads enough.
            None => self.can_help = || false,
        }
    }

    fn join(&mut self, values: &mut [StepValue]) {
        let mut work = loop {
            match self.shared.work.try_lock() {
                Ok(work) => break work,
                Err(TryLockError::Poisoned(work)) => break work.into_inner(),
                Err(TryLockError::WouldBlock) => std::hint::spin_loop(),
            }
        };
        #[cfg(test)]
        (self.helped += usize::from(work.next > 0));
        let is_missed = work.next == 0 && self.shared.is_wanted.load(Ordering::Relaxed);
        self.missed = if is_missed { self.missed + 1 } else { 0 };
        if self.missed == MISSED {
            self.rest = REST;
        }
        work.advance(&self.shared);
        let site = self.shared.site.load(Ordering::Relaxed);
        for [node, place] in &self.split.back {
            let own = work.values[self.split.over.len() + place].row(0, site);
            values[node + INPUTS].row_mut(0, site).copy_from_slice(own);
        }
        work.before = work.taken;
        work.next = 0;
        self.handed = 0;
    }
}

impl Drop for Aside<'_> {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It panics only where this thread did, at the same node.
            thread.join().ok();
        }
    }
}

impl Shared {
    /// What the other thread does until all is over.
    fn help(&self) {
        let (mut seen, mut patience) = (0, PATIENCE);
        while !self.is_over.load(Ordering::Relaxed) {
            let there = self.there.load(Ordering::Relaxed);
            let wanted = there != seen && self.is_wanted.load(Ordering::Relaxed);
            if let Some(mut work) = wanted.then(|| self.work.try_lock().ok()).flatten() {
                work.advance(self);
                (seen, patience) = (there, PATIENCE);
            } else if patience > 0 {
                patience -= 1;
                std::hint::spin_loop();
            } else {
                std::thread::park();
                patience = PATIENCE;
            }
        }
    }
}

impl Work {
    /// Computes what can be computed from the rows that are there.
    fn advance(&mut self, shared: &Shared) {
        let there = shared.there.load(Ordering::Acquire);
        let (site, over) = (shared.site.load(Ordering::Relaxed), shared.rows.len());
        while let Some(node) = self.nodes.get_mut(self.next) {
            while self.taken < self.before + node.needs {
                if self.taken == there {
                    return;
                }
                let place = self.taken - self.before;
                let row = self.values[place].row_mut(0, site).iter_mut();
                for (x, bits) in row.zip(&shared.rows[place]) {
                    *x = f32::from_bits(bits.load(Ordering::Relaxed));
                }
                self.taken += 1;
            }
            let (inputs, own) = self.values.split_at_mut(over + self.next);
            let mut pair = [&inputs[0]; 2];
            for (input, &v) in pair.iter_mut().zip(&node.inputs) {
                *input = &inputs[v];
            }
            let pair = &pair[..node.inputs.len()];
            node.primitive.step(&[site as u32], 0, pair, &mut own[0]);
            self.next += 1;
        }
    }
}
