use pulp::Arch;

/// `out += x`.
pub(crate) fn add_assign(out: &mut [f32], x: &[f32]) {
    Arch::new().dispatch(|| out.iter_mut().zip(x).for_each(|(o, x)| *o += x));
}

/// `out *= by`.
pub(crate) fn scale(out: &mut [f32], by: f32) {
    Arch::new().dispatch(|| out.iter_mut().for_each(|o| *o *= by));
}

/// Adds `bias` to every row of `out`.
pub(crate) fn add_bias(out: &mut [f32], bias: &[f32]) {
    Arch::new().dispatch(|| {
        for row in out.chunks_exact_mut(bias.len()) {
            row.iter_mut().zip(bias).for_each(|(o, b)| *o += b);
        }
    });
}

/// Adds the sum of the rows of `x` to `out`.
pub(crate) fn add_column_sums(out: &mut [f32], x: &[f32]) {
    Arch::new().dispatch(|| {
        for row in x.chunks_exact(out.len()) {
            out.iter_mut().zip(row).for_each(|(o, x)| *o += x);
        }
    });
}
