//! What a model begins with when its training images are known.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use ar_core::{Distribution, Domain, Likelihood, Result, Weights};
use candle_core::{Tensor, TensorId, Var};

use crate::{Built, Spec};

/// Images by which layers find their scale.
const CALIBRATION: usize = 16;

/// Levels, condition, and the positions of each image that count.
type Batch = (Tensor, Option<Tensor>, Option<Arc<[Range<usize>]>>);

impl Spec {
    /// Sets parameters, as [`Spec::initialise`] drew them, by what training images are: weight-normalised
    /// layers by the first few, the output's bias by how often each level occurs in each channel, so that
    /// training begins with the likelihood of a model that knows the frequencies. `images` are, batch by batch,
    /// levels `(B, C, H, W)`, their condition, and which positions of each count, where not all do
    /// ([`Pass::scored`](ar_core::Pass::scored)).
    ///
    /// # Errors
    /// When the images are not of the domain.
    pub fn begin_from<E: From<ar_core::Error>>(
        &self,
        vars: &BTreeMap<String, Var>,
        images: impl Iterator<Item = std::result::Result<Batch, E>>,
    ) -> std::result::Result<(), E> {
        let built = self.built(&Weights::from_vars(vars))?;
        let distribution: &dyn Distribution = match &built {
            Built::Network(network) => network,
            Built::Other(other) => &**other,
        };
        let mut counts = Counts::new(&self.domain);
        for (i, batch) in images.enumerate() {
            let (levels, condition, scored) = batch?;
            if let (0, Built::Network(network)) = (i, &built) {
                let some = |t: &Tensor| -> Result<Tensor> {
                    Ok(t.narrow(0, 0, t.dim(0)?.min(CALIBRATION))?)
                };
                let condition = condition.as_ref().map(some).transpose()?;
                for (id, value) in network.calibrated(&some(&levels)?, condition.as_ref())? {
                    set(vars, id, &value)?;
                }
            }
            counts.add(&levels, scored.as_deref())?;
        }
        let Some(bias) = distribution.output_bias() else {
            return Ok(());
        };
        let likelihood = distribution.members()[0].likelihood();
        let values = counts.bias(likelihood, bias.elem_count());
        let tensor =
            || -> Result<Tensor> { Ok(Tensor::from_vec(values, bias.shape(), bias.device())?) };
        Ok(set(vars, bias.id(), &tensor()?)?)
    }
}

fn set(vars: &BTreeMap<String, Var>, id: TensorId, value: &Tensor) -> Result<()> {
    match vars.values().find(|var| var.as_tensor().id() == id) {
        Some(var) => Ok(var.set(value)?),
        None => Ok(()),
    }
}

/// How often each level occurs in each channel.
struct Counts {
    domain: Domain,
    /// `(C, K)`, one of each to begin with: what was not seen is not impossible.
    counts: Vec<f64>,
}

impl Counts {
    fn new(domain: &Domain) -> Self {
        Self {
            domain: *domain,
            counts: vec![1.0; domain.channels * domain.levels],
        }
    }

    /// Of each image the positions `scored`; without them, all.
    fn add(&mut self, levels: &Tensor, scored: Option<&[Range<usize>]>) -> Result<()> {
        self.domain.batch_of(levels)?;
        let (n, all) = (
            self.domain.positions(),
            levels.flatten_all()?.to_vec1::<u32>()?,
        );
        for (i, map) in all.chunks_exact(n).enumerate() {
            let (image, channel) = (i / self.domain.channels, i % self.domain.channels);
            let counted = scored.map_or(0..n, |scored| scored[image].clone());
            for &level in &map[counted] {
                self.counts[channel * self.domain.levels + level as usize] += 1.0;
            }
        }
        Ok(())
    }

    /// Log-frequencies of channel `c`, or of all of them.
    fn logs(&self, channel: Option<usize>) -> Vec<f64> {
        let k = self.domain.levels;
        let own = |level: usize| match channel {
            Some(c) => self.counts[c * k + level],
            None => self.counts.iter().skip(level).step_by(k).sum(),
        };
        (0..k).map(|level| own(level).ln()).collect()
    }

    /// For an output of so many numbers: those of one value that stands for all, of each channel's, or of
    /// every value's.
    fn bias(&self, likelihood: Likelihood, outputs: usize) -> Vec<f32> {
        let (p, channels) = (likelihood.parameters(), self.domain.channels);
        let repeated = (outputs / (channels * p)).max(1);
        let each = |channel: Option<usize>| {
            let logs = self.logs(channel);
            let mean = logs.iter().sum::<f64>() / logs.len() as f64;
            let numbers: Vec<f32> = match likelihood {
                Likelihood::Bernoulli => vec![(logs[1] - logs[0]) as f32],
                _ => logs.iter().map(|log| (log - mean) as f32).collect(),
            };
            numbers.repeat(repeated)
        };
        if outputs == p {
            return each(None);
        }
        (0..channels).flat_map(|c| each(Some(c))).collect()
    }
}
