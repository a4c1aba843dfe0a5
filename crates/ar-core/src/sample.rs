use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use candle_core::{Device, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::draw::Drawer;
use crate::random::stream;
use crate::{Distribution, Domain, Error, Model, Result, Tempering};

/// How conditionals are computed while sampling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// Each activation once: an image costs about one forward pass.
    #[default]
    Stepwise,
    /// A whole forward pass for every step: slow, and what the stepwise engine is tested against.
    WholePass,
}

/// Values that are known beforehand: completion. They are fed, never sampled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// `(N, C, H, W)` levels, flat; only those marked in `known` are read.
    pub levels: Vec<u32>,
    /// Whether a value is known: `(C, H, W)`, flat, the same for every sample, or `(N, C, H, W)`.
    pub known: Vec<bool>,
}

impl Given {
    fn check(&self, count: usize, domain: &Domain) -> Result<()> {
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

/// What [`sample`] draws and how.
#[derive(Debug, Clone)]
pub struct SampleOptions {
    /// How many images.
    pub count: usize,
    /// One random stream a sample is derived from this and the sample's number, so sample i is the
    /// same in whatever batch and on however many threads it is drawn.
    pub seed: u64,
    /// Temperature, top-k, top-p.
    pub tempering: Tempering,
    /// Stepwise or by whole passes.
    pub engine: Engine,
    /// Known values, if any.
    pub given: Option<Given>,
    /// What each of the `count` images is conditioned on, as the model's
    /// [`Conditioning`](crate::Conditioning) says.
    pub condition: Option<Tensor>,
    /// Images in one step pass; 0 chooses by the device and the number of threads.
    pub chunk: usize,
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self {
            count: 16,
            seed: 0,
            tempering: Tempering::default(),
            engine: Engine::default(),
            given: None,
            condition: None,
            chunk: 0,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// `(N, C, H, W)` levels, flat.
    pub levels: Vec<u32>,
    /// For each image the negative log-likelihood, in nats, of all that was drawn, given what was
    /// known before it in the order: under the model itself, whatever the temperature. Of a mixture,
    /// under the member that drew it.
    pub nats: Vec<f64>,
    /// N.
    pub count: usize,
    /// What the images are of.
    pub domain: Domain,
}

impl Sampled {
    /// The levels as a tensor `(N, C, H, W)` of type `u32`.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the device refuses.
    pub fn to_tensor(&self, device: &Device) -> Result<Tensor> {
        self.domain.tensor(self.levels.clone(), device)
    }
}

/// Draws images from `model`, one forward pass' arithmetic an image (stepwise) or one an image
/// *and step* (whole pass).
///
/// Of a mixture each image is drawn from one member, chosen by the seed alone: exact without given
/// values. With them the members are not weighed by how well they explain what is given.
///
/// `progress` is called from the drawing threads with (steps · images done, of how many) and
/// returns false to cancel.
///
/// # Errors
/// [`Error::Config`] for options out of range, [`Error::Input`] for given values of another shape
/// or range, [`Error::NotANumber`] when the weights have diverged, [`Error::Cancelled`], or a tensor error.
pub fn sample(
    model: &dyn Distribution,
    options: &SampleOptions,
    progress: &(dyn Fn(usize, usize) -> bool + Sync),
) -> Result<Sampled> {
    options.tempering.validate()?;
    if options.count == 0 {
        return Err(Error::config("n", "must be at least 1"));
    }
    let (domain, dims) = (model.domain(), model.domain().dims());
    if let Some(given) = &options.given {
        given.check(options.count, &domain)?;
    }
    let condition = options.condition.as_ref();
    model
        .conditioning()
        .check(condition, options.count, &domain)?;

    let threads = if model.device().is_cpu() {
        rayon_threads()
    } else {
        1
    };
    let chunk = match options.chunk {
        0 if model.device().is_cpu() => options.count.div_ceil(threads).clamp(1, 16),
        0 => 256,
        n => n,
    };
    let members = model.members();
    let chunks = Chunk::split(options, &members, chunk);
    let (done, total) = (
        AtomicUsize::new(0),
        options.count * members[0].order().steps(),
    );
    let report = |n: usize| {
        let before = done.fetch_add(n, Ordering::Relaxed);
        progress(before + n, total)
    };
    let workers = threads.min(chunks.len());
    let sampled = Sampled {
        levels: vec![0u32; options.count * dims],
        nats: vec![0.0; options.count],
        count: options.count,
        domain,
    };
    let (queue, sampled) = (Mutex::new(chunks.into_iter()), Mutex::new(sampled));
    let work = || -> Result<()> {
        loop {
            let next = queue.lock().map_or(None, |mut q| q.next());
            let Some(chunk) = next else { return Ok(()) };
            match chunk.draw(options, &report) {
                Ok(drawn) => {
                    let mut all = sampled.lock().unwrap_or_else(PoisonError::into_inner);
                    for (b, (&i, image)) in
                        chunk.images.iter().zip(drawn.levels.chunks_exact(dims)).enumerate()
                    {
                        all.levels[i * dims..][..dims].copy_from_slice(image);
                        all.nats[i] = drawn.nats[b];
                    }
                }
                // Leave nothing for the others: the whole call has failed.
                Err(error) => {
                    queue.lock().map(|mut q| while q.next().is_some() {}).ok();
                    return Err(error);
                }
            }
        }
    };
    if workers <= 1 {
        work()?;
    } else {
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            // A panic there is a defect, and stays one here.
            let joined = |h: ScopedJoinHandle<'_, Result<()>>| {
                h.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            let results: Vec<_> = handles.into_iter().map(joined).collect();
            results.into_iter().collect::<Result<()>>()
        })?;
    }
    Ok(sampled.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn rayon_threads() -> usize {
    candle_core::utils::get_num_threads().max(1)
}

/// Images that are drawn together, from one member.
struct Chunk<'m> {
    model: &'m dyn Model,
    images: Vec<usize>,
}

impl<'m> Chunk<'m> {
    /// At most `size` images each. A member is chosen for each image from its own stream.
    fn split(options: &SampleOptions, members: &[&'m dyn Model], size: usize) -> Vec<Self> {
        let mut of_member = vec![Vec::new(); members.len()];
        for i in 0..options.count {
            let which = match members.len() {
                1 => 0,
                n => stream(options.seed, "member", &[i as u64]).random_range(0..n),
            };
            of_member[which].push(i);
        }
        let chunks = members.iter().zip(&of_member).flat_map(|(&model, images)| {
            images.chunks(size).map(move |images| Self {
                model,
                images: images.to_vec(),
            })
        });
        chunks.collect()
    }

    fn condition(&self, all: Option<&Tensor>) -> Result<Option<Tensor>> {
        let index: Vec<u32> = self.images.iter().map(|&i| i as u32).collect();
        let own = |all: &Tensor| {
            let index = Tensor::new(index.as_slice(), all.device())?;
            all.index_select(&index, 0)?.to_device(self.model.device())
        };
        Ok(all.map(own).transpose()?)
    }

    fn draw(
        &self,
        options: &'m SampleOptions,
        report: &dyn Fn(usize) -> bool,
    ) -> Result<Sampler<'m>> {
        let condition = self.condition(options.condition.as_ref())?;
        let mut sampler = Sampler::of(self.model, options, &self.images, condition)?;
        while let Some(fixed) = sampler.next() {
            fixed?;
            if !report(self.images.len()) {
                return Err(Error::Cancelled);
            }
        }
        Ok(sampler)
    }
}

/// Images on their way: an iterator that fixes the values of one step at a time, and that is
/// cancelled by dropping it. [`sample`] drives several.
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
    step: usize,
    /// `(B, C, H, W)`: drawn so far, zeros elsewhere.
    levels: Vec<u32>,
    /// Of what was drawn so far, for each image.
    nats: Vec<f64>,
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
    /// options are for [`sample`].
    ///
    /// # Errors
    /// As [`sample`].
    pub fn new(model: &'m dyn Model, options: &'m SampleOptions) -> Result<Self> {
        let domain = model.domain();
        options.tempering.validate()?;
        if let Some(given) = &options.given {
            given.check(options.count, &domain)?;
        }
        let images: Vec<usize> = (0..options.count).collect();
        Self::of(model, options, &images, options.condition.clone())
    }

    fn of(
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
        let dims = self.model.domain().dims();
        self.options.given.as_ref()?.get(image, dim, dims)
    }

    fn fix(&mut self) -> Result<Fixed> {
        let (step, dims, likelihood) =
            (self.step, self.model.domain().dims(), self.model.likelihood());
        let here: Vec<usize> = self.model.order().dims_of(step).collect();
        let free = |&i: &usize| here.iter().any(|&d| self.given(i, d).is_none());
        let draws = self.images.iter().any(free);
        self.parameters.clear();
        if draws {
            let parameters = self.source.conditionals(step, &self.levels)?;
            self.parameters.extend_from_slice(parameters);
        }
        let mut fixed = Vec::with_capacity(self.images.len() * here.len());
        let mut log_probabilities = vec![0.0; self.images.len()];
        let (p, v) = (likelihood.parameters(), likelihood.values());
        for b in 0..self.images.len() {
            for (i, &d) in here.iter().enumerate() {
                let level = match self.given(self.images[b], d) {
                    Some(level) => level,
                    None => {
                        let described = (b * here.len() + i) / v;
                        let before = fixed.len() - i % v..;
                        let (level, log) = self.drawer.draw(
                            likelihood,
                            &self.parameters[described * p..][..p],
                            &fixed[before],
                            &self.options.tempering,
                            &mut self.streams[b],
                        )?;
                        log_probabilities[b] += log;
                        level
                    }
                };
                fixed.push(level);
                self.levels[b * dims + d] = level;
            }
            self.nats[b] -= log_probabilities[b];
        }
        self.source.feed(step, &fixed)?;
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
        (self.step < self.model.order().steps()).then(|| self.fix())
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
