//! K-means over colours: k-means++ for the start, then Lloyd's rounds.
//!
//! Distances of the start and sums of the means are integers and each distance of a round is computed by
//! itself, so the result depends neither on the number of threads nor on the machine.

use rand::RngCore;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::nearest::squared;

/// Rounds after which it ends in any case.
const MAX_ROUNDS: usize = 100;
/// It ends when a round lessens the error by no more than this part of it.
const TOLERANCE: f64 = 1e-4;

/// A colour and how often it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Point {
    pub(super) colour: [u8; 3],
    pub(super) count: u64,
}

/// `k` different colours, each the rounded mean of the points nearest to it or, where rounding made two means
/// one, a point far from all. There must be at least `k` points, all of different colours.
pub(super) fn k_means(points: &[Point], k: usize, rng: &mut ChaCha8Rng) -> Vec<[u8; 3]> {
    let mut means = Means::new(&seeds(points, k, rng));
    let mut before = f64::INFINITY;
    for _ in 0..MAX_ROUNDS {
        let assigned = means.assign(points);
        let error: f64 = points
            .iter()
            .zip(&assigned)
            .map(|(point, at)| point.count as f64 * f64::from(at.squared))
            .sum();
        if error >= before * (1.0 - TOLERANCE) {
            break;
        }
        before = error;
        means.update(points, &assigned);
    }
    fill_up(points, means.rounded(), k)
}

/// The start of k-means++: each colour is drawn with probability proportional to its count times its squared
/// distance to the nearest one drawn before.
fn seeds(points: &[Point], k: usize, rng: &mut ChaCha8Rng) -> Vec<[u8; 3]> {
    let mut gaps = vec![1; points.len()];
    let mut seeds = Vec::with_capacity(k);
    while seeds.len() < k {
        let weights = || points.iter().zip(&gaps).map(|(p, &gap)| p.count * gap);
        let total: u64 = weights().sum();
        let mut left = ((u128::from(rng.next_u64()) * u128::from(total)) >> 64) as u64;
        let drawn = weights().position(|weight| {
            let is_here = left < weight;
            left = left.saturating_sub(weight);
            is_here
        });
        let Some(drawn) = drawn else { break };
        if seeds.is_empty() {
            gaps.fill(u64::MAX);
        }
        seeds.push(points[drawn].colour);
        narrow(&mut gaps, points, points[drawn].colour);
    }
    seeds
}

/// Lessens each point's squared distance to the nearest chosen colour for one more of them.
fn narrow(gaps: &mut [u64], points: &[Point], chosen: [u8; 3]) {
    for (gap, point) in gaps.iter_mut().zip(points) {
        *gap = (*gap).min(u64::from(squared(point.colour, chosen)));
    }
}

/// Without repetitions; in their place the points that add most to the error.
fn fill_up(points: &[Point], mut colours: Vec<[u8; 3]>, k: usize) -> Vec<[u8; 3]> {
    colours.sort_unstable();
    colours.dedup();
    if colours.len() < k {
        let mut gaps = vec![u64::MAX; points.len()];
        for &colour in &colours {
            narrow(&mut gaps, points, colour);
        }
        while colours.len() < k {
            let errors = points.iter().zip(&gaps).map(|(p, &gap)| p.count * gap);
            let worst = errors.zip(points).filter(|(error, _)| *error > 0);
            let Some((_, worst)) = worst.max_by_key(|(error, _)| *error) else {
                break;
            };
            colours.push(worst.colour);
            narrow(&mut gaps, points, worst.colour);
        }
    }
    colours
}

/// The means, a channel after the other so that many are compared at once.
struct Means {
    channels: [Vec<f32>; 3],
}

/// The mean nearest to a point.
struct Assigned {
    mean: usize,
    squared: f32,
}

impl Means {
    fn new(colours: &[[u8; 3]]) -> Self {
        let channels =
            [0, 1, 2].map(|i| colours.iter().map(|colour| f32::from(colour[i])).collect());
        Self { channels }
    }

    fn assign(&self, points: &[Point]) -> Vec<Assigned> {
        let buffer = || vec![0.0; self.channels[0].len()];
        let points = points.par_iter().with_min_len(256);
        points
            .map_init(buffer, |distances, point| {
                self.nearest(point.colour, distances)
            })
            .collect()
    }

