//! Training and scoring on the images of `ar-data`.

use std::sync::Arc;

use ar_core::{Conditioning, Distribution, Domain, Model, score_images, score_pixels};
use ar_data::{Encoding, Epoch, Images, LevelBatch, Traversal, batches};
use candle_core::Device;

use crate::{Batch, BatchSource, BoxError, Result, Unit};

/// Training batches of images, in an order that the seed and the epoch decide, encoded as that epoch sees
/// them. Labels become the condition of a model that is conditioned on a class.
#[derive(Debug, Clone)]
pub struct ImageBatches {
    /// What is trained on.
    pub images: Arc<Images>,
    /// What is applied to their pixels.
    pub encoding: Encoding,
    /// What the model is conditioned on: nothing, or the images' labels as a class.
    pub conditioning: Conditioning,
    /// Images in a batch; the last of an epoch may have fewer.
    pub batch_size: usize,
    /// Seed of the order.
    pub seed: u64,
    /// The model's device.
    pub device: Device,
}

impl ImageBatches {
    /// What a model of these images is a distribution over.
    ///
    /// # Errors
    /// [`ar_core::Error::Config`] when the images are too large.
    pub fn domain(&self) -> ar_core::Result<Domain> {
        domain_of(&self.images, &self.encoding)
    }

    fn batch(&self, batch: LevelBatch) -> ar_core::Result<Batch> {
        let (domain, device) = (self.domain()?, &self.device);
        Ok(Batch {
            levels: domain.tensor(batch.levels, device)?,
            condition: self.conditioning.of_labels(batch.labels, device)?,
            scored: batch.scored.map(Into::into),
        })
    }
}

impl BatchSource for ImageBatches {
    fn batches_per_epoch(&self) -> u64 {
        self.images.len().div_ceil(self.batch_size.max(1)) as u64
    }

    fn unit(&self) -> Unit {
        match self.images.context() {
            Some(_) => Unit::Sample,
            None => Unit::Image,
        }
    }

    fn epoch(
        &self,
        epoch: u64,
        skip: u64,
    ) -> Box<dyn Iterator<Item = std::result::Result<Batch, BoxError>> + '_> {
        let (images, encoding) = (Arc::clone(&self.images), self.encoding.clone());
        let seed = self.seed;
        let traversal = Traversal::Shuffled { seed, epoch };
        match batches(images, encoding, self.batch_size, traversal, skip as usize) {
            Ok(batches) => Box::new(batches.map(|batch| Ok(self.batch(batch)?))),
            Err(error) => Box::new(std::iter::once(Err(error.into()))),
        }
    }
}

/// What a model of `images` under `encoding` is a distribution over.
///
/// # Errors
/// [`ar_core::Error::Config`] when the images are too large.
pub fn domain_of(images: &Images, encoding: &Encoding) -> ar_core::Result<Domain> {
    let shape = encoding.shape(images.shape());
    Domain::new(shape.channels, shape.height, shape.width, encoding.levels())
}

/// Negative log-likelihood in nats of each of the first `limit` images (0: of all), in their order, encoded
/// as [`Encoding::for_scoring`] has it. `model` should hold detached weights. `progress` gets how many are
/// done and returns false to stop, which leaves out the rest.
///
/// # Errors
/// [`Error::Model`](crate::Error::Model) when the images are not of the model's domain, or have no labels
/// where it needs a class; [`Error::Data`](crate::Error::Data) when they are not what the encoding is for.
pub fn score(
    model: &dyn Distribution,
    images: &Arc<Images>,
    encoding: &Encoding,
    batch_size: usize,
    limit: usize,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<f64>> {
    let limit = match limit {
        0 => images.len(),
        limit => limit.min(images.len()),
    };
    let (domain, device) = (domain_of(images, encoding)?, model.device());
    let encoding = encoding.clone().for_scoring();
    if images.context().is_some() {
        let images = Arc::clone(images);
        return score_recordings(model, (images, encoding), batch_size, limit, progress);
    }
    let epoch = Epoch::new(
        Arc::clone(images),
        encoding,
        batch_size,
        Traversal::Sequential,
    )?;
    let mut nats = Vec::with_capacity(limit);
    for mut batch in epoch.stream(0)? {
        let wanted = batch.len.min(limit - nats.len());
        batch.levels.truncate(wanted * domain.dims());
        if let Some(labels) = &mut batch.labels {
            labels.truncate(wanted);
        }
        let levels = domain.tensor(batch.levels, device)?;
        let condition = model.conditioning().of_labels(batch.labels, device)?;
        nats.extend(score_images(model, &levels, condition.as_ref())?);
        if !progress(nats.len()) || nats.len() >= limit {
            break;
        }
    }
    Ok(nats)
}

/// [`score`] of recordings: each in pieces, every value once and given all that its conditional depends on.
fn score_recordings(
    model: &dyn Distribution,
    (images, encoding): (Arc<Images>, Encoding),
    batch_size: usize,
    limit: usize,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<f64>> {
    let (domain, device) = (model.domain(), model.device());
    let member = alone(model)?;
    let batch_size = batch_size.min(at_once(member));
    let epoch = Epoch::new(images, encoding, batch_size, Traversal::Sequential)?;
    let mut nats = vec![0.0; limit];
    for batch in epoch.in_pieces(limit) {
        let levels = domain.tensor(batch.levels, device)?;
        let condition = model.conditioning().of_labels(batch.labels, device)?;
        let counts = batch.scored.iter().flatten();
        let counts = counts.flat_map(|r| (0..domain.positions()).map(|p| r.contains(&p)));
        let counts: Vec<bool> = counts.collect();
        let of_pieces = score_pixels(member, &levels, condition.as_ref(), &counts)?;
        for (&i, piece) in batch.indices.iter().zip(of_pieces) {
            nats[i as usize] += piece;
        }
        // The last one may go on in the next batch.
        let done = batch.indices.last().map_or(0, |&i| i as usize);
        if !progress(done) {
            nats.truncate(done);
            return Ok(nats);
        }
    }
    progress(limit);
    Ok(nats)
}

/// The only member of `model`.
pub(crate) fn alone(model: &dyn Distribution) -> Result<&dyn Model> {
    let [member] = model.members()[..] else {
        let problem = "recordings are scored in pieces, which a mixture cannot be";
        return Err(ar_core::Error::config("orders", problem).into());
    };
    Ok(member)
}

/// How many images at most have their conditionals described at once.
pub(crate) fn at_once(member: &dyn Model) -> usize {
    /// Numbers: 32 MiB, and a few times as much on the way.
    const MOST: usize = 1 << 23;
    let likelihood = member.likelihood();
    let described = member.domain().dims() / likelihood.values() * likelihood.parameters();
    (MOST / described.max(1)).max(1)
}
