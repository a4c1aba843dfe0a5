use ar_core::Result;
use candle_core::Tensor;

use crate::activation::sigmoid_of;
use crate::kernel::{sigmoid, tanh};

/// How a state follows from its input and from the states it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cell {
    /// Gates i, f, g, o; c = f∘c' + i∘g, h = o∘tanh(c) (Hochreiter, Schmidhuber 1997; Gers et al. 2000).
    Lstm,
    /// Gates r, z, n with n = tanh(x + r∘(U·h' + b)); h = (1 - z)∘n + z∘h' (Cho et al. 2014,
    /// arXiv:1406.1078, the reset gate after the product).
    Gru,
}

/// Features computed together. Rows are short: left to a loop of its own, what remains after whole
/// vectors would stay scalar and cost more than all the rest.
const LANES: usize = 16;

type Lanes = [f32; LANES];

/// Lanes from feature `at` on of `N` parts of `n` features each; zeros beyond the last.
#[inline(always)]
fn load<const N: usize>(x: &[f32], n: usize, at: usize) -> [Lanes; N] {
    // Not `array::from_fn`, which may stay a call without vectors.
    let mut all = [[0.0; LANES]; N];
    for (part, lanes) in all.iter_mut().enumerate() {
        let own = &x[part * n + at..(part + 1) * n];
        match own.first_chunk() {
            Some(own) => *lanes = *own,
            None => lanes[..own.len()].copy_from_slice(own),
        }
    }
    all
}

/// The reverse of [`load`].
#[inline(always)]
fn store<const N: usize>(lanes: &[Lanes; N], x: &mut [f32], n: usize, at: usize) {
    for (part, lanes) in lanes.iter().enumerate() {
        let own = &mut x[part * n + at..(part + 1) * n];
        match own.first_chunk_mut() {
            Some(own) => *own = *lanes,
            None => own.copy_from_slice(&lanes[..own.len()]),
        }
    }
}

/// What a cell's reverse reads, each slice the `n` features of one channel group, part by part.
pub(super) struct Read<'a> {
    /// Gates' share of the input: a GRU's.
    pub(super) x: &'a [f32],
    /// The state carried on.
    pub(super) before: &'a [f32],
    /// The state that came out.
    pub(super) out: &'a [f32],
    /// Its gradient.
    pub(super) grad: &'a [f32],
}