    /// The distances first and the least of them then: both loops become vector instructions.
    fn nearest(&self, colour: [u8; 3], distances: &mut [f32]) -> Assigned {
        let [r, g, b] = colour.map(f32::from);
        let [rs, gs, bs] = &self.channels;
        for (((d, mr), mg), mb) in distances.iter_mut().zip(rs).zip(gs).zip(bs) {
            *d = (mr - r) * (mr - r) + (mg - g) * (mg - g) + (mb - b) * (mb - b);
        }
        let squared = distances
            .chunks(8)
            .fold([f32::INFINITY; 8], |mut least, chunk| {
                for (least, &d) in least.iter_mut().zip(chunk) {
                    *least = if d < *least { d } else { *least };
                }
                least
            });
        let squared = squared.into_iter().fold(f32::INFINITY, f32::min);
        let mean = distances.iter().position(|&d| d == squared).unwrap_or(0);
        Assigned { mean, squared }
    }

    /// Each mean to the middle of its points; one without points to the point that is served worst.
    fn update(&mut self, points: &[Point], assigned: &[Assigned]) {
        let mut sums = vec![([0u64; 3], 0u64); self.channels[0].len()];
        for (point, at) in points.iter().zip(assigned) {
            let (sum, count) = &mut sums[at.mean];
            for (sum, value) in sum.iter_mut().zip(point.colour) {
                *sum += u64::from(value) * point.count;
            }
            *count += point.count;
        }
        let empty = sums.iter().filter(|(_, count)| *count == 0).count();
        let mut worst = worst(points, assigned, empty).into_iter();
        for (mean, (mut sum, mut count)) in sums.into_iter().enumerate() {
            if count == 0 {
                let Some(point) = worst.next() else { continue };
                (sum, count) = (points[point].colour.map(u64::from), 1);
            }
            for (channel, sum) in self.channels.iter_mut().zip(sum) {
                channel[mean] = (sum as f64 / count as f64) as f32;
            }
        }
    }

    fn rounded(&self) -> Vec<[u8; 3]> {
        let [rs, gs, bs] = &self.channels;
        let means = rs.iter().zip(gs).zip(bs);
        means
            .map(|((&r, &g), &b)| [r, g, b].map(|v| v.round() as u8))
            .collect()
    }
}

/// The `n` points that add most to the error.
fn worst(points: &[Point], assigned: &[Assigned], n: usize) -> Vec<usize> {
    if n == 0 {
        return Vec::new();
    }
    let error = |&i: &usize| points[i].count as f64 * f64::from(assigned[i].squared);
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|a, b| error(b).total_cmp(&error(a)));
    order.truncate(n);
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    fn points(colours: &[([u8; 3], u64)]) -> Vec<Point> {
        let points = colours.iter();
        points
            .map(|&(colour, count)| Point { colour, count })
            .collect()
    }

    #[test]
    fn clusters_that_are_apart_become_their_weighted_means() {
        let points = points(&[
            ([0, 0, 0], 3),
            ([4, 8, 0], 1),
            ([200, 10, 10], 1),
            ([202, 10, 12], 1),
            ([90, 250, 90], 5),
        ]);
        for seed in 0..10 {
            let mut found = k_means(&points, 3, &mut random::stream("test", &[seed]));
            found.sort_unstable();
            assert_eq!(found, [[1, 2, 0], [90, 250, 90], [201, 10, 11]]);
        }
    }

    #[test]
    fn a_mean_without_points_moves_to_the_worst_served_one() {
        let points = points(&[([0, 0, 0], 10), ([1, 0, 0], 10), ([250, 250, 250], 1)]);
        let mut means = Means::new(&[[0, 0, 0], [0, 0, 0]]);
        let assigned = means.assign(&points);
        assert!(assigned.iter().all(|at| at.mean == 0));
        means.update(&points, &assigned);
        assert_eq!(means.rounded()[1], [250, 250, 250]);
    }

    #[test]
    fn means_that_round_to_one_colour_are_filled_up() {
        let points = points(&[([5, 5, 5], 9), ([5, 5, 6], 1), ([60, 5, 5], 1)]);
        assert_eq!(
            fill_up(&points, vec![[5, 5, 5]; 3], 3),
            [[5, 5, 5], [60, 5, 5], [5, 5, 6]]
        );
    }

    #[test]
    fn as_many_means_as_points_are_the_points() {
        let points: Vec<Point> = (0..100u8)
            .map(|i| Point {
                colour: [i, i / 3, 7],
                count: 1 + u64::from(i % 5),
            })
            .collect();
        let found = k_means(&points, 100, &mut random::stream("test", &[1]));
        assert!(found.iter().eq(points.iter().map(|point| &point.colour)));
    }
}
