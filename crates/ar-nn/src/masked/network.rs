use ar_core::{
    Conditioning, Distribution, Domain, Gradients, Likelihood, Model, Order, Pass, Result, Stepper,
    nll_of, nll_of_parts,
};
use candle_core::{D, DType, Device, Tensor};
use candle_nn::VarBuilder;

use super::layer::{Connection, Layer, Units};
use super::mask::Apart;
use super::step::MaskedStepper;
use super::{InputCoding, MaskedConfig};
use crate::refuse_if;

/// Entries a weight may have.
const MAX_WEIGHT: usize = 1 << 30;

/// A masked multi-layer perceptron in one order, with one degree for each hidden unit.
///
/// Several may share their parameters: the masks are no part of them.
#[derive(Debug)]
pub struct MaskedNetwork {
    pub(super) domain: Domain,
    order: Order,
    conditioning: Conditioning,
    likelihood: Likelihood,
    pub(super) input: InputCoding,
    /// When each input is known.
    inputs: Units,
    pub(super) hidden: Vec<Layer>,
    pub(super) output: Layer,
    dtype: DType,
    device: Device,
}

impl MaskedNetwork {
    /// Parameters, all `(in, out)`: `layers.I.weight` (normal, variance 2 / in), `output.weight`,
    /// `direct.weight` (variance 1 / in), a `bias (out)` for each layer and the output, zero, and
    /// where there is a condition `layers.I.condition.weight` and `output.condition.weight`. Inputs
    /// are in the order of a flat `(C, H, W)` image, one-hot levels and the numbers of a
    /// likelihood innermost.
    ///
    /// # Errors
    /// [`Error::Config`](ar_core::Error::Config) for degrees that do not fit, no way from
    /// inputs to outputs, or a weight of more than 2^30 entries; or what `vb` gives for a parameter.
    pub fn new(
        domain: &Domain,
        order: &Order,
        conditioning: Conditioning,
        config: &MaskedConfig,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        config.degrees.validate(order.steps())?;
        let hidden = config.degrees.layers();
        let is_cut = hidden.is_empty() && !config.direct;
        let problem = "must be true when there are no hidden layers";
        refuse_if(is_cut, "direct", problem)?;
        let likelihood = Likelihood::for_domain(domain);
        let step_of =
            |d: usize| order.step_of(d / domain.positions(), d % domain.positions()) as u32;
        let repeated = |add: u32, times: usize| {
            let of = |d| std::iter::repeat_n(step_of(d) + add, times);
            (0..domain.dims()).flat_map(of).collect()
        };
        let inputs = Units::new(repeated(1, config.input.width(domain.levels)));
        let outputs = Units::new(repeated(0, likelihood.parameters()));
        let every = || conditioning.shape(1, domain).iter().product();
        let features = conditioning.class_rows().unwrap_or_else(every);
        let condition = (conditioning, features);

        let mut layers: Vec<Layer> = Vec::with_capacity(hidden.len() + 1);
        let last = |layers: &[Layer]| layers.last().map_or(&inputs, |l| &l.units).clone();
        for (i, degrees) in hidden.iter().enumerate() {
            let (vb, units) = (vb.pp("layers").pp(i), Units::new(degrees.clone()));
            let before = last(&layers);
            fits("hidden", &before, &units)?;
            let seen = Connection::new(i, [&before, &units], 2.0, &vb)?;
            layers.push(Layer::new(units, vec![seen], condition, &vb)?);
        }
        let (mut seen, before) = (Vec::new(), last(&layers));
        if !hidden.is_empty() {
            fits("hidden", &before, &outputs)?;
            let ends = [&before, &outputs];
            seen.push(Connection::new(hidden.len(), ends, 1.0, &vb.pp("output"))?);
        }
        if config.direct {
            fits("direct", &inputs, &outputs)?;
            let ends = [&inputs, &outputs];
            seen.push(Connection::new(0, ends, 1.0, &vb.pp("direct"))?);
        }
        let output = Layer::new(outputs, seen, condition, &vb.pp("output"))?;
        Ok(Self {
            domain: *domain,
            order: order.clone(),
            conditioning,
            likelihood,
            input: config.input,
            inputs,
            hidden: layers,
            output,
            dtype: vb.dtype(),
            device: vb.device().clone(),
        })
    }

    /// `(B, C, H, W)` to `(B, inputs)`.
    fn encode(&self, levels: &Tensor) -> Result<Tensor> {
        let (flat, k) = (levels.flatten_from(1)?, self.domain.levels);
        Ok(match self.input {
            InputCoding::Scaled => flat.to_dtype(self.dtype)?.affine(self.scale(), 0.0)?,
            InputCoding::OneHot => {
                let all = Tensor::arange(0, k as u32, levels.device())?;
                let hot = flat.unsqueeze(D::Minus1)?.broadcast_eq(&all)?; // (B, C·H·W, K)
                hot.to_dtype(self.dtype)?.flatten_from(1)?
            }
        })
    }

