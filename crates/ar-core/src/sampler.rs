use candle_core::{Device, Tensor};
use rand_chacha::ChaCha8Rng;

use crate::draw::Drawer;
use crate::random::stream;
use crate::{Domain, Engine, Error, Model, Result, SampleOptions};

/// Values that are known beforehand: completion. They are fed, never sampled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// `(N, C, H, W)` levels, flat; only those marked in `known` are read.
    pub levels: Vec<u32>,
    /// Whether a value is known: `(C, H, W)`, flat, the same for every sample, or `(N, C, H, W)`.
    pub known: Vec<bool>,
}

impl Given {
    pub(crate) fn check(&self, count: usize, domain: &Domain) -> Result<()> {
        let (all, dims) = (count * domain.dims(), domain.dims());
        let refuse = |what, expected: String, got: usize| {
            Err(Error::Input {
                what,
                expected,
                got: got.to_string(),
            })
        };
        if self.levels.len() != all {
            return refuse("given levels", format!("{all} values"), self.levels.len());
        }
        if ![all, dims].contains(&self.known.len()) {
            let expected = format!("{dims} values");
            return refuse("known mask", expected, self.known.len());
        }
        domain.check_levels(&self.levels)
    }

    /// The level of a value of an image, if it is known.
    fn get(&self, image: usize, dim: usize, dims: usize) -> Option<u32> {
        let known = self.known[(image * dims + dim) % self.known.len()];
        known.then(|| self.levels[image * dims + dim])
    }
}

/// Images on their way: an iterator that fixes the values of one step at a time, and that is
/// cancelled by dropping it. [`sample`](crate::sample) drives several.
pub struct Sampler<'m> {
    model: &'m dyn Model,
    options: &'m SampleOptions,
    /// Their numbers: what streams and given values go by.
    images: Vec<usize>,
    streams: Vec<ChaCha8Rng>,
    source: Source<'m>,
    drawer: Drawer,
    /// What describes the conditionals of a step.
    parameters: Vec<f32>,
    /// The values of a step, and their levels in every image: kept, for a step of a small network costs as little
    /// as making them anew.
    here: Vec<usize>,
    fixed: Vec<u32>,
    step: usize,
    /// `(B, C, H, W)`: drawn so far, zeros elsewhere.
    pub(crate) levels: Vec<u32>,
    /// Of what was drawn so far, for each image.
    pub(crate) nats: Vec<f64>,
}

impl std::fmt::Debug for Sampler<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sampler")
            .field("images", &self.images)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// What a step of a [`Sampler`] fixed.
#[derive(Debug, Clone, PartialEq)]
pub struct Fixed {
    /// Which step.
    pub step: usize,
    /// For each image, the natural-log probability of what was drawn in it; 0 where all was given.
    pub log_probabilities: Vec<f64>,
}

impl<'m> Sampler<'m> {
    /// All `options.count` images as one batch of `model`; the numbers of threads and chunks of the
    /// options are for [`sample`](crate::sample).
    ///
    /// # Errors
    /// As [`sample`](crate::sample).
    pub fn new(model: &'m dyn Model, options: &'m SampleOptions) -> Result<Self> {
        options.check(model)?;
        let images: Vec<usize> = (0..options.count).collect();
        Self::of(model, options, &images, options.condition.clone())
    }

    pub(crate) fn of(
        model: &'m dyn Model,
        options: &'m SampleOptions,
        images: &[usize],
        condition: Option<Tensor>,
    ) -> Result<Self> {
        let stream_of = |&i: &usize| stream(options.seed, "sample", &[i as u64]);
        Ok(Self {
            streams: images.iter().map(stream_of).collect(),
            source: Source::new(model, options.engine, images.len(), condition)?,
            drawer: Drawer::default(),
            parameters: Vec::new(),
            here: Vec::new(),
            fixed: Vec::new(),
            step: 0,
            levels: vec![0; images.len() * model.domain().dims()],
            nats: vec![0.0; images.len()],
            images: images.to_vec(),
            model,
            options,
        })
    }

    /// `(B, C, H, W)`, flat: what was fixed so far, zeros elsewhere.
    pub fn levels(&self) -> &[u32] {
        &self.levels
    }

    /// Negative log-likelihood in nats of what was drawn so far, of each image.
    pub fn nats(&self) -> &[f64] {
        &self.nats
    }

    fn given(&self, image: usize, dim: usize) -> Option<u32> {
        let given = self.options.given.as_ref()?;
        given.get(image, dim, self.model.domain().dims())
    }

