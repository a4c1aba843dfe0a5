//! When each node runs, what is kept and what a step depends on: all from what the nodes read.

use std::sync::Arc;

use super::aside::{LEAST, Split};
use super::{CONDITION, INPUTS, LEVELS, Program};
use crate::primitive::{Primitive, Reads};
use ar_core::{MaskType, Order};

/// The step pass of a program: what runs when, and how long it is kept.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) nodes: Vec<Runs>,
    /// How many sites of each value are kept: site s lies in slot s mod so many.
    pub(super) slots: Vec<usize>,
    /// What a second core can do for one image.
    pub(super) split: Option<Split>,
}

/// What one node has to compute.
#[derive(Debug)]
pub(super) struct Runs {
    /// In the order in which it is computed; of nodes that know the same at the same time one list.
    pub(super) entries: Arc<[Entry]>,
    /// Whether later steps read it, so that it has to be computed even where nothing is drawn.
    pub(super) remembered: bool,
}

impl Runs {
    /// What can be computed after `step` steps and is not among the first `done`, which it joins.
    pub(super) fn due(&self, done: &mut usize, step: usize) -> &[Entry] {
        let rest = &self.entries[*done..];
        let due = rest.iter().take_while(|e| e.ready as usize <= step).count();
        *done += due;
        &rest[..due]
    }
}

/// A channel group at a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// After how many steps it can be computed.
    pub(super) ready: u32,
    pub(super) group: u32,
    pub(super) site: u32,
}

/// Where the groups of these sites lie among `(sites, groups)`.
fn places(sites: &[u32], groups: usize) -> impl DoubleEndedIterator<Item = usize> {
    let of = move |&site: &u32| site as usize * groups..(site as usize + 1) * groups;
    sites.iter().flat_map(of)
}

/// When all groups of a site are known.
fn latest(ready: &[u32], site: usize, groups: usize) -> u32 {
    let own = ready[site * groups..][..groups].iter();
    own.copied().max().unwrap_or(0)
}

impl Program {
    /// The step after which each level is known, `(sites, groups)`.
    pub(super) fn levels_ready(order: &Order) -> Vec<u32> {
        let groups = order.steps_per_position();
        let places = 0..order.positions() * groups;
        let after = |place: usize| order.step_of(place % groups, place / groups) as u32 + 1;
        places.map(after).collect()
    }

    /// After how many steps what `primitive` makes of `inputs` is known: when the latest is known that
    /// it reads.
    pub(super) fn ready_after(
        &self,
        primitive: &dyn Primitive,
        inputs: &[usize],
        sites: usize,
    ) -> Vec<u32> {
        let groups = primitive.groups().count();
        let mut ready = vec![0; sites * groups];
        for (i, &value) in inputs.iter().enumerate() {
            let (of, of_groups) = (&self.ready[value], self.groups(value));
            let reads = primitive.reads(i);
            if let Reads::Earlier(memory) = reads {
                let known = |site: u32| latest(of, site as usize, of_groups);
                for block in &memory.blocks {
                    let before = memory.sites(block)[..block.before()].iter();
                    let mut so_far = before.map(|&site| known(site)).max().unwrap_or(0);
                    for &site in memory.queries(block) {
                        let with = so_far.max(known(site));
                        let seen = match memory.mask {
                            MaskType::A => so_far,
                            MaskType::B => with,
                        };
                        let own = ready[site as usize * groups..][..groups].iter_mut();
                        own.for_each(|r| *r = seen.max(*r));
                        so_far = with;
                    }
                }
                continue;
            }
            for (place, ready) in ready.iter_mut().enumerate() {
                let at = [place / groups, place % groups];
                reads.each(at, of_groups, |site, group| {
                    *ready = (*ready).max(of[site * of_groups + group]);
                });
                if let Some(above) = reads.row_above(at[0]) {
                    *ready = (*ready).max(latest(of, above, of_groups));
                }
            }
        }
        if let Some((own, visit)) = primitive.own_reads() {
            for place in places(visit, groups) {
                let at = [place / groups, place % groups];
                own.each(at, groups, |site, group| {
                    ready[place] = ready[place].max(ready[site * groups + group]);
                });
            }
        }
        ready
    }

