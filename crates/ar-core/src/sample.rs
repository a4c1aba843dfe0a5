use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use candle_core::{Device, Tensor};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use crate::draw::Drawer;
use crate::random::stream;
use crate::{Distribution, Domain, Error, Likelihood, Model, Result, Tempering};

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
    /// `(C, H, W)`, flat, the same for every sample: whether a value is known.
    pub known: Vec<bool>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// `(N, C, H, W)` levels, flat.
    pub levels: Vec<u32>,
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
        for (what, len, expected) in [
            ("given levels", given.levels.len(), options.count * dims),
            ("known mask", given.known.len(), dims),
        ] {
            if len != expected {
                return Err(Error::Input {
                    what,
                    expected: format!("{expected} values"),
                    got: len.to_string(),
                });
            }
        }
        domain.check_levels(&given.levels)?;
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
    let (queue, levels) = (
        Mutex::new(chunks.into_iter()),
        Mutex::new(vec![0u32; options.count * dims]),
    );
    let work = || -> Result<()> {
        loop {
            let next = queue.lock().map_or(None, |mut q| q.next());
            let Some(chunk) = next else { return Ok(()) };
            match chunk.draw(options, &report) {
                Ok(drawn) => {
                    let mut levels = levels.lock().unwrap_or_else(PoisonError::into_inner);
                    for (&i, image) in chunk.images.iter().zip(drawn.chunks_exact(dims)) {
                        levels[i * dims..][..dims].copy_from_slice(image);
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
            let results: Vec<_> = handles
                .into_iter()
                .map(|h| h.join().unwrap_or(Err(Error::Cancelled)))
                .collect();
            results.into_iter().collect::<Result<()>>()
        })?;
    }
    Ok(Sampled {
        levels: levels.into_inner().unwrap_or_else(PoisonError::into_inner),
        count: options.count,
        domain,
    })
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

    /// The levels of its images, one after the other.
    fn draw(&self, options: &SampleOptions, report: &dyn Fn(usize) -> bool) -> Result<Vec<u32>> {
        let (model, batch) = (self.model, self.images.len());
        let (dims, likelihood, order) = (model.domain().dims(), model.likelihood(), model.order());
        let stream_of = |&i: &usize| stream(options.seed, "sample", &[i as u64]);
        let mut streams: Vec<ChaCha8Rng> = self.images.iter().map(stream_of).collect();
        let (mut drawer, width) = (Drawer::default(), order.values_per_step());
        let condition = self.condition(options.condition.as_ref())?;
        let mut source = Source::new(model, options.engine, batch, condition.as_ref())?;
        let (mut out, mut drawn) = (vec![0u32; batch * dims], vec![0u32; batch * width]);
        for step in 0..order.steps() {
            let here: Vec<usize> = order.dims_of(step).collect();
            let known = |d: usize| options.given.as_ref().is_some_and(|g| g.known[d]);
            if here.iter().any(|&d| !known(d)) {
                let conditionals = source.conditionals(step, &out)?;
                draw_step(
                    &mut drawer,
                    likelihood,
                    conditionals,
                    &options.tempering,
                    &mut streams,
                    &mut drawn,
                )?;
            }
            for (drawn, (b, &i)) in drawn
                .chunks_exact_mut(width)
                .zip(self.images.iter().enumerate())
            {
                for (level, &d) in drawn.iter_mut().zip(&here) {
                    if let Some(given) = options.given.as_ref().filter(|g| g.known[d]) {
                        *level = given.levels[i * dims + d];
                    }
                    out[b * dims + d] = *level;
                }
            }
            source.feed(step, &drawn)?;
            if !report(batch) {
                return Err(Error::Cancelled);
            }
        }
        Ok(out)
    }
}

/// Every sample's stream advances by one number for each value of a step that is drawn.
fn draw_step(
    drawer: &mut Drawer,
    likelihood: Likelihood,
    conditionals: &[f32],
    tempering: &Tempering,
    streams: &mut [ChaCha8Rng],
    drawn: &mut [u32],
) -> Result<()> {
    let width = drawn.len() / streams.len();
    for ((i, level), own) in drawn
        .iter_mut()
        .enumerate()
        .zip(conditionals.chunks(likelihood.conditional_size()))
    {
        *level = drawer.draw(likelihood, own, tempering, &mut streams[i / width])?;
    }
    Ok(())
}

/// Where the next conditionals come from.
enum Source<'m> {
    Stepwise(Box<dyn crate::Stepper + 'm>),
    WholePass {
        model: &'m dyn Model,
        condition: Option<&'m Tensor>,
        conditionals: Vec<f32>,
    },
}

impl<'m> Source<'m> {
    fn new(
        model: &'m dyn Model,
        engine: Engine,
        batch: usize,
        condition: Option<&'m Tensor>,
    ) -> Result<Self> {
        Ok(match engine {
            Engine::Stepwise => Self::Stepwise(model.stepper(batch, condition)?),
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
                let all = model.conditionals(&x, *condition)?.flatten(1, 3)?; // (B, C·H·W, P)
                let index: Vec<u32> = model.order().dims_of(step).map(|d| d as u32).collect();
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
