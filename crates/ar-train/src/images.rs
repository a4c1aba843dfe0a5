//! Training and scoring on the images of `ar-data`.

use std::sync::Arc;

use ar_core::{Conditioning, Distribution, Domain, Model, score_images};
use ar_data::{Encoding, Epoch, Images, LevelBatch, Traversal, batches};
use candle_core::{Device, Tensor};

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
            condition: given(self.conditioning, &batch, &domain, device)?,
            levels: domain.tensor(batch.levels, device)?,
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

/// What the images of a batch are conditioned on: their labels, or what is told of them.
pub(crate) fn given(
    conditioning: Conditioning,
    batch: &LevelBatch,
    domain: &Domain,
    device: &Device,
) -> ar_core::Result<Option<Tensor>> {
    match &batch.told {
        Some(told) => conditioning
            .of_features(told.clone(), batch.len, domain, device)
            .map(Some),
        None => conditioning.of_labels(batch.labels.clone(), device),
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
        batch.len = wanted;
        if let Some(labels) = &mut batch.labels {
            labels.truncate(wanted);
        }
        let condition = given(model.conditioning(), &batch, &domain, device)?;
        let levels = domain.tensor(batch.levels, device)?;
        nats.extend(score_images(model, &levels, condition.as_ref())?);
        if !progress(nats.len()) || nats.len() >= limit {
            break;
        }
    }
    Ok(nats)
}

/// How astonished `model` is at each pixel of each image, in nats summed over channels, or at each sample of
/// each recording; encoded as [`score`] encodes them. It is one model: a mixture has no likelihood of a pixel.
///
/// # Errors
/// As [`score`].
pub fn surprise(
    model: &dyn Model,
    images: &Arc<Images>,
    encoding: &Encoding,
    batch_size: usize,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<Vec<f64>>> {
    let encoding = encoding.clone().for_scoring();
    let mut all = vec![Vec::new(); images.len()];
    let batch_size = batch_size.min(at_once(model));
    let images = Arc::clone(images);
    if images.context().is_some() {
        let pieces = (images, encoding);
        in_pieces(
            model,
            pieces,
            batch_size,
            all.len(),
            progress,
            |i, piece| {
                all[i].extend_from_slice(piece);
            },
        )?;
        return Ok(all);
    }
    let (domain, device) = (domain_of(&images, &encoding)?, model.device());
    let epoch = Epoch::new(images, encoding, batch_size, Traversal::Sequential)?;
    let mut done = 0;
    for batch in epoch.stream(0)? {
        let condition = given(model.conditioning(), &batch, &domain, device)?;
        let levels = domain.tensor(batch.levels, device)?;
        for own in ar_core::surprise(model, &levels, condition.as_ref())? {
            all[done] = own;
            done += 1;
        }
        if !progress(done) {
            break;
        }
    }
    all.truncate(done);
    Ok(all)
}

/// [`score`] of recordings: each in pieces, every value once and given all that its conditional depends on.
fn score_recordings(
    model: &dyn Distribution,
    recordings: (Arc<Images>, Encoding),
    batch_size: usize,
    limit: usize,
    progress: &mut dyn FnMut(usize) -> bool,
) -> Result<Vec<f64>> {
    let member = alone(model)?;
    let batch_size = batch_size.min(at_once(member));
    let mut nats = vec![0.0; limit];
    let add = |i: usize, piece: &[f64]| nats[i] += piece.iter().sum::<f64>();
    let done = in_pieces(member, recordings, batch_size, limit, progress, add)?;
    nats.truncate(done);
    Ok(nats)
}

/// Gives `take` the surprise of each piece of the first `limit` recordings, in order, with the number of its
/// recording. How many recordings are done.
fn in_pieces(
    model: &dyn Model,
    (images, encoding): (Arc<Images>, Encoding),
    batch_size: usize,
    limit: usize,
    progress: &mut dyn FnMut(usize) -> bool,
    mut take: impl FnMut(usize, &[f64]),
) -> Result<usize> {
    let (domain, device) = (model.domain(), model.device());
    let epoch = Epoch::new(images, encoding, batch_size, Traversal::Sequential)?;
    for batch in epoch.in_pieces(limit) {
        let condition = given(model.conditioning(), &batch, &domain, device)?;
        let levels = domain.tensor(batch.levels, device)?;
        let of_pieces = ar_core::surprise(model, &levels, condition.as_ref())?;
        let counts = batch.scored.iter().flatten().cloned();
        for ((&i, piece), counts) in batch.indices.iter().zip(&of_pieces).zip(counts) {
            take(i as usize, &piece[counts]);
        }
        // The last one may go on in the next batch.
        let done = batch.indices.last().map_or(0, |&i| i as usize);
        if !progress(done) {
            return Ok(done);
        }
    }
    progress(limit);
    Ok(limit)
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

#[cfg(test)]
mod tests {
    use ar_core::Weights;
    use ar_data::Shape;
    use ar_models::Spec;
    use serde_json::{Value, json};

    use super::*;

    fn model(name: &str, config: Value, domain: Domain) -> Box<dyn Distribution> {
        let spec = Spec::new(name, config, domain, Conditioning::None).unwrap();
        let weights = Weights::from_vars(&spec.initialise(1, &Device::Cpu).unwrap());
        spec.build(&weights.detached()).unwrap()
    }

    /// The surprise of all pixels of an image, or all samples of a recording, is that of the whole.
    fn sums_up(model: &dyn Distribution, images: Images, encoding: &Encoding, lengths: &[usize]) {
        let images = Arc::new(images);
        let whole = score(model, &images, encoding, 4, 0, &mut |_| true).unwrap();
        for batch_size in [1, 3, 64] {
            let member = model.members()[0];
            let parts = surprise(member, &images, encoding, batch_size, &mut |_| true).unwrap();
            assert_eq!(parts.iter().map(Vec::len).collect::<Vec<_>>(), lengths);
            for (parts, whole) in parts.iter().zip(&whole) {
                let sum: f64 = parts.iter().sum();
                assert!((sum - whole).abs() < 1e-3, "{sum} {whole}");
            }
        }
    }

    #[test]
    fn surprise_sums_up_to_the_likelihood() {
        let pixels: Vec<u16> = (0..5 * 3 * 12).map(|i| (i * i % 11 % 4) as u16).collect();
        let images = Images::new(Shape::new(3, 3, 4), 4, pixels, None).unwrap();
        let encoding = Encoding::native(4).unwrap();
        let domain = domain_of(&images, &encoding).unwrap();
        let config = json!({"hidden": 6, "blocks": 1, "first_kernel": 3});
        sums_up(
            &*model("pixelcnn", config, domain),
            images,
            &encoding,
            &[12; 5],
        );
    }

    #[test]
    fn surprise_of_recordings_has_every_sample_once() {
        let lengths = [3, 30, 17, 1];
        let samples = (0..51u16).map(|t| t * t % 13).collect();
        let window = [12, 4];
        let recordings = Images::recordings(16, samples, &lengths, None, window).unwrap();
        let encoding = Encoding::native(16).unwrap();
        let domain = domain_of(&recordings, &encoding).unwrap();
        let config = json!({"hidden": 4, "skip": 4, "stacks": 1, "max_dilation": 2, "embedding": 2,
            "position": false});
        let wavenet = model("wavenet", config, domain);
        sums_up(&*wavenet, recordings, &encoding, &lengths);
    }
}
