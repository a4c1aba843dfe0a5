use gemm::{Parallelism, gemm};

/// `out = a·b`, or `out += a·b` with `accumulate`; row-major `a (m, k)`, `b (k, n)`, `out (m, n)`.
pub(crate) fn product(
    [m, k, n]: [usize; 3],
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    accumulate: bool,
) {
    run([m, k, n], a, [k, 1], b, [n, 1], out, accumulate);
}

/// `out (+)= a·bᵀ` with `a (m, k)`, `b (n, k)`.
pub(crate) fn product_nt(
    [m, k, n]: [usize; 3],
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    accumulate: bool,
) {
    run([m, k, n], a, [k, 1], b, [1, k], out, accumulate);
}

/// `out (+)= aᵀ·b` with `a (k, m)`, `b (k, n)`.
pub(crate) fn product_tn(
    [m, k, n]: [usize; 3],
    a: &[f32],
    b: &[f32],
    out: &mut [f32],
    accumulate: bool,
) {
    run([m, k, n], a, [1, m], b, [n, 1], out, accumulate);
}

/// Strides are (row, column) in elements.
#[expect(
    unsafe_code,
    reason = "gemm takes raw pointers; the lengths are checked here"
)]
fn run(
    [m, k, n]: [usize; 3],
    a: &[f32],
    [a_row, a_column]: [usize; 2],
    b: &[f32],
    [b_row, b_column]: [usize; 2],
    out: &mut [f32],
    accumulate: bool,
) {
    assert!(
        a.len() >= m * k && b.len() >= k * n && out.len() >= m * n,
        "a matrix is smaller than its sizes"
    );
    // SAFETY: each operand has at least rows·columns elements and its strides address exactly the
    // dense row-major or transposed matrix of those sizes; `out` is borrowed mutably, so nothing aliases it.
    unsafe {
        gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.as_ptr(),
            a_column as isize,
            a_row as isize,
            b.as_ptr(),
            b_column as isize,
            b_row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_agree() {
        let (a, b) = ([1., 2., 3., 4., 5., 6.], [1., 0., 2., -1., 1., 1.]); // (2, 3) and (3, 2)
        let (at, bt) = ([1., 4., 2., 5., 3., 6.], [1., 2., 1., 0., -1., 1.]);
        let mut out = [[1f32; 4]; 3];
        product([2, 3, 2], &a, &b, &mut out[0], false);
        product_nt([2, 3, 2], &a, &bt, &mut out[1], false);
        product_tn([2, 3, 2], &at, &b, &mut out[2], true);
        assert_eq!(out[0], [8., 1., 20., 1.]);
        assert_eq!(out[1], out[0]);
        assert_eq!(out[2], out[0].map(|v| v + 1.0));
    }
}