    /// The conditionals. Gradients of weights go to `apart` where there is one.
    fn outputs(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        apart: Option<&Apart>,
    ) -> Result<Tensor> {
        let batch = self.domain.batch_of(levels)?;
        let condition = self.condition(condition, batch)?;
        let mut values = vec![self.encode(levels)?];
        for layer in &self.hidden {
            values.push(layer.forward(&values, condition.as_ref(), apart)?.relu()?);
        }
        let outputs = self.output.forward(&values, condition.as_ref(), apart)?; // (B, C·H·W·P)
        let (domain, p) = (self.domain, self.likelihood.parameters());
        let shape = (batch, domain.channels, domain.height, domain.width, p);
        Ok(outputs.reshape(shape)?)
    }

    /// What a level is multiplied by.
    pub(super) fn scale(&self) -> f64 {
        1.0 / (self.domain.levels - 1) as f64
    }

    /// Checked; a class for each image `(B,)` or the whole of what is known of it `(B, f)`.
    pub(super) fn condition(
        &self,
        condition: Option<&Tensor>,
        batch: usize,
    ) -> Result<Option<Tensor>> {
        self.conditioning.check(condition, batch, &self.domain)?;
        let prepared = condition.map(|c| match self.conditioning {
            Conditioning::Class { .. } | Conditioning::Classes { .. } => Ok(c.clone()),
            _ => c.to_dtype(self.dtype)?.flatten_from(1),
        });
        Ok(prepared.transpose()?)
    }

    /// Of each output in order of steps: how many of the first steps reach it. Each unit's are the
    /// furthest of those it is connected to, so that the product of the masks need not be formed.
    fn reach(&self) -> Vec<u32> {
        let mut reaches = vec![self.inputs.sorted.to_vec()];
        for layer in self.hidden.iter().chain([&self.output]) {
            let furthest = |&degree: &u32| {
                let connected = layer.connections.iter().map(|c| {
                    let before = c.from.checked_sub(1).map(|i| &self.hidden[i].units);
                    let from = before.unwrap_or(&self.inputs);
                    // Ascending: the last connected one reaches furthest.
                    match from.below(degree + 1) {
                        0 => 0,
                        n => reaches[c.from][n - 1],
                    }
                });
                connected.max().unwrap_or(0)
            };
            reaches.push(layer.units.sorted.iter().map(furthest).collect());
        }
        reaches.pop().unwrap_or_default()
    }
}

/// Whether a weight between them is of a size that can be.
fn fits(field: &str, from: &Units, to: &Units) -> Result<()> {
    let [from, to] = [from, to].map(Units::len);
    let problem = format!("would need a weight of {from} by {to}, more than {MAX_WEIGHT} entries");
    refuse_if(from.saturating_mul(to) > MAX_WEIGHT, field, problem)
}

impl Distribution for MaskedNetwork {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn conditioning(&self) -> Conditioning {
        self.conditioning
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn members(&self) -> Vec<&dyn Model> {
        vec![self]
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        nll_of(self, levels, condition)
    }

    fn loss_and_gradient(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        pass: &Pass,
    ) -> Result<(f64, Gradients)> {
        let apart = Apart::default();
        let outputs = self.outputs(levels, condition, Some(&apart))?;
        let scored = pass.parts(&self.domain, levels.dim(0)?)?;
        let nll = nll_of_parts(self, levels, &outputs, scored)?;
        let (loss, mut gradients) = Gradients::of_loss(&nll.mean(0)?)?;
        for (weight, gradient) in apart.take() {
            gradients.put(&weight, gradient);
        }
        Ok((loss, gradients))
    }

    fn output_bias(&self) -> Option<&Tensor> {
        Some(&self.output.bias)
    }
}

impl Model for MaskedNetwork {
    fn order(&self) -> &Order {
        &self.order
    }

    fn likelihood(&self) -> Likelihood {
        self.likelihood
    }

    fn depends_on(&self, step: usize) -> Vec<usize> {
        let (reach, p) = (self.reach(), self.likelihood.parameters());
        let known = |d: usize| reach[self.output.units.place(d * p)];
        let seen = self.order.dims_of(step).map(known).max().unwrap_or(0);
        let all = (0..seen as usize).flat_map(|s| self.order.dims_of(s));
        let mut all: Vec<usize> = all.collect();
        all.sort_unstable();
        all
    }

    fn conditionals(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        self.outputs(levels, condition, None)
    }

    fn stepper(&self, batch: usize, condition: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>> {
        Ok(Box::new(MaskedStepper::new(self, batch, condition)?))
    }
}