    fn fix(&mut self) -> Result<Fixed> {
        let (step, dims, likelihood) = (
            self.step,
            self.model.domain().dims(),
            self.model.likelihood(),
        );
        let mut here = std::mem::take(&mut self.here);
        here.clear();
        here.extend(self.model.order().dims_of(step));
        let free = |&i: &usize| here.iter().any(|&d| self.given(i, d).is_none());
        let draws = self.images.iter().any(free);
        self.parameters.clear();
        if draws {
            let parameters = self.source.conditionals(step, &self.levels)?;
            self.parameters.extend_from_slice(parameters);
        }
        let mut fixed = std::mem::take(&mut self.fixed);
        fixed.clear();
        let mut log_probabilities = Vec::with_capacity(self.images.len());
        let (p, v) = (likelihood.parameters(), likelihood.values());
        let mut described = 0..p;
        for b in 0..self.images.len() {
            let mut log = 0.0;
            for values in here.chunks(v) {
                let first = fixed.len();
                for &d in values {
                    let level = if let Some(level) = self.given(self.images[b], d) {
                        level
                    } else {
                        let (level, own) = self.drawer.draw(
                            likelihood,
                            &self.parameters[described.clone()],
                            &fixed[first..],
                            &self.options.tempering,
                            &mut self.streams[b],
                        )?;
                        log += own;
                        level
                    };
                    fixed.push(level);
                    self.levels[b * dims + d] = level;
                }
                described = described.end..described.end + p;
            }
            self.nats[b] -= log;
            log_probabilities.push(log);
        }
        self.source.feed(step, &fixed)?;
        (self.here, self.fixed) = (here, fixed);
        self.step += 1;
        Ok(Fixed {
            step,
            log_probabilities,
        })
    }
}

impl Iterator for Sampler<'_> {
    type Item = Result<Fixed>;

    fn next(&mut self) -> Option<Self::Item> {
        let steps = self.model.order().steps();
        let fixed = (self.step < steps).then(|| self.fix())?;
        if fixed.is_err() {
            self.step = steps; // There is no going on from a step that failed.
        }
        Some(fixed)
    }
}

/// Where the next conditionals come from.
enum Source<'m> {
    Stepwise(Box<dyn crate::Stepper + 'm>),
    WholePass {
        model: &'m dyn Model,
        condition: Option<Tensor>,
        conditionals: Vec<f32>,
    },
}

impl<'m> Source<'m> {
    fn new(
        model: &'m dyn Model,
        engine: Engine,
        batch: usize,
        condition: Option<Tensor>,
    ) -> Result<Self> {
        Ok(match engine {
            Engine::Stepwise => Self::Stepwise(model.stepper(batch, condition.as_ref())?),
            Engine::WholePass => Self::WholePass {
                model,
                condition,
                conditionals: Vec::new(),
            },
        })
    }

    fn conditionals(&mut self, step: usize, levels: &[u32]) -> Result<&[f32]> {
        match self {
            Self::Stepwise(stepper) => stepper.conditionals(step),
            Self::WholePass {
                model,
                condition,
                conditionals,
            } => {
                let d = model.domain();
                let shape = (levels.len() / d.dims(), d.channels, d.height, d.width);
                let x =
                    Tensor::from_slice(levels, shape, &Device::Cpu)?.to_device(model.device())?;
                let all = model.conditionals(&x, condition.as_ref())?;
                let all = all.flatten(1, 3)?; // (B, C / V · H · W, P)
                let own = described_in(*model, step);
                let index: Vec<u32> = own.map(|d| d as u32).collect();
                let index = Tensor::new(index, model.device())?;
                let own = all.index_select(&index, 1)?.flatten_all()?;
                *conditionals = own.to_dtype(candle_core::DType::F32)?.to_vec1()?;
                Ok(conditionals)
            }
        }
    }

    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()> {
        match self {
            Self::Stepwise(stepper) => stepper.feed(step, levels),
            Self::WholePass { .. } => Ok(()),
        }
    }
}

/// Indices into `(C / V, H, W)` of the conditionals of `step`, pixel by pixel.
pub(crate) fn described_in(model: &dyn Model, step: usize) -> impl Iterator<Item = usize> + '_ {
    let (n, v) = (model.domain().positions(), model.likelihood().values());
    let first = move |d: &usize| (d / n).is_multiple_of(v);
    let dims = model.order().dims_of(step);
    dims.filter(first).map(move |d| d / n / v * n + d % n)
}