impl Cell {
    /// Parts of an input: the gates.
    pub(crate) fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
        }
    }

    /// Parts of a state: h, and what else is carried on.
    pub(crate) fn parts(self) -> usize {
        match self {
            Self::Lstm => 2,
            Self::Gru => 1,
        }
    }

    /// The state `out` of `n` features from the gates' shares of the input, `x`, and of the states
    /// read, `gates`, and from the state carried on. With `KEEPS` the gates themselves take the place of their
    /// shares; of a GRU's n gate the share stays. Call it inside a `pulp::WithSimd`.
    #[inline(always)]
    pub(super) fn forward<const KEEPS: bool>(
        self,
        n: usize,
        x: &[f32],
        gates: &mut [f32],
        before: &[f32],
        out: &mut [f32],
    ) {
        for at in (0..n).step_by(LANES) {
            match self {
                Self::Lstm => {
                    let [xi, xf, xg, xo] = load(x, n, at);
                    let [mut i, mut f, mut g, mut o] = load(gates, n, at);
                    let ([_, c0], [mut h, mut c]) = (load::<2>(before, n, at), [[0.0; LANES]; 2]);
                    for j in 0..LANES {
                        (i[j], f[j]) = (sigmoid(xi[j] + i[j]), sigmoid(xf[j] + f[j]));
                        (g[j], o[j]) = (tanh(xg[j] + g[j]), sigmoid(xo[j] + o[j]));
                        c[j] = f[j] * c0[j] + i[j] * g[j];
                        h[j] = o[j] * tanh(c[j]);
                    }
                    if KEEPS {
                        store(&[i, f, g, o], gates, n, at);
                    }
                    store(&[h, c], out, n, at);
                }
                Self::Gru => {
                    let [xr, xz, xn] = load(x, n, at);
                    let [mut r, mut z, sn] = load(gates, n, at);
                    let ([h0], mut h) = (load(before, n, at), [0.0; LANES]);
                    for j in 0..LANES {
                        (r[j], z[j]) = (sigmoid(xr[j] + r[j]), sigmoid(xz[j] + z[j]));
                        h[j] = (1.0 - z[j]) * tanh(xn[j] + r[j] * sn[j]) + z[j] * h0[j];
                    }
                    if KEEPS {
                        store(&[r, z, sn], gates, n, at);
                    }
                    store(&[h], out, n, at);
                }
            }
        }
    }

    /// The reverse of [`Cell::forward`], given the gates it left: the gradient of their shares takes
    /// their place; writes the gradient of x to `x_grad` and that of the state carried on to
    /// `before_grad`.
    #[inline(always)]
    pub(super) fn backward(
        self,
        n: usize,
        read: &Read<'_>,
        gates: &mut [f32],
        x_grad: &mut [f32],
        before_grad: &mut [f32],
    ) {
        for at in (0..n).step_by(LANES) {
            match self {
                Self::Lstm => {
                    let [mut i, mut f, mut g, mut o] = load(gates, n, at);
                    let [_, c0] = load::<2>(read.before, n, at);
                    let [_, c1] = load::<2>(read.out, n, at);
                    let ([dh, dc], mut dc0) = (load(read.grad, n, at), [0.0; LANES]);
                    for j in 0..LANES {
                        let t = tanh(c1[j]);
                        let d = dc[j] + dh[j] * o[j] * (1.0 - t * t);
                        dc0[j] = d * f[j];
                        (i[j], g[j]) = (
                            d * g[j] * i[j] * (1.0 - i[j]),
                            d * i[j] * (1.0 - g[j] * g[j]),
                        );
                        f[j] *= d * c0[j] * (1.0 - f[j]);
                        o[j] *= dh[j] * t * (1.0 - o[j]);
                    }
                    store(&[i, f, g, o], gates, n, at);
                    store(&[i, f, g, o], x_grad, n, at);
                    store(&[[0.0; LANES], dc0], before_grad, n, at);
                }
                Self::Gru => {
                    let [_, _, mut xn] = load(read.x, n, at);
                    let [mut r, mut z, mut sn] = load(gates, n, at);
                    let ([h0], [mut dh]) = (load(read.before, n, at), load(read.grad, n, at));
                    for j in 0..LANES {
                        let y = tanh(xn[j] + r[j] * sn[j]);
                        let d = dh[j] * (1.0 - z[j]) * (1.0 - y * y);
                        let dr = d * sn[j] * r[j] * (1.0 - r[j]);
                        let dz = dh[j] * (h0[j] - y) * z[j] * (1.0 - z[j]);
                        dh[j] *= z[j];
                        (sn[j], xn[j]) = (d * r[j], d);
                        (r[j], z[j]) = (dr, dz);
                    }
                    store(&[r, z, xn], x_grad, n, at);
                    store(&[r, z, sn], gates, n, at);
                    store(&[dh], before_grad, n, at);
                }
            }
        }
    }

    /// As tensor operations, all `(.., parts · h)` with the parts of all channel groups together;
    /// the parts of the state carried on and of the result come one by one.
    pub(super) fn composite(
        self,
        x: &Tensor,
        sums: &Tensor,
        before: &[Tensor],
    ) -> Result<Vec<Tensor>> {
        let (last, h) = (x.rank() - 1, x.dims()[x.rank() - 1] / self.gates());
        let part = |t: &Tensor, i: usize| t.narrow(last, i * h, h);
        let sigmoid = |t: Tensor| sigmoid_of(&t);
        Ok(match self {
            Self::Lstm => {
                let gates = (x + sums)?;
                let [i, f, o] = [0, 1, 3].map(|at| part(&gates, at).and_then(sigmoid));
                let c = ((f? * &before[1])? + (i? * part(&gates, 2)?.tanh()?)?)?;
                vec![(o? * c.tanh()?)?, c]
            }
            Self::Gru => {
                let [r, z] = [0, 1].map(|at| sigmoid((part(x, at)? + part(sums, at)?)?));
                let (n, z) = ((part(x, 2)? + (r? * part(sums, 2)?)?)?.tanh()?, z?);
                // (1 - z)∘n + z∘h' = n + z∘(h' - n)
                vec![(&n + (z * (&before[0] - &n)?)?)?]
            }
        })
    }
}
