//! One set of weights in one order, or in several that are a mixture.

use std::sync::Arc;

use ar_core::{
    AnyOrder, ChannelSteps, Distribution, Domain, Error, Mixture, Model, Order, Result, Scan, Walk,
    Weights,
};
use ar_nn::Network;
use ar_nn::init::{Shapes, existing};
use candle_nn::VarBuilder;

use crate::registry::Built;

/// A network for each of the first `count` orders of the family of `scan`, all of the same weights: one
/// alone, several as an equal mixture that trains them in turn (Jain et al. 2020, arXiv:2006.12486).
pub(crate) fn in_orders(
    scan: Scan,
    count: usize,
    (domain, channels): (&Domain, ChannelSteps),
    network: impl Fn(&Order) -> Result<Network>,
) -> Result<Built> {
    let scans = scan.several(count)?;
    let of = |&scan: &Scan| network(&Order::scan(scan, domain, channels)?.among(&scans));
    if let [one] = &scans[..] {
        return of(one).map(Built::Network);
    }
    let member = |scan| Ok(Arc::new(of(scan)?) as Arc<dyn Model>);
    let members = scans.iter().map(member).collect::<Result<_>>()?;
    Ok(Built::Other(Box::new(Mixture::new(members)?)))
}

/// The weights of `scored`, trained in a new order each step.
pub(crate) fn in_every_order(
    scored: Built,
    (domain, channels): (&Domain, ChannelSteps),
    vb: &VarBuilder<'_>,
    network: impl Fn(&Order, &VarBuilder<'_>) -> Result<Network> + Send + Sync + 'static,
) -> Result<Built> {
    let shapes = Shapes::default();
    network(&Order::raster(domain, channels), &shapes.builder())?;
    let shared = shapes.into_map().into_iter().map(|(name, shape)| {
        let tensor = vb.get(shape, &name)?;
        Ok((name, tensor))
    });
    let weights: Weights = shared.collect::<Result<_>>()?;
    let in_order = move |order: &Order| -> Result<Arc<dyn Model>> {
        Ok(Arc::new(network(order, &existing(&weights))?))
    };
    let scored: Box<dyn Distribution> = match scored {
        Built::Network(network) => Box::new(network),
        Built::Other(other) => other,
    };
    let any = AnyOrder::new(scored, channels, in_order);
    Ok(Built::Other(Box::new(any)))
}

/// For sequence models: pixels come one after the other.
pub(crate) fn sequence(scan: Scan, count: usize) -> Result<()> {
    if scan.walk == Walk::CoarseToFine {
        let problem = format!("{scan:#} draws many pixels at once: it is no sequence");
        return Err(Error::config("order", problem));
    }
    scan.several(count).map(drop)
}
