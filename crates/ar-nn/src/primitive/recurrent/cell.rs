use ar_core::Result;
use candle_core::Tensor;

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

/// `N` parts of `n` elements each.
#[inline(always)]
fn parts<const N: usize>(x: &[f32], n: usize) -> [&[f32]; N] {
    std::array::from_fn(|i| &x[i * n..][..n])
}

#[inline(always)]
fn parts_mut<const N: usize>(x: &mut [f32], n: usize) -> [&mut [f32]; N] {
    let mut parts = x[..N * n].chunks_exact_mut(n.max(1));
    std::array::from_fn(|_| parts.next().map_or(&mut [][..], |p| &mut p[..n]))
}

/// What a cell's reverse reads, each slice the `n` features of one channel group, part by part.
pub(super) struct Read<'a> {
    /// Gates' share of the input.
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
    /// read, `sums`, and from the state carried on. Call it inside a `pulp::WithSimd`.
    #[inline(always)]
    pub(super) fn forward(
        self,
        n: usize,
        x: &[f32],
        sums: &[f32],
        before: &[f32],
        out: &mut [f32],
    ) {
        match self {
            Self::Lstm => {
                let ([xi, xf, xg, xo], [si, sf, sg, so]) = (parts(x, n), parts(sums, n));
                let ([_, c0], [h, c]) = (parts::<2>(before, n), parts_mut(out, n));
                for (j, (h, c)) in h.iter_mut().zip(c).enumerate() {
                    let (i, f) = (sigmoid(xi[j] + si[j]), sigmoid(xf[j] + sf[j]));
                    *c = f * c0[j] + i * tanh(xg[j] + sg[j]);
                    *h = sigmoid(xo[j] + so[j]) * tanh(*c);
                }
            }
            Self::Gru => {
                let ([xr, xz, xn], [sr, sz, sn]) = (parts(x, n), parts(sums, n));
                let [h0] = parts(before, n);
                for (j, h) in out[..n].iter_mut().enumerate() {
                    let (r, z) = (sigmoid(xr[j] + sr[j]), sigmoid(xz[j] + sz[j]));
                    *h = (1.0 - z) * tanh(xn[j] + r * sn[j]) + z * h0[j];
                }
            }
        }
    }

    /// The reverse of [`Cell::forward`]: writes the gradient of x to `x_grad`, that of the state
    /// carried on to `before_grad`, and puts that of the sums in their place.
    #[inline(always)]
    pub(super) fn backward(
        self,
        n: usize,
        at: &Read<'_>,
        sums: &mut [f32],
        x_grad: &mut [f32],
        before_grad: &mut [f32],
    ) {
        match self {
            Self::Lstm => {
                let [xi, xf, xg, xo] = parts(at.x, n);
                let ([_, c0], [_, c1]) = (parts::<2>(at.before, n), parts::<2>(at.out, n));
                let [dh, dc] = parts(at.grad, n);
                let [si, sf, sg, so] = parts_mut(sums, n);
                let [dh0, dc0] = parts_mut(before_grad, n);
                dh0.fill(0.0);
                for (j, dc0) in dc0.iter_mut().enumerate() {
                    let (i, f) = (sigmoid(xi[j] + si[j]), sigmoid(xf[j] + sf[j]));
                    let (g, o) = (tanh(xg[j] + sg[j]), sigmoid(xo[j] + so[j]));
                    let t = tanh(c1[j]);
                    let d = dc[j] + dh[j] * o * (1.0 - t * t);
                    si[j] = d * g * i * (1.0 - i);
                    sf[j] = d * c0[j] * f * (1.0 - f);
                    sg[j] = d * i * (1.0 - g * g);
                    so[j] = dh[j] * t * o * (1.0 - o);
                    *dc0 = d * f;
                }
                x_grad.copy_from_slice(sums);
            }
            Self::Gru => {
                let [xr, xz, xn] = parts(at.x, n);
                let ([h0], [dh]) = (parts(at.before, n), parts(at.grad, n));
                let [sr, sz, sn] = parts_mut(sums, n);
                let [dxr, dxz, dxn] = parts_mut(x_grad, n);
                for (j, dh0) in before_grad[..n].iter_mut().enumerate() {
                    let (r, z) = (sigmoid(xr[j] + sr[j]), sigmoid(xz[j] + sz[j]));
                    let y = tanh(xn[j] + r * sn[j]);
                    let d = dh[j] * (1.0 - z) * (1.0 - y * y);
                    dxr[j] = d * sn[j] * r * (1.0 - r);
                    dxz[j] = dh[j] * (h0[j] - y) * z * (1.0 - z);
                    dxn[j] = d;
                    (sr[j], sz[j], sn[j]) = (dxr[j], dxz[j], d * r);
                    *dh0 = dh[j] * z;
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
        let sigmoid = |t: Tensor| (t.neg()?.exp()? + 1.0)?.recip();
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
