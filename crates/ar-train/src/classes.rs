//! How probable classes make images, as their values arrive.

use std::sync::Arc;

use ar_core::{Distribution, Error, Order, class_log_likelihoods_by_step};
use ar_data::{Encoding, Epoch, Images, Traversal};

use crate::Result;
use crate::images::{alone, at_once, domain_of};

/// [`class_log_likelihoods_by_step`] of each of the first `limit` images (0: of all), in their order, encoded
/// as [`Encoding::for_scoring`] has it: `each` gets the rows of one after the other, and returns false to
/// stop. Of recordings, whole ones of whatever length, a step fixes one value along time. No more than a
/// batch, or one recording, is held.
///
/// # Errors
/// As [`score`](crate::score); [`Error::Config`] in [`Error::Model`](crate::Error::Model) when the model is
/// not conditioned on classes, or has no one order.
pub fn score_classes_by_step(
    model: &dyn Distribution,
    images: &Arc<Images>,
    encoding: &Encoding,
    batch_size: usize,
    limit: usize,
    each: &mut dyn FnMut(&[Vec<f64>]) -> bool,
) -> Result<()> {
    let limit = match limit {
        0 => images.len(),
        limit => limit.min(images.len()),
    };
    let (domain, device) = (domain_of(images, encoding)?, model.device());
    let most = model.members().first().map_or(1, |member| at_once(*member));
    let epoch = Epoch::new(
        Arc::clone(images),
        encoding.clone().for_scoring(),
        batch_size.min(most),
        Traversal::Sequential,
    )?;
    if images.context().is_some() {
        return of_recordings(model, &epoch, limit, each);
    }
    let mut left = limit;
    for mut batch in epoch.stream(0)? {
        let wanted = batch.len.min(left);
        batch.levels.truncate(wanted * domain.dims());
        let levels = domain.tensor(batch.levels, device)?;
        for rows in class_log_likelihoods_by_step(model, &levels)? {
            if !each(&rows) {
                return Ok(());
            }
        }
        left -= wanted;
        if left == 0 {
            break;
        }
    }
    Ok(())
}

/// The same of recordings, each in pieces, of which what is their context alone is taken off again.
fn of_recordings(
    model: &dyn Distribution,
    epoch: &Epoch,
    limit: usize,
    each: &mut dyn FnMut(&[Vec<f64>]) -> bool,
) -> Result<()> {
    let (domain, order) = (model.domain(), alone(model)?.order());
    if !order.same_steps(&Order::raster(&domain, order.channel_steps())) {
        return Err(Error::config("order", "must be that of time").into());
    }
    let per = order.steps_per_position();
    let (mut recording, mut rows): (u32, Vec<Vec<f64>>) = (0, Vec::new());
    for batch in epoch.in_pieces(limit) {
        let levels = domain.tensor(batch.levels, model.device())?;
        let pieces = class_log_likelihoods_by_step(model, &levels)?;
        let counts = batch.scored.unwrap_or_default();
        for ((&i, piece), counts) in batch.indices.iter().zip(pieces).zip(counts) {
            if i != recording {
                if !each(&rows) {
                    return Ok(());
                }
                (recording, rows) = (i, Vec::new());
            }
            let (context, counted) = piece[..counts.end * per].split_at(counts.start * per);
            let before = rows.last().cloned();
            rows.extend(counted.iter().map(|row| {
                let log = |class: usize| {
                    let of = |row: Option<&Vec<f64>>| row.map_or(0.0, |row| row[class]);
                    of(before.as_ref()) + row[class] - of(context.last())
                };
                (0..row.len()).map(log).collect()
            }));
        }
    }
    if !rows.is_empty() {
        each(&rows);
    }
    Ok(())
}
