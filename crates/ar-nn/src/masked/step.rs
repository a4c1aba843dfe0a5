use ar_core::{Distribution, Model, Result, Stepper, Turn};
use candle_core::{DType, Device, Tensor};

use super::InputCoding;
use super::layer::{Layer, Units};
use super::network::MaskedNetwork;
use crate::kernel::{add_outer_to_tails, dots_with_heads};
use crate::{host, with_floats};

/// The step pass, on the host whatever the device: each unit is computed once, when the last step
/// that it may see has been fed.
///
/// The units of a layer stand in order of degrees, so those that may see a new number are the end
/// of their layer, and those an output may see are the beginning. A number that becomes known is
/// added to the sums of all hidden units that may see it; the outputs, which may be many, take what
/// they see of the last hidden layer when they are asked for.
#[derive(Clone)]
pub(super) struct MaskedStepper<'n> {
    network: &'n MaskedNetwork,
    turn: Turn,
    /// Hidden layers, then the outputs.
    layers: Vec<Running>,
    /// A number of each image.
    column: Vec<f32>,
    /// A row or a column of a weight, in order of degrees.
    line: Vec<f32>,
    out: Vec<f32>,
}

/// A layer whose sums are being taken.
#[derive(Clone)]
struct Running {
    units: Units,
    /// `(B, units)` in order of degrees: sums, and of hidden units that are computed their values.
    sums: Vec<f32>,
    /// How many units are computed.
    computed: usize,
    /// Weights `(inputs, units)`, where the layer sees the inputs: the network's own, if they are numbers that
    /// can be read here, and not to be changed on the way.
    from_inputs: Option<Tensor>,
    /// Weights `(units before, units)`, where it sees a hidden layer.
    from_hidden: Option<Tensor>,
}

impl Running {
    fn new(layer: &Layer, batch: usize, condition: Option<&Tensor>) -> Result<Self> {
        let (units, bias) = (layer.units.clone(), host(&layer.bias)?);
        let added = layer.conditioned_in_steps(condition, batch)?;
        let mut sums = Vec::with_capacity(added.len());
        for added in added.chunks_exact(bias.len()) {
            sums.extend((0..bias.len()).map(|i| bias[units.unit(i)] + added[units.unit(i)]));
        }
        let here = |t: &Tensor| {
            t.to_device(&Device::Cpu)?
                .to_dtype(DType::F32)?
                .contiguous()
        };
        let weights = |inputs: bool| {
            let found = layer.connections.iter().find(|c| (c.from == 0) == inputs);
            found.map(|c| here(&c.weight)).transpose()
        };
        Ok(Self {
            units,
            sums,
            computed: 0,
            from_inputs: weights(true)?,
            from_hidden: weights(false)?,
        })
    }
}

/// Adds what `unit` of the layer before, known after `degree` steps, was found to be in each image
/// to the sums of all that may see it.
fn push(
    weights: &Tensor,
    (unit, degree): (usize, u32),
    found: &[f32],
    (units, sums): (&Units, &mut [f32]),
    line: &mut Vec<f32>,
) -> Result<()> {
    if found.iter().all(|v| *v == 0.0) {
        return Ok(());
    }
    let (n, first) = (units.len(), units.below(degree));
    Ok(with_floats(weights, |weights| {
        let row = &weights[unit * n..][..n];
        let live = match &units.order {
            None => &row[first..],
            Some(order) => {
                line.clear();
                line.extend(order[first..].iter().map(|&u| row[u as usize]));
                line
            }
        };
        add_outer_to_tails(sums, found, live);
    })?)
}

impl<'n> MaskedStepper<'n> {
    pub(super) fn new(
        network: &'n MaskedNetwork,
        batch: usize,
        condition: Option<&Tensor>,
    ) -> Result<Self> {
        let condition = network.condition(condition, batch)?;
        let all = network.hidden.iter().chain([&network.output]);
        let layers = all.map(|layer| Running::new(layer, batch, condition.as_ref()));
        Ok(Self {
            network,
            turn: Turn::first(network.domain(), batch),
            layers: layers.collect::<Result<_>>()?,
            column: vec![0.0; batch],
            line: Vec::new(),
            out: Vec::new(),
        })
    }

