//! Muon: the mean gradient of a matrix, made orthogonal, so that every direction learns at one rate.
//!
//! Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"; how large an update is as in Liu et
//! al. 2025, "Muon is Scalable for LLM Training", arXiv:2502.16982, equation 4, so that Adam's rates suit it.

use candle_core::{D, Tensor};

use crate::Result;

/// Rows and columns from which on a matrix has directions worth telling apart.
const LEAST: usize = 16;

/// The root mean square of an update, of the learning rate: about Adam's.
const SIZE: f64 = 0.2;

/// Newton-Schulz iterations, and the polynomial a·x + b·x³ + c·x⁵ that moves singular values towards 1 in each.
const ITERATIONS: usize = 5;
const POLYNOMIAL: [f64; 3] = [3.4445, -4.7750, 2.0315];

/// The matrix that a parameter of `shape` is: weights of a product, `(taps, in, out)`, as (taps · in, out).
/// None for what Adam updates: tables (positions, embeddings, classes), biases, and products with a narrow side.
pub(super) fn matrix(shape: &[usize]) -> Option<(usize, usize)> {
    match *shape {
        [taps, rows, columns] if (taps * rows).min(columns) >= LEAST => {
            Some((taps * rows, columns))
        }
        _ => None,
    }
}

/// What a matrix moves by: the direction of its mean gradient `mean`, (rows, columns), as far as `learning_rate` says.
pub(super) fn step(mean: &Tensor, learning_rate: f64) -> Result<Tensor> {
    let (rows, columns) = mean.dims2()?;
    let size = learning_rate * SIZE * (rows.max(columns) as f64).sqrt();
    Ok((orthogonal(mean)? * size)?)
}

/// U·Vᵀ of the singular value decomposition U·S·Vᵀ of `x`, roughly: singular values end between 0.7 and 1.2. Zero
/// stays zero.
fn orthogonal(x: &Tensor) -> Result<Tensor> {
    let (rows, columns) = x.dims2()?;
    let tall = rows > columns;
    let x = if tall {
        x.t()?.contiguous()?
    } else {
        x.clone()
    };
    let norm = (x.sqr()?.sum_keepdim((D::Minus2, D::Minus1))?.sqrt()? + 1e-30)?;
    let mut x = x.broadcast_div(&norm)?;
    let [a, b, c] = POLYNOMIAL;
    for _ in 0..ITERATIONS {
        let square = x.matmul(&x.t()?)?;
        let polynomial = ((&square * b)? + (square.matmul(&square)? * c)?)?;
        x = ((&x * a)? + polynomial.matmul(&x)?)?;
    }
    Ok(if tall { x.t()?.contiguous()? } else { x })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device};

    #[test]
    fn products_are_matrices_and_tables_are_not() {
        assert_eq!(matrix(&[2, 32, 128]), Some((64, 128)));
        assert_eq!(matrix(&[24, 1, 64]), Some((24, 64)));
        for shape in [&[1, 64, 2][..], &[4, 1, 64], &[28, 64], &[64]] {
            assert_eq!(matrix(shape), None, "{shape:?}");
        }
    }

    /// A direction is UVᵀ: its product with its own transpose is near the identity, whatever the size of the gradient,
    /// and it points where the gradient points.
    #[test]
    fn directions_are_orthogonal() {
        for (shape, size) in [((24, 64), 1e-6), ((64, 24), 1e6), ((32, 32), 1.0)] {
            let values = (0..shape.0 * shape.1).map(|i| ((i * i) as f32 * 0.37).sin() * size);
            let x = Tensor::from_iter(values, &Device::Cpu).unwrap();
            let x = x.reshape(shape).unwrap();
            let u = orthogonal(&x).unwrap();
            let wide = if shape.0 > shape.1 {
                u.t().unwrap()
            } else {
                u.clone()
            };
            let gram = wide
                .matmul(&wide.t().unwrap())
                .unwrap()
                .to_vec2::<f32>()
                .unwrap();
            for (i, row) in gram.iter().enumerate() {
                for (j, value) in row.iter().enumerate() {
                    let near = if i == j { 0.4..1.6 } else { -0.35..0.35 };
                    assert!(near.contains(value), "{i} {j}: {value}");
                }
            }
            let along = (x / f64::from(size))
                .unwrap()
                .mul(&u)
                .unwrap()
                .sum_all()
                .unwrap();
            assert!(along.to_scalar::<f32>().unwrap() > 0.0);
        }
    }

    #[test]
    fn what_has_no_gradient_stays() {
        let zero = Tensor::zeros((16, 20), DType::F32, &Device::Cpu).unwrap();
        let still = orthogonal(&zero).unwrap();
        assert_eq!(
            still
                .sqr()
                .unwrap()
                .sum_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap(),
            0.0
        );
    }
}
