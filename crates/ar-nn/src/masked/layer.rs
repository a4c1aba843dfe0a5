use std::sync::Arc;

use ar_core::{Conditioning, Result};
use candle_core::Tensor;
use candle_nn::{Init, VarBuilder};

use super::mask::{Apart, Mask};
use crate::host;
use crate::init::normal;
use crate::kernel::{add_assign, each_with};
use crate::primitive::class_vectors;

/// The units of a layer, by when they are known.
#[derive(Debug, Clone)]
pub(super) struct Units {
    /// Of unit i: after how many steps it is known. Of an output: before how many it is needed.
    pub(super) degrees: Arc<[u32]>,
    /// The same, ascending.
    pub(super) sorted: Arc<[u32]>,
    /// The units in that order; none when they stand in it already.
    pub(super) order: Option<Arc<[u32]>>,
    /// Of each unit, which it is in that order; none likewise.
    pub(super) places: Option<Arc<[u32]>>,
}

impl Units {
    pub(super) fn new(degrees: Vec<u32>) -> Self {
        let order = (!degrees.is_sorted()).then(|| {
            let mut order: Vec<u32> = (0..degrees.len() as u32).collect();
            order.sort_by_key(|&i| degrees[i as usize]);
            order.into()
        });
        let places = order.as_ref().map(|order: &Arc<[u32]>| {
            let mut places = vec![0; order.len()];
            for (place, &unit) in order.iter().enumerate() {
                places[unit as usize] = place as u32;
            }
            places.into()
        });
        let mut sorted = degrees.clone();
        sorted.sort_unstable();
        Self {
            degrees: degrees.into(),
            sorted: sorted.into(),
            order,
            places,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.degrees.len()
    }

    /// How many have a degree below `degree`; in order of degrees the others follow them.
    pub(super) fn below(&self, degree: u32) -> usize {
        self.sorted.partition_point(|&m| m < degree)
    }

    /// Which unit `i` is by degree.
    pub(super) fn place(&self, i: usize) -> usize {
        self.places.as_ref().map_or(i, |places| places[i] as usize)
    }

    /// The unit that is `i`-th by degree.
    pub(super) fn unit(&self, i: usize) -> usize {
        self.order.as_ref().map_or(i, |order| order[i] as usize)
    }
}

/// Masked weights from one layer's units, or the inputs, to another's.
#[derive(Debug)]
pub(super) struct Connection {
    /// 0: the inputs; i + 1: hidden layer i.
    pub(super) from: usize,
    /// `(in, out)`.
    pub(super) weight: Tensor,
    mask: Mask,
}

impl Connection {
    /// Parameter `weight (in, out)`, normal with variance `gain / in`.
    pub(super) fn new(
        from: usize,
        ends: [&Units; 2],
        gain: f64,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let [source, target] = ends.map(Units::len);
        let init = normal((gain / source as f64).sqrt());
        Ok(Self {
            from,
            weight: vb.get_with_hints((source, target), "weight", init)?,
            mask: Mask::new(ends),
        })
    }
}

/// One layer, hidden or the outputs: sums over its connections, a bias, and the condition.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) units: Units,
    pub(super) connections: Vec<Connection>,
    /// `(out)`.
    pub(super) bias: Tensor,
    /// `(class rows, out)` or `(f, out)`, all of it live.
    condition: Option<Connection>,
    conditioning: Conditioning,
}

impl Layer {
    /// Parameters `bias (out)`, zero, and `condition.weight`: `(class rows, out)`, normal with
    /// deviation 0.1, or `(f, out)`, normal with variance 1 / f; f is the length of the whole
    /// condition of an image.
    pub(super) fn new(
        units: Units,
        connections: Vec<Connection>,
        (conditioning, features): (Conditioning, usize),
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let init = normal(match conditioning.classes() {
            Some(_) => 0.1,
            None => 1.0 / (features.max(1) as f64).sqrt(),
        });
        let weight = || -> Result<Connection> {
            let known = Units::new(vec![0; features]);
            let shape = (features, units.len());
            Ok(Connection {
                from: 0,
                weight: vb.pp("condition").get_with_hints(shape, "weight", init)?,
                mask: Mask::new([&known, &units]),
            })
        };
        let condition = conditioning != Conditioning::None;
        Ok(Self {
            bias: vb.get_with_hints(units.len(), "bias", Init::Const(0.0))?,
            condition: condition.then(weight).transpose()?,
            conditioning,
            units,
            connections,
        })
    }

    /// What the condition, as [`super::network::MaskedNetwork`] prepares it, adds: `(B, out)`.
    pub(super) fn conditioned(&self, condition: Option<&Tensor>) -> Result<Option<Tensor>> {
        let (Some(c), Some(h)) = (&self.condition, condition) else {
            return Ok(None);
        };
        Ok(Some(match h.rank() {
            1 => class_vectors(self.conditioning, h, &c.weight)?,
            _ => c.mask.product(h, &c.weight, None)?,
        }))
    }

    /// [`Layer::conditioned`] for the step pass: on the host, each sum in order; zeros without a condition.
    pub(super) fn conditioned_in_steps(
        &self,
        condition: Option<&Tensor>,
        batch: usize,
    ) -> Result<Vec<f32>> {
        let n = self.units.len();
        let mut added = vec![0.0; batch * n];
        let (Some(c), Some(h)) = (&self.condition, condition) else {
            return Ok(added);
        };
        let (weight, is_class) = (host(&c.weight)?, h.rank() == 1);
        let h = host(h)?;
        let images = h.chunks_exact(h.len() / batch);
        for (added, h) in added.chunks_exact_mut(n).zip(images) {
            if is_class {
                for row in self.conditioning.rows_of(h[0] as usize) {
                    add_assign(added, &weight[row * n..][..n]);
                }
            } else {
                for (h, row) in h.iter().zip(weight.chunks_exact(n)) {
                    each_with(added, row, |o, w| *o += h * w);
                }
            }
        }
        Ok(added)
    }

    /// Before the activation, `(B, out)`, from the inputs and the layers before, `(B, in)` each.
    /// Gradients of weights go to `apart` where there is one.
    pub(super) fn forward(
        &self,
        values: &[Tensor],
        condition: Option<&Tensor>,
        apart: Option<&Apart>,
    ) -> Result<Tensor> {
        let batch = values[0].dim(0)?;
        let mut sum = self.bias.broadcast_as((batch, self.units.len()))?;
        for c in &self.connections {
            sum = (c.mask.product(&values[c.from], &c.weight, apart)? + sum)?;
        }
        match self.conditioned(condition)? {
            Some(added) => Ok((sum + added)?),
            None => Ok(sum),
        }
    }
}
