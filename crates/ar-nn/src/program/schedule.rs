//! When each node runs, what is kept and what a step depends on: all from what the nodes read.

use std::ops::Range;
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
    /// When it computes what; of nodes that know the same at the same time it is one.
    timetable: Arc<Timetable>,
    /// Whether later steps read it, so that it has to be computed even where nothing is drawn.
    pub(super) remembered: bool,
}

impl Runs {
    /// What can be computed after `step` steps and not before: channel groups, each with its sites in the order
    /// in which they are computed.
    pub(super) fn due(&self, step: usize) -> impl Iterator<Item = (usize, &[u32])> {
        let Timetable { steps, runs, sites } = &*self.timetable;
        let due = runs[steps[step]..steps[step + 1]].iter();
        due.map(|(group, listed)| (*group, &sites[listed.clone()]))
    }
}

/// The places of a value by the step after which they can be computed.
#[derive(Debug)]
struct Timetable {
    /// Of each step, and of the end: its first run.
    steps: Vec<usize>,
    /// What is computed together: sites of a channel group, and where they are listed.
    runs: Vec<(usize, Range<usize>)>,
    sites: Vec<u32>,
}

impl Timetable {
    /// Of node `i`: all groups of a site before the next in a recurrence, which reads them; otherwise group by
    /// group, for each is one product.
    fn of(program: &Program, i: usize) -> Self {
        let (node, ready) = (&program.nodes[i], &program.ready[i + INPUTS]);
        let groups = node.primitive.groups().count();
        let by_group = |g: usize| (g..ready.len()).step_by(groups);
        let mut places: Vec<usize> = match node.primitive.own_reads() {
            Some((_, visit)) => self::places(visit, groups).collect(),
            None => (0..groups).flat_map(by_group).collect(),
        };
        places.sort_by_key(|&place| ready[place]);
        let (mut steps, mut runs, mut sites) = (Vec::new(), Vec::new(), Vec::new());
        let at = |place: usize| (ready[place], place % groups);
        for run in places.chunk_by(|a, b| at(*a) == at(*b)) {
            let (step, group) = at(run[0]);
            steps.resize(steps.len().max(step as usize + 1), runs.len());
            runs.push((group, sites.len()..sites.len() + run.len()));
            sites.extend(run.iter().map(|place| (place / groups) as u32));
        }
        // What is known after the last step nobody asks for.
        steps.resize(steps.len().max(program.order.steps() + 1), runs.len());
        Self { steps, runs, sites }
    }
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
            reads.all([sites, groups], of_groups, |place, source| {
                ready[place] = ready[place].max(of[source]);
            });
            for (site, own) in ready.chunks_exact_mut(groups).enumerate() {
                if let Some(above) = reads.row_above(site) {
                    let above = latest(of, above, of_groups);
                    for ready in own {
                        *ready = above.max(*ready);
                    }
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
        // Of each place of each value: the last step at which it is read.
        let values = 0..program.values();
        let all = program.ready.iter().map(|ready| vec![0; ready.len()]);
        let mut last: Vec<Vec<u32>> = all.collect();
        let mut remembered = vec![false; program.values()];
        let (output, wanted) = (program.output, program.wanted());
        let mut needed = wanted.iter().zip(&program.ready[output]);
        remembered[output] = needed.any(|(step, ready)| step > ready);
        last[output] = wanted;
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
                        let end = memory.queries(block).iter().map(ready).max().unwrap_or(0);
                        for place in places(memory.sites(block), of_groups) {
                            last[from][place] = end.max(last[from][place]);
                        }
                    }
                    remembered[from] = true;
                    continue;
                }
                let (mut later, of) = (remembered[value], &program.ready[from]);
                let (last, own) = (&mut last[from][..], &program.ready[value][..]);
                reads.all([own.len() / groups, groups], of_groups, |place, source| {
                    last[source] = last[source].max(own[place]);
                    later |= own[place] > of[source];
                });
                remembered[from] |= later;
            }
        }
        let mut slots: Vec<usize> = Vec::with_capacity(program.values());
        for v in values {
            let life = |v: usize| (program.groups(v), &last[v], &program.ready[v]);
            let alike = (INPUTS..v).rev().find(|&w| life(w) == life(v));
            slots.push(alike.map_or_else(|| fewest_slots(program, v, &last[v]), |w| slots[w]));
        }
        let mut nodes: Vec<Runs> = Vec::with_capacity(program.nodes.len());
        for i in 0..program.nodes.len() {
            let alike = (0..i).rev().find(|&j| run_alike(program, i, j));
            let timetable = alike.map_or_else(
                || Arc::new(Timetable::of(program, i)),
                |j| nodes[j].timetable.clone(),
            );
            nodes.push(Runs {
                timetable,
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
fn fewest_slots(program: &Program, value: usize, last: &[u32]) -> usize {
    if value == CONDITION {
        return program.sites(value);
    }
    let groups = program.groups(value);
    // A level is written at the end of its step, before it counts as known.
    let early = u32::from(value == LEVELS);
    // A site that nobody reads is written all the same, and must not be written over another.
    let life = |(ready, last): (&[u32], &[u32])| {
        let born = ready.iter().fold(u32::MAX, |a, b| a.min(*b)) - early;
        (born, last.iter().fold(born, |a, b| a.max(*b)))
    };
    let sites = program.ready[value].chunks_exact(groups);
    let sites = sites.zip(last.chunks_exact(groups));
    let (mut born, last): (Vec<u32>, Vec<u32>) = sites.map(life).unzip();
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
