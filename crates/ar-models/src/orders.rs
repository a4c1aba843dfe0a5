//! One set of weights in one order, or in several that are a mixture.

use ar_core::{ChannelSteps, Domain, Error, Mixture, Model, Order, Result, Scan, Walk};
use ar_nn::Network;

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
    let of = |&scan: &Scan| network(&Order::scan(scan, domain, channels).among(&scans));
    if let [one] = &scans[..] {
        return of(one).map(Built::Network);
    }
    let member = |scan| Ok(Box::new(of(scan)?) as Box<dyn Model>);
    let members = scans.iter().map(member).collect::<Result<_>>()?;
    Ok(Built::Other(Box::new(Mixture::new(members)?)))
}

/// For sequence models: pixels come one after the other.
pub(crate) fn sequence(scan: Scan, count: usize) -> Result<()> {
    if scan.walk == Walk::CoarseToFine {
        let problem = format!("{scan} draws many pixels at once: it is no sequence");
        return Err(Error::config("order", problem));
    }
    scan.several(count).map(drop)
}
