//! When each node runs, what is kept and what a step depends on: all from what the nodes read.

use super::{CONDITION, INPUTS, LEVELS, Program};
use crate::primitive::{Primitive, Reads};
use ar_core::{MaskType, Order};

/// The step pass of a program: what runs when, and how long it is kept.
#[derive(Debug)]
pub(super) struct Schedule {
    pub(super) nodes: Vec<Runs>,
    /// How many sites of each value are kept: site s lies in slot s mod so many.
    pub(super) slots: Vec<usize>,
}

/// What one node has to compute.
#[derive(Debug)]
pub(super) struct Runs {
    /// In the order in which it is computed.
    pub(super) entries: Vec<Entry>,
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

/// A group at a site, among `(sites, groups)`.
fn place(site: usize, group: usize, groups: usize) -> usize {
    site * groups + group
}

impl Program {
    /// The step after which each level is known, `(sites, groups)`.
    pub(super) fn levels_ready(order: &Order) -> Vec<u32> {
        let groups = order.steps_per_position();
        let places = (0..order.positions()).flat_map(|p| (0..groups).map(move |g| (p, g)));
        places
            .map(|(p, g)| order.step_of(g, p) as u32 + 1)
            .collect()
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
            if let Reads::Earlier(memory) = primitive.reads(i) {
                let known = |site: u32| {
                    let of = &of[site as usize * of_groups..][..of_groups];
                    of.iter().copied().max().unwrap_or(0)
                };
                for block in &memory.blocks {
                    let before = memory.sites(block)[..block.before()].iter();
                    let mut latest = before.map(|&site| known(site)).max().unwrap_or(0);
                    for &site in memory.queries(block) {
                        let with = latest.max(known(site));
                        let seen = match memory.mask {
                            MaskType::A => latest,
                            MaskType::B => with,
                        };
                        let own = ready[site as usize * groups..][..groups].iter_mut();
                        own.for_each(|r| *r = seen.max(*r));
                        latest = with;
                    }
                }
                continue;
            }
            for (place, ready) in ready.iter_mut().enumerate() {
                let at = [place / groups, place % groups];
                let mut latest = *ready;
                primitive.reads(i).each(at, of_groups, &mut |site, group| {
                    latest = latest.max(of[site * of_groups + group]);
                });
                if let Some(above) = primitive.reads(i).row_above(at[0]) {
                    let row = of[above * of_groups..][..of_groups].iter();
                    latest = row.copied().fold(latest, u32::max);
                }
                *ready = latest;
            }
        }
        if let Some((own, visit)) = primitive.own_reads() {
            for (site, g) in visit.iter().flat_map(|&s| (0..groups).map(move |g| (s, g))) {
                let at = [site as usize, g];
                let mut latest = ready[place(at[0], g, groups)];
                own.each(at, groups, &mut |site, group| {
                    latest = latest.max(ready[place(site, group, groups)]);
                });
                ready[place(at[0], g, groups)] = latest;
            }
        }
        ready
    }

    /// The step for which the output is needed at each place.
    fn wanted(&self) -> Vec<u32> {
        let groups = self.groups(self.output);
        let places = 0..self.sites(self.output) * groups;
        places
            .map(|i| self.order.step_of(i % groups, i / groups) as u32)
            .collect()
    }

    /// A step whose conditional sees what it predicts, or what comes later, if there is one.
    pub(super) fn leak(&self) -> Option<usize> {
        let ready = &self.ready[self.output];
        let mut late = ready
            .iter()
            .zip(self.wanted())
            .filter(|(ready, step)| *ready > step);
        late.next().map(|(_, step)| step as usize)
    }

    /// Whether all of a value is known before the first value of its own pixel is drawn.
    pub(super) fn is_complete(&self, value: usize) -> bool {
        let groups = self.groups(value);
        let ready = self.ready[value].iter().enumerate();
        self.sites(value) == self.order.positions()
            && ready
                .into_iter()
                .all(|(i, ready)| *ready as usize <= self.order.step_of(0, i / groups))
    }

