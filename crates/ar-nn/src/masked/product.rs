use candle_core::{Result, Tensor};

/// Rows in one product where the kernel's order of summation depends on their number.
const BLOCK: usize = 64;

/// `x (B, k) · w (k, n)`, on a CPU with bits of a row that do not depend on its neighbours.
///
/// The general product takes another kernel for a single row, and splits long sums by the sizes of
/// the result as long as it has at most 64 columns. A row is therefore never alone, and narrow
/// results are computed in blocks.
pub(super) fn product(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (rows, columns) = (x.dim(0)?, w.dim(1)?);
    if !x.device().is_cpu() {
        return x.matmul(w);
    }
    if rows == 1 {
        return Tensor::cat(&[x, x], 0)?.matmul(w)?.narrow(0, 0, 1);
    }
    if columns > BLOCK || rows <= BLOCK {
        return x.matmul(w);
    }
    let parts = (0..rows).step_by(BLOCK).map(|first| {
        let some = x.narrow(0, first, BLOCK.min(rows - first))?;
        product(&some, w)
    });
    Tensor::cat(&parts.collect::<Result<Vec<_>>>()?, 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ar_core::random::stream;
    use candle_core::Device;
    use rand::Rng;

    #[test]
    fn a_row_does_not_know_its_neighbours() {
        let mut rng = stream(1, "test", &[]);
        let mut random = |shape: (usize, usize)| {
            let all: Vec<f32> = (0..shape.0 * shape.1)
                .map(|_| rng.random_range(-1.0..1.0))
                .collect();
            Tensor::from_vec(all, shape, &Device::Cpu).unwrap()
        };
        for (k, n) in [
            (3, 1),
            (700, 1),
            (1, 5),
            (2, 70),
            (90, 33),
            (1500, 30),
            (1500, 64),
            (1100, 65),
            (784, 200),
        ] {
            let (x, w) = (random((150, k)), random((k, n)));
            let all = product(&x, &w).unwrap().to_vec2::<f32>().unwrap();
            for rows in [1, 2, 3, 16, 17, 63, 64, 65, 129] {
                for first in [0, 150 - rows] {
                    let some = product(&x.narrow(0, first, rows).unwrap(), &w).unwrap();
                    assert_eq!(
                        some.to_vec2::<f32>().unwrap(),
                        all[first..first + rows],
                        "{rows} rows from {first}, {k} by {n}"
                    );
                }
            }
        }
    }
}