    /// The step for which the output is needed at each place.
    pub(super) fn wanted(&self) -> Vec<u32> {
        let groups = self.groups(self.output);
        let places = 0..self.sites(self.output) * groups;
        let step = |place: usize| self.order.step_of(place % groups, place / groups) as u32;
        places.map(step).collect()
    }

    /// A step whose conditional sees what it predicts, or what comes later, if there is one.
    pub(super) fn leak(&self) -> Option<usize> {
        let mut pairs = self.ready[self.output].iter().zip(self.wanted());
        let late = pairs.find(|(ready, step)| *ready > step);
        late.map(|(_, step)| step as usize)
    }

    /// Whether all of a value is known before the first value of its own pixel is drawn.
    pub(super) fn is_complete(&self, value: usize) -> bool {
        let groups = self.groups(value);
        let mut ready = self.ready[value].iter().enumerate();
        let first = |place: usize| self.order.step_of(0, place / groups);
        self.sites(value) == self.order.positions()
            && ready.all(|(place, ready)| *ready as usize <= first(place))
    }

    /// The values of an image, `(channel, position)` of what the nodes see, that `step` depends on.
    pub(super) fn depends_on(&self, step: usize) -> Vec<[usize; 2]> {
        let all = self.ready.iter().map(|ready| vec![false; ready.len()]);
        let mut marks: Vec<Vec<bool>> = all.collect();
        let (here, groups) = (self.order.step(step), self.groups(self.output));
        for &p in here.positions {
            marks[self.output][p as usize * groups + here.channel] = true;
        }
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let groups = node.primitive.groups().count();
            let mut own = std::mem::take(&mut marks[i + INPUTS]);
            if let Some((reads, visit)) = node.primitive.own_reads() {
                for place in places(visit, groups).rev() {
                    if own[place] {
                        let at = [place / groups, place % groups];
                        reads.each(at, groups, |s, g| own[s * groups + g] = true);
                    }
                }
            }
            for (input, &value) in node.inputs.iter().enumerate() {
                let (of_groups, marks) = (self.groups(value), &mut marks[value]);
                let reads = node.primitive.reads(input);
                let at = (0..own.len()).filter(|place| own[*place]);
                let at = at.map(|place| [place / groups, place % groups]);
                let mut visit = |site, group| marks[site * of_groups + group] = true;
                let Reads::Earlier(memory) = reads else {
                    at.for_each(|at| reads.each(at, of_groups, &mut visit));
                    continue;
                };
                // The latest query of a block reads what the others read.
                let mut latest = vec![None; memory.blocks.len()];
                for [site, _] in at {
                    let latest = &mut latest[memory.block_of(site)];
                    *latest = (*latest).max(Some((memory.order.rank(site), site)));
                }
                for (_, query) in latest.into_iter().flatten() {
                    reads.each([query, 0], of_groups, &mut visit);
                }
            }
        }
        let groups = self.level_groups.count();
        let marked = (0..marks[LEVELS].len()).filter(|place| marks[LEVELS][*place]);
        let values = |place: usize| {
            let channels = self.level_groups.range(place % groups);
            channels.map(move |c| [c, place / groups])
        };
        marked.flat_map(values).collect()
    }

    pub(super) fn schedule(&self) -> &Schedule {
        self.schedule.get_or_init(|| Schedule::of(self))
    }
}