    /// The values of an image, `(channel, position)` of what the nodes see, that `step` depends on.
    pub(super) fn depends_on(&self, step: usize) -> Vec<[usize; 2]> {
        let mut marks: Vec<Vec<bool>> = self
            .ready
            .iter()
            .map(|ready| vec![false; ready.len()])
            .collect();
        let here = self.order.step(step);
        for &p in here.positions {
            marks[self.output][place(p as usize, here.channel, self.groups(self.output))] = true;
        }
        for (i, node) in self.nodes.iter().enumerate().rev() {
            let groups = node.primitive.groups().count();
            let mut own = std::mem::take(&mut marks[i + INPUTS]);
            if let Some((reads, visit)) = node.primitive.own_reads() {
                for (site, g) in visit
                    .iter()
                    .rev()
                    .flat_map(|&s| (0..groups).map(move |g| (s, g)))
                {
                    let at = [site as usize, g];
                    if own[place(at[0], g, groups)] {
                        reads.each(at, groups, &mut |s, g| own[place(s, g, groups)] = true);
                    }
                }
            }
            for (input, &value) in node.inputs.iter().enumerate() {
                let (of_groups, marks) = (self.groups(value), &mut marks[value]);
                let reads = node.primitive.reads(input);
                let at = (0..own.len())
                    .filter(|at| own[*at])
                    .map(|at| [at / groups, at % groups]);
                let mut visit = |site: usize, group: usize| {
                    marks[place(site, group, of_groups)] = true;
                };
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
        let marked = marks[LEVELS]
            .iter()
            .enumerate()
            .filter(|(_, marked)| **marked);
        let channels = |i: usize| self.level_groups.range(i % groups);
        marked
            .flat_map(|(i, _)| channels(i).map(move |c| [c, i / groups]))
            .collect()
    }

    pub(super) fn schedule(&self) -> &Schedule {
        self.schedule.get_or_init(|| Schedule::of(self))
    }
}

impl Schedule {
    fn of(program: &Program) -> Self {
        // Of each site of each value: the last step at which it is read.
        let mut last: Vec<Vec<u32>> = (0..program.values())
            .map(|v| vec![0; program.sites(v)])
            .collect();
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
                    let ready = |site: u32| {
                        let of = &program.ready[value][site as usize * groups..][..groups];
                        of.iter().copied().max().unwrap_or(0)
                    };
                    for block in &memory.blocks {
                        let latest = memory.queries(block).iter().map(|&s| ready(s)).max();
                        for &site in memory.sites(block) {
                            let last = &mut last[from][site as usize];
                            *last = (*last).max(latest.unwrap_or(0));
                        }
                    }
                    remembered[from] = true;
                    continue;
                }
                let (mut later, of) = (remembered[value], &program.ready[from]);
                for (place, &ready) in program.ready[value].iter().enumerate() {
                    let at = [place / groups, place % groups];
                    reads.each(at, of_groups, &mut |site, group| {
                        last[from][site] = last[from][site].max(ready);
                        later |= ready > of[site * of_groups + group];
                    });
                }
                remembered[from] |= later;
            }
        }
        let slots = (0..program.values())
            .map(|v| slots(program, v, &last[v]))
            .collect();
        let nodes = (0..program.nodes.len()).map(|i| Runs {
            entries: entries(program, i),
            remembered: remembered[i + INPUTS],
        });
        Self {
            nodes: nodes.collect(),
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
    let mut born: Vec<u32> = program.ready[value]
        .chunks_exact(groups)
        .map(|ready| ready.iter().copied().min().unwrap_or(0) - early)
        .collect();
    // A site that nobody reads is written all the same, and must not be written over another.
    let last: Vec<u32> = last.iter().zip(&born).map(|(l, b)| *l.max(b)).collect();
    for i in (1..born.len()).rev() {
        born[i - 1] = born[i - 1].min(born[i]);
    }
    let next = |site: usize| site + born[site..].partition_point(|b| *b <= last[site]);
    let apart = (0..last.len()).map(|site| next(site).max(site + 1) - site);
    apart.max().unwrap_or(1).min(last.len())
}

/// What node `i` computes: all groups of a site before the next in a recurrence, which reads them;
/// otherwise group by group, for each is one product.
fn entries(program: &Program, i: usize) -> Vec<Entry> {
    let (node, ready) = (&program.nodes[i], &program.ready[i + INPUTS]);
    let groups = node.primitive.groups().count();
    let of = |site: u32, group: usize| Entry {
        ready: ready[place(site as usize, group, groups)],
        group: group as u32,
        site,
    };
    let mut entries: Vec<Entry> = if let Some((_, visit)) = node.primitive.own_reads() {
        let places = visit.iter().flat_map(|&s| (0..groups).map(move |g| (s, g)));
        places.map(|(s, g)| of(s, g)).collect()
    } else {
        let sites = 0..node.grid.sites() as u32;
        let places = (0..groups).flat_map(|g| sites.clone().map(move |s| (s, g)));
        places.map(|(s, g)| of(s, g)).collect()
    };
    entries.sort_by_key(|entry| entry.ready);
    entries
}
