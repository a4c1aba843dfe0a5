use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::ScopedJoinHandle;

use candle_core::{Device, Tensor};
use rand::Rng;
use serde::Serialize;

use crate::random::stream;
use crate::sampler::{Given, Sampler};
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
    /// Which member of a mixture draws each of the `count` images; chosen by the seed, where nobody says.
    pub members: Option<Vec<usize>>,
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
            members: None,
            chunk: 0,
        }
    }
}

impl SampleOptions {
    /// Whether images can be drawn from `model` so.
    pub(crate) fn check(&self, model: &dyn Distribution) -> Result<()> {
        self.tempering.validate()?;
        if self.count == 0 {
            return Err(Error::config("n", "must be at least 1"));
        }
        let domain = model.domain();
        if let Some(given) = &self.given {
            given.check(self.count, &domain)?;
        }
        if let Some(members) = &self.members {
            let most = model.members().len();
            if members.len() != self.count || members.iter().any(|&m| m >= most) {
                return Err(Error::Input {
                    what: "members",
                    expected: format!("{} numbers below {most}", self.count),
                    got: format!("{members:?}"),
                });
            }
        }
        let condition = self.condition.as_ref();
        model.conditioning().check(condition, self.count, &domain)
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

    /// Of every `k` images that follow one another the most probable, by its nats, of equals the first: no
    /// samples of the model any more.
    pub fn best_of(self, k: usize) -> Self {
        if k <= 1 {
            return self;
        }
        let dims = self.domain.dims();
        let best_from = |first: usize| {
            let last = self.count.min(first + k);
            (first..last).min_by(|&a, &b| self.nats[a].total_cmp(&self.nats[b]))
        };
        let firsts = (0..self.count).step_by(k);
        let kept: Vec<usize> = firsts.filter_map(best_from).collect();
        let levels = kept.iter().map(|i| &self.levels[i * dims..][..dims]);
        Self {
            levels: levels.flatten().copied().collect(),
            nats: kept.iter().map(|&i| self.nats[i]).collect(),
            count: kept.len(),
            domain: self.domain,
        }
    }
}

/// Draws images from `model`, one forward pass' arithmetic an image (stepwise) or one an image
/// *and step* (whole pass).
///
/// Of a mixture each image is drawn from one member, chosen by the seed alone: exact without given
/// values. With them the members are not weighed by how well they explain what is given;
/// [`SampleOptions::members`] says which is to draw.
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
    options.check(model)?;
    let (domain, dims) = (model.domain(), model.domain().dims());

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
                    for (b, (&i, image)) in chunk
                        .images
                        .iter()
                        .zip(drawn.levels.chunks_exact(dims))
                        .enumerate()
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
    /// At most `size` images each. Unless told, a member is chosen for each image from its own stream.
    fn split(options: &SampleOptions, members: &[&'m dyn Model], size: usize) -> Vec<Self> {
        let mut of_member = vec![Vec::new(); members.len()];
        for i in 0..options.count {
            let which = match (&options.members, members.len()) {
                (Some(chosen), _) => chosen[i],
                (None, 1) => 0,
                (None, n) => stream(options.seed, "member", &[i as u64]).random_range(0..n),
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
        for fixed in &mut sampler {
            fixed?;
            if !report(self.images.len()) {
                return Err(Error::Cancelled);
            }
        }
        Ok(sampler)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_every_k_images_the_most_probable_is_kept() {
        let drawn = Sampled {
            levels: (0..12).collect(),
            nats: vec![3.0, 1.0, 2.0, 5.0, 4.0, 4.0],
            count: 6,
            domain: Domain::new(1, 1, 2, 12).unwrap(),
        };
        let best = drawn.clone().best_of(3);
        assert_eq!((best.count, best.nats), (2, vec![1.0, 4.0]));
        assert_eq!(best.levels, [2, 3, 8, 9]);
        assert_eq!(drawn.clone().best_of(1), drawn);
        assert_eq!(drawn.clone().best_of(9).levels, [2, 3]);
    }
}
