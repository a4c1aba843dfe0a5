//! A batch of images through the step pass into a range coder, and back.

use std::ops::Range;

use ar_core::{Cumulative, Model};
use candle_core::Tensor;
use constriction::stream::model::{DecoderModel, EncoderModel, EntropyModel};
use constriction::stream::queue::{DefaultRangeDecoder, DefaultRangeEncoder};
use constriction::stream::{Decode as _, Encode as _};
use std::num::NonZeroU32;

use crate::{Error, Result};

const PRECISION: usize = Cumulative::BITS as usize;

/// Images of one size, coded side by side: the step pass of all of them at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) model: &'a dyn Model,
    pub(crate) condition: Option<&'a Tensor>,
    /// The width of each image: columns beyond it are not there. Narrower than the model's only where it has
    /// one row, of which a beginning is what a shorter one is.
    pub(crate) widths: &'a [usize],
}

impl Batch<'_> {
    /// Goes through the steps. For each value that is there, `code` is asked for its level: which image, which
    /// value of it, and how likely the levels are; and for each pixel, `whole` gets its image, what describes it
    /// and its levels.
    fn walk(
        &self,
        mut code: impl FnMut(usize, usize, &Cumulative) -> Result<u32>,
        mut whole: impl FnMut(usize, &[f32], &[u32]),
    ) -> Result<()> {
        let (domain, order, batch) = (self.model.domain(), self.model.order(), self.widths.len());
        let likelihood = self.model.likelihood();
        let (p, v) = (likelihood.parameters(), likelihood.values());
        let mut stepper = self.model.stepper(batch, self.condition)?;
        let (mut cumulative, mut levels) = (Cumulative::default(), Vec::new());
        for step in 0..order.steps() {
            let parameters = stepper.conditionals(step)?;
            let dims: Vec<usize> = order.dims_of(step).collect();
            levels.clear();
            // One by one through the images, which lie one after the other in what a step says of them.
            let pixels = parameters.chunks_exact(p);
            let all = (0..batch).flat_map(|b| dims.chunks_exact(v).map(move |dims| (b, dims)));
            for ((b, dims), own) in all.zip(pixels) {
                let first = levels.len();
                if dims[0] % domain.width >= self.widths[b] {
                    levels.resize(first + v, 0);
                    continue;
                }
                for &dim in dims {
                    cumulative.set(likelihood, own, &levels[first..])?;
                    levels.push(code(b, dim, &cumulative)?);
                }
                whole(b, own, &levels[first..]);
            }
            stepper.feed(step, &levels)?;
        }
        Ok(())
    }

    /// Codes `images`, `(B, C, H, W)` flat; gives the model's own negative log-likelihood of each, in nats.
    pub(crate) fn encode(&self, images: &[u32], to: &mut DefaultRangeEncoder) -> Result<Vec<f64>> {
        let dims = self.model.domain().dims();
        self.model.domain().check_levels(images)?;
        let mut nats = vec![0.0; self.widths.len()];
        let likelihood = self.model.likelihood();
        let code = |b, dim, cumulative: &Cumulative| {
            let level = images[b * dims + dim];
            to.encode_symbol(level as usize, Parts(cumulative))
                .map_err(|_| Error::Impossible)?;
            Ok(level)
        };
        self.walk(code, |b, parameters, levels| {
            nats[b] += likelihood.nats(parameters, levels);
        })?;
        Ok(nats)
    }

    /// The reverse: `(B, C, H, W)` flat, zeros where nothing is.
    pub(crate) fn decode(&self, from: &mut DefaultRangeDecoder) -> Result<Vec<u32>> {
        let dims = self.model.domain().dims();
        let mut images = vec![0; self.widths.len() * dims];
        let code = |b, dim, cumulative: &Cumulative| {
            let level = from
                .decode_symbol(Parts(cumulative))
                .map_err(|_| Error::Stream)?;
            images[b * dims + dim] = level as u32;
            Ok(level as u32)
        };
        self.walk(code, |_, _, _| ())?;
        Ok(images)
    }
}

/// The parts of the unit interval that belong to a level, as the coder asks for them.
struct Parts<'a>(&'a Cumulative);

impl Parts<'_> {
    fn of(&self, level: usize) -> Option<Range<u32>> {
        (level < self.0.levels()).then(|| self.0.below(level)..self.0.below(level + 1))
    }
}

impl EntropyModel<PRECISION> for Parts<'_> {
    type Symbol = usize;
    type Probability = u32;
}

impl EncoderModel<PRECISION> for Parts<'_> {
    fn left_cumulative_and_probability(
        &self,
        symbol: impl std::borrow::Borrow<usize>,
    ) -> Option<(u32, NonZeroU32)> {
        let parts = self.of(*symbol.borrow())?;
        Some((parts.start, NonZeroU32::new(parts.end - parts.start)?))
    }
}

impl DecoderModel<PRECISION> for Parts<'_> {
    fn quantile_function(&self, quantile: u32) -> (usize, u32, NonZeroU32) {
        let level = self.0.level_of(quantile);
        let (start, end) = (self.0.below(level), self.0.below(level + 1));
        // Every level has a part.
        let parts = NonZeroU32::new(end - start).unwrap_or(NonZeroU32::MIN);
        (level, start, parts)
    }
}
