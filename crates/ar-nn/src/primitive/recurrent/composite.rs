use ar_core::{ChannelGroups, Result, Taps};
use candle_core::Tensor;

use super::Recurrent;
use crate::primitive::{StepTensor, rows_product};

/// Features that come as `parts` of each channel group in turn, with each part of all groups
/// together instead.
fn by_part(x: &Tensor, groups: &ChannelGroups, parts: usize) -> Result<Tensor> {
    let mut from = vec![0; parts * groups.features()];
    for (i, f) in by_group_index(groups, parts).into_iter().enumerate() {
        from[f as usize] = i as u32;
    }
    select_features(x, groups, parts, from)
}

/// The reverse of [`by_part`].
fn by_group(x: &Tensor, groups: &ChannelGroups, parts: usize) -> Result<Tensor> {
    select_features(x, groups, parts, by_group_index(groups, parts))
}

fn by_group_index(groups: &ChannelGroups, parts: usize) -> Vec<u32> {
    let h = groups.features();
    let parts_of = |g| (0..parts).flat_map(move |part| groups.range(g).map(move |j| part * h + j));
    let all = (0..groups.count()).flat_map(parts_of);
    all.map(|f| f as u32).collect()
}

fn select_features(
    x: &Tensor,
    groups: &ChannelGroups,
    parts: usize,
    from: Vec<u32>,
) -> Result<Tensor> {
    if groups.count() == 1 || parts == 1 {
        return Ok(x.clone());
    }
    select(x, from, x.rank() - 1)
}

fn select(x: &Tensor, from: Vec<u32>, dim: usize) -> Result<Tensor> {
    let count = from.len();
    let from = Tensor::from_vec(from, count, x.device())?;
    Ok(x.contiguous()?.index_select(&from, dim)?)
}

/// `x (B, Σ lengths, c)` in pieces. Halved again and again: the gradient of a slice is as large as
/// what it was cut from.
fn pieces(x: &Tensor, lengths: &[usize], out: &mut Vec<Tensor>) -> Result<()> {
    if lengths.len() < 2 {
        out.push(x.clone());
        return Ok(());
    }
    let (left, right) = lengths.split_at(lengths.len() / 2);
    let (a, b) = (left.iter().sum(), right.iter().sum());
    pieces(&x.narrow(1, 0, a)?, left, out)?;
    pieces(&x.narrow(1, a, b)?, right, out)
}

/// One part of the states of a wave, with zeros after them.
#[derive(Clone)]
struct Padded {
    states: Tensor,
    len: usize,
}

impl Padded {
    /// At `places`, where [`Taps::NONE`] is the zeros: `(B, places, h)`.
    fn at(&self, places: &[u32]) -> Result<Tensor> {
        if places.iter().copied().eq(0..self.len as u32) {
            return Ok(self.states.clone());
        }
        let place = |&p: &u32| if p == Taps::NONE { self.len as u32 } else { p };
        let padded = self.states.pad_with_zeros(1, 0, 1)?;
        select(&padded, places.iter().map(place).collect(), 1)
    }
}

impl Recurrent {
    /// The weight `(k, gates)` and what the sums begin with, gate by gate.
    pub(super) fn by_gate(&self, weights: &[Tensor]) -> Result<(Tensor, Option<Tensor>)> {
        let weight = weights[0].reshape((self.k(), self.gates()))?;
        let weight = by_part(&weight, &self.hidden, self.cell.gates())?;
        let bias = weights.get(1).map(|bias| {
            let others = self.gates() - self.hidden.features();
            bias.pad_with_zeros(0, others, 0)
        });
        Ok((weight, bias.transpose()?))
    }

