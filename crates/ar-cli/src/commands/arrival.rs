//! How much of an image or a recording is known, step by step.

use ar_core::Order;

/// Rows of a table.
const ROWS: usize = 20;

/// What is known after each step.
#[derive(Debug)]
pub(super) struct Arrival {
    /// Which share of all values.
    pub(super) seen: Vec<f64>,
    /// Pixels of an image, or samples of the longest recording.
    pub(super) positions: usize,
    /// Of recordings, samples a second.
    pub(super) rate: Option<u32>,
}

impl Arrival {
    /// Of images in this order.
    pub(super) fn of_images(order: &Order) -> Self {
        let all = order.positions() * order.steps_per_position() * order.values_per_position();
        let mut known = 0;
        let after = |step| {
            known += order.dims_of(step).count();
            known as f64 / all as f64
        };
        Self {
            seen: (0..order.steps()).map(after).collect(),
            positions: order.positions(),
            rate: None,
        }
    }

    /// Of recordings, the longest of so many samples, in the order of time.
    pub(super) fn of_recordings(longest: usize, order: &Order, rate: u32) -> Self {
        let steps = longest * order.steps_per_position();
        Self {
            seen: (1..=steps).map(|s| s as f64 / steps as f64).collect(),
            positions: longest,
            rate: Some(rate),
        }
    }

    /// Pixels or samples, those that are begun.
    pub(super) fn positions_in(&self, seen: f64) -> usize {
        // Not one more for what rounding left.
        (seen * self.positions as f64 - 1e-6).ceil() as usize
    }

    /// Of recordings.
    pub(super) fn seconds(&self, seen: f64) -> Option<f64> {
        let rate = f64::from(self.rate?);
        Some(seen * self.positions as f64 / rate)
    }

    /// The steps after which about so many equal shares are known.
    pub(super) fn rows(&self) -> Vec<usize> {
        let reached = |row: usize| {
            let share = row as f64 / ROWS as f64 - 1e-9;
            self.seen.partition_point(|&seen| seen < share)
        };
        let mut rows: Vec<usize> = (1..=ROWS).map(reached).collect();
        rows.dedup();
        rows
    }
}

#[cfg(test)]
mod tests {
    use ar_core::{ChannelSteps, Domain};

    use super::*;

    #[test]
    fn rows_are_shares_of_the_image_whatever_a_step_fixes() {
        let domain = Domain::new(1, 8, 8, 2).unwrap();
        let scan = "coarse-to-fine".parse().unwrap();
        let order = Order::scan(scan, &domain, ChannelSteps::Separate).unwrap();
        let arrival = Arrival::of_images(&order);
        let rows = arrival.rows();
        assert_eq!(rows.last(), Some(&18));
        assert!(rows.is_sorted() && rows.len() < ROWS, "{rows:?}");
        assert_eq!(arrival.positions_in(arrival.seen[15]), 16);
        assert_eq!(Arrival::of_recordings(784, &order, 8).rows().len(), ROWS);
    }
}