    /// How many units of each hidden layer are computed.
    #[cfg(test)]
    pub(super) fn computed(&self) -> Vec<usize> {
        let (_, hidden) = self.layers.split_last().unwrap();
        hidden.iter().map(|l| l.computed).collect()
    }

    /// Computes the hidden units that see nothing but the first `known` steps.
    fn advance(&mut self, known: u32) -> Result<()> {
        let hidden = self.layers.len() - 1;
        for l in 0..hidden {
            let (before, after) = self.layers.split_at_mut(l + 1);
            let (layer, next) = (&mut before[l], &mut after[0]);
            let (n, final_now) = (layer.units.len(), layer.units.below(known + 1));
            for i in layer.computed..final_now {
                for (sums, found) in layer.sums.chunks_exact_mut(n).zip(&mut self.column) {
                    sums[i] = sums[i].max(0.0);
                    *found = sums[i];
                }
                if let Some(weights) = next.from_hidden.as_ref().filter(|_| l + 1 < hidden) {
                    let from = (layer.units.unit(i), layer.units.sorted[i]);
                    let to = (&next.units, &mut next.sums[..]);
                    push(weights, from, &self.column, to, &mut self.line)?;
                }
            }
            layer.computed = layer.computed.max(final_now);
        }
        Ok(())
    }
}

impl Stepper for MaskedStepper<'_> {
    fn conditionals(&mut self, step: usize) -> Result<&[f32]> {
        self.turn.is(step)?;
        self.advance(step as u32)?;
        let Some((output, hidden)) = self.layers.split_last() else {
            return Ok(&[]);
        };
        let (batch, n) = (self.column.len(), output.units.len());
        let p = self.network.likelihood().parameters();
        let dims = self.network.order().dims_of(step);
        let width = dims.clone().count() * p;
        self.out.resize(batch * width, 0.0);
        for (i, to) in dims.flat_map(|d| d * p..(d + 1) * p).enumerate() {
            let at = output.units.place(to);
            self.column.fill(0.0);
            if let (Some(weights), Some(last)) = (&output.from_hidden, hidden.last()) {
                let units = (0..last.computed).map(|i| last.units.unit(i));
                self.line.clear();
                with_floats(weights, |all| {
                    self.line.extend(units.map(|unit| all[unit * n + to]));
                })?;
                dots_with_heads(&last.sums, &self.line, &mut self.column);
            }
            let sums = output.sums.chunks_exact(n).map(|sums| sums[at]);
            for (b, (sum, seen)) in sums.zip(&self.column).enumerate() {
                self.out[b * width + i] = sum + seen;
            }
        }
        Ok(&self.out)
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        self.turn.end(self.network.order(), step, levels)?;
        let known = step as u32 + 1;
        let (scale, k) = (self.network.scale() as f32, self.network.domain.levels);
        let dims = self.network.order().dims_of(step);
        let per_image = levels.len() / self.column.len();
        for (v, d) in dims.enumerate() {
            let own = levels[v..].iter().step_by(per_image);
            for layer in &mut self.layers {
                let Some(weights) = &layer.from_inputs else {
                    continue;
                };
                let (units, n) = (&layer.units, layer.units.len());
                match self.network.input {
                    InputCoding::Scaled => {
                        let scaled = own.clone().map(|&x| x as f32 * scale);
                        self.column.iter_mut().zip(scaled).for_each(|(c, x)| *c = x);
                        let to = (units, &mut layer.sums[..]);
                        push(weights, (d, known), &self.column, to, &mut self.line)?;
                    }
                    InputCoding::OneHot => {
                        for (sums, &x) in layer.sums.chunks_exact_mut(n).zip(own.clone()) {
                            let hot = (d * k + x as usize, known);
                            push(weights, hot, &[1.0], (units, sums), &mut self.line)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(self.clone()))
    }
}