impl Schedule {
    fn of(program: &Program) -> Self {
        // Of each site of each value: the last step at which it is read.
        let values = 0..program.values();
        let mut last: Vec<_> = values.clone().map(|v| vec![0; program.sites(v)]).collect();
        let mut remembered = vec![false; program.values()];
        let groups = program.groups(program.output);
        let ready = &program.ready[program.output];
        for (i, (step, ready)) in program.wanted().into_iter().zip(ready).enumerate() {
            last[program.output][i / groups] = last[program.output][i / groups].max(step);
            remembered[program.output] |= step > *ready;
        }
        for (i, node) in program.nodes.iter().enumerate().rev() {
            let (value, primitive) = (i + INPUTS, &*node.primitive);
            let own = primitive.own_reads().map(|(reads, _)| (reads, value));
            remembered[value] |= own.is_some();
            let inputs = node.inputs.iter().enumerate();
            let read = inputs.map(|(i, &v)| (primitive.reads(i), v)).chain(own);
            for (reads, from) in read {
                let (groups, of_groups) = (program.groups(value), program.groups(from));
                if let Reads::Earlier(memory) = reads {
                    let ready = |&site: &u32| latest(&program.ready[value], site as usize, groups);
                    for block in &memory.blocks {
                        let end = memory.queries(block).iter().map(ready).max();
                        for &site in memory.sites(block) {
                            let last = &mut last[from][site as usize];
                            *last = (*last).max(end.unwrap_or(0));
                        }
                    }
                    remembered[from] = true;
                    continue;
                }
                let (mut later, of) = (remembered[value], &program.ready[from]);
                let last = &mut last[from][..];
                for (place, &ready) in program.ready[value].iter().enumerate() {
                    let at = [place / groups, place % groups];
                    reads.each(at, of_groups, |site, group| {
                        last[site] = last[site].max(ready);
                        later |= ready > of[site * of_groups + group];
                    });
                }
                remembered[from] |= later;
            }
        }
        let slots = values.map(|v| slots(program, v, &last[v])).collect();
        let mut nodes: Vec<Runs> = Vec::with_capacity(program.nodes.len());
        for i in 0..program.nodes.len() {
            let alike = (0..i).rev().find(|&j| run_alike(program, i, j));
            let entries = alike.map_or_else(|| entries(program, i), |j| nodes[j].entries.clone());
            nodes.push(Runs {
                entries,
                remembered: remembered[i + INPUTS],
            });
        }
        Self {
            split: Split::of(program, &nodes, LEAST),
            nodes,
            slots,
        }
    }
}

/// The fewest slots with which no site of a value overwrites one that is still to be read.
fn slots(program: &Program, value: usize, last: &[u32]) -> usize {
    if value == CONDITION {
        return program.sites(value);
    }
    let groups = program.groups(value);
    // A level is written at the end of its step, before it counts as known.
    let early = u32::from(value == LEVELS);
    let first = |ready: &[u32]| ready.iter().copied().min().unwrap_or(0) - early;
    let sites = program.ready[value].chunks_exact(groups);
    let mut born: Vec<u32> = sites.map(first).collect();
    // A site that nobody reads is written all the same, and must not be written over another.
    let last: Vec<u32> = last.iter().zip(&born).map(|(l, b)| *l.max(b)).collect();
    for i in (1..born.len()).rev() {
        born[i - 1] = born[i - 1].min(born[i]);
    }
    // What is read no longer than a site before it needs no more slots than that one.
    let (mut apart, mut latest, mut next) = (1, 0, 0);
    for (site, &last) in last.iter().enumerate() {
        if last >= latest {
            latest = last;
            next += born[next..].iter().take_while(|b| **b <= last).count();
            apart = apart.max(next.saturating_sub(site));
        }
    }
    apart.min(last.len())
}

/// Whether two nodes compute the same places in the same order.
fn run_alike(program: &Program, i: usize, j: usize) -> bool {
    let of = |i: usize| {
        let primitive = &program.nodes[i].primitive;
        let own = primitive.own_reads().map(|(_, visit)| visit);
        (primitive.groups().count(), own, &program.ready[i + INPUTS])
    };
    of(i) == of(j)
}

/// What node `i` computes: all groups of a site before the next in a recurrence, which reads them;
/// otherwise group by group, for each is one product.
fn entries(program: &Program, i: usize) -> Arc<[Entry]> {
    let (node, ready) = (&program.nodes[i], &program.ready[i + INPUTS]);
    let groups = node.primitive.groups().count();
    let of = |place: usize| Entry {
        ready: ready[place],
        group: (place % groups) as u32,
        site: (place / groups) as u32,
    };
    let by_group = |g: usize| (g..ready.len()).step_by(groups);
    let mut entries: Vec<Entry> = match node.primitive.own_reads() {
        Some((_, visit)) => places(visit, groups).map(of).collect(),
        None => (0..groups).flat_map(by_group).map(of).collect(),
    };
    entries.sort_by_key(|entry| entry.ready);
    entries.into()
}
