use ar_core::Result;
use candle_core::Tensor;

/// `x (B, n, k) · w (k, c)`. With one column a library sums in portions that depend on how many rows
/// there are, and an image's bits would on its batch.
pub(crate) fn rows_product(x: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (b, n, k) = x.dims3()?;
    match w.dim(1)? {
        1 => Ok(x.broadcast_mul(&w.t()?)?.sum_keepdim(2)?),
        c => Ok(x.reshape((b * n, k))?.matmul(w)?.reshape((b, n, c))?),
    }
}
