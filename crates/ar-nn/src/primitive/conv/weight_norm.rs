//! A weight as a direction and a length for each feature (Salimans, Kingma 2016, arXiv:1602.07868).

/// Turns the directions in the columns of `weight (k, c)` into weights of these lengths.
pub(super) fn normalise(weight: &mut [f32], gain: &[f32]) {
    let pairs = gain.iter().zip(lengths(weight, gain.len()));
    let by: Vec<f32> = pairs.map(|(g, l)| g / l).collect();
    for row in weight.chunks_exact_mut(gain.len()) {
        row.iter_mut().zip(&by).for_each(|(w, by)| *w *= by);
    }
}

/// The reverse: `grad` becomes that of the directions, and `gain_grad` is written (equation 3).
pub(super) fn backward(direction: &[f32], gain: &[f32], grad: &mut [f32], gain_grad: &mut [f32]) {
    let (n, lengths) = (gain.len(), lengths(direction, gain.len()));
    let mut along = vec![0f64; n];
    for (v, g) in direction.chunks_exact(n).zip(grad.chunks_exact(n)) {
        for ((sum, v), g) in along.iter_mut().zip(v).zip(g) {
            *sum += f64::from(*v) * f64::from(*g);
        }
    }
    for (j, out) in gain_grad.iter_mut().enumerate() {
        *out = along[j] as f32 / lengths[j];
    }
    for (v, g) in direction.chunks_exact(n).zip(grad.chunks_exact_mut(n)) {
        for (j, g) in g.iter_mut().enumerate() {
            *g = gain[j] / lengths[j] * (*g - v[j] * gain_grad[j] / lengths[j]);
        }
    }
}

/// Gain and bias with which the columns of `out`, computed with gain 1 and bias 0, have mean zero and
/// this deviation (equation 5).
pub(super) fn centre(out: &[f32], deviation: f64, gain: &mut [f32], bias: &mut [f32]) {
    let (n, rows) = (gain.len(), (out.len() / gain.len()) as f64);
    let (mut sums, mut squares) = (vec![0f64; n], vec![0f64; n]);
    for row in out.chunks_exact(n) {
        for ((sum, square), v) in sums.iter_mut().zip(&mut squares).zip(row) {
            *sum += f64::from(*v);
            *square += f64::from(*v) * f64::from(*v);
        }
    }
    for j in 0..n {
        let mean = sums[j] / rows;
        let variance = (squares[j] / rows - mean * mean).max(0.0);
        let by = deviation / (variance + 1e-10).sqrt();
        // A feature that is the same everywhere says nothing of its scale.
        let by = if variance < 1e-8 { deviation } else { by };
        gain[j] = by as f32;
        bias[j] = (-mean * by) as f32;
    }
}

/// Of the columns of `weight (k, n)`.
fn lengths(weight: &[f32], n: usize) -> Vec<f32> {
    let mut squares = vec![0f64; n];
    for row in weight.chunks_exact(n) {
        for (sum, w) in squares.iter_mut().zip(row) {
            *sum += f64::from(*w) * f64::from(*w);
        }
    }
    // A direction that is zero stays so.
    squares.iter().map(|s| s.sqrt().max(1e-12) as f32).collect()
}