    /// The parts of the states of `m` sites that have gates' shares `x (B, m, gates)` and read `rows
    /// (B, m, k)`.
    fn states_of(
        &self,
        x: &Tensor,
        rows: &Tensor,
        before: &[Tensor],
        (weight, bias): &(Tensor, Option<Tensor>),
    ) -> Result<Vec<Tensor>> {
        let sums = rows_product(rows, weight)?;
        let sums = match bias {
            Some(bias) => sums.broadcast_add(bias)?,
            None => sums,
        };
        self.cell.composite(x, &sums, before)
    }

    pub(super) fn composite_full(&self, x: &Tensor, weights: &[Tensor]) -> Result<Tensor> {
        let (waves, n, h) = (&self.waves, self.waves.count(), self.hidden.features());
        let (b, parts) = (x.dim(0)?, self.cell.parts());
        let weights = self.by_gate(weights)?;
        let read = waves.positions().iter();
        let read = read.filter_map(|&p| waves.input(p as usize).map(|i| i as u32));
        let x = select(x, read.collect(), 1)?;
        let x = by_part(&x, &self.hidden, self.cell.gates())?;
        let lengths: Vec<usize> = waves.iter().map(<[u32]>::len).collect();
        let mut inputs = Vec::with_capacity(lengths.len());
        pieces(&x, &lengths, &mut inputs)?;

        let zeros = Padded {
            states: Tensor::zeros((b, 1, h), x.dtype(), x.device())?,
            len: 1,
        };
        let mut before = vec![zeros; parts];
        let mut all = Vec::with_capacity(lengths.len());
        for (wave, x) in waves.iter().zip(&inputs) {
            let place = |&s: &u32| if s == Taps::NONE { s } else { waves.place(s) };
            let sources = wave.iter().flat_map(|&p| waves.sources(p as usize));
            let places: Vec<u32> = sources.map(place).collect();
            let carried = places.iter().skip(waves.predecessor_tap);
            let carried: Vec<u32> = carried.step_by(waves.taps()).copied().collect();
            let rows = before[0].at(&places)?.reshape((b, wave.len(), self.k()))?;
            let carried = before.iter().map(|part| part.at(&carried));
            let carried = carried.collect::<Result<Vec<_>>>()?;
            let states = self.states_of(x, &rows, &carried, &weights)?;
            all.push(Tensor::cat(&states, 2)?);
            let len = wave.len();
            let padded = states.into_iter().map(|states| Padded { states, len });
            before = padded.collect();
        }
        let mut place = vec![Taps::NONE; n];
        for (i, &p) in waves.positions().iter().enumerate() {
            place[p as usize] = i as u32;
        }
        let len = waves.positions().len();
        let states = Tensor::cat(&all, 1)?;
        by_group(&Padded { states, len }.at(&place)?, &self.hidden, parts)
    }

    pub(super) fn state_at(
        &self,
        site: u32,
        x: &StepTensor,
        own: &StepTensor,
        weights: &(Tensor, Option<Tensor>),
    ) -> Result<Tensor> {
        let (waves, h, parts) = (&self.waves, self.hidden.features(), self.cell.parts());
        let b = own.batch()?;
        let zeros = |rows: usize| own.zeros(rows);
        let Some(input) = waves.input(site as usize) else {
            return zeros(1);
        };
        let (x, sources) = (x.rows(&[input as u32])?, waves.sources(site as usize));
        let states = if sources.iter().all(|&s| s == Taps::NONE) {
            zeros(sources.len())?
        } else {
            by_part(&own.gather(sources)?, &self.hidden, parts)?
        };
        let x = by_part(&x, &self.hidden, self.cell.gates())?;
        let rows = states.narrow(2, 0, h)?.reshape((b, 1, self.k()))?;
        let carried = states.narrow(1, waves.predecessor_tap, 1)?;
        let carried = (0..parts).map(|part| Ok(carried.narrow(2, part * h, h)?));
        let carried = carried.collect::<Result<Vec<_>>>()?;
        let states = self.states_of(&x, &rows, &carried, weights)?;
        by_group(&Tensor::cat(&states, 2)?, &self.hidden, parts)
    }
}
