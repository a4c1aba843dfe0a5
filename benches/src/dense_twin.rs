use std::collections::BTreeMap;

use ar_core::{Domain, Kernel, Likelihood, MaskType, Result, Taps};
use candle_core::{Device, Tensor, Var};

use crate::Layer;

/// [`Layer::Convolution`] the usual way: candle's dense `conv2d` with a masked weight, between an
/// embedding and a softmax made of tensor operations.
#[derive(Debug, Clone)]
pub struct DenseTwin {
    domain: Domain,
    size: usize,
    /// `(K, c_in)`.
    table: Tensor,
    /// `(c_out, c_in, size, size)`, dead entries included.
    weight: Tensor,
    /// `(1, 1, size, size)`, one where a tap is live.
    mask: Tensor,
    /// `(c_out)`.
    bias: Tensor,
}

impl DenseTwin {
    /// The twin of the `size x size` convolution with parameters `vars`. Its weight is a new
    /// variable: live entries as there, the others zero.
    ///
    /// # Errors
    /// `Error::Tensor` when a shape in `vars` is not that of the layer.
    pub fn new(size: usize, vars: &BTreeMap<String, Var>) -> Result<Self> {
        let layer = Layer::Convolution { size };
        let missing = |name: &str| ar_core::Error::config(name, "is missing");
        let get = |name: &str| {
            vars.get(name)
                .map(Var::as_tensor)
                .ok_or_else(|| missing(name))
        };
        let live = get("conv.weight")?;
        let (count, c_in, c_out) = live.dims3()?;
        let live = live.flatten_all()?.to_vec1::<f32>()?;
        let taps = Taps::new(&layer.order(), Kernel::square(size), MaskType::A);

        let (mut weight, mut mask) = (
            vec![0f32; c_out * c_in * size * size],
            vec![0f32; size * size],
        );
        let half = (size / 2) as isize;
        for (tap, &(dy, dx)) in taps.offsets().iter().enumerate().take(count) {
            let at = (dy + half) as usize * size + (dx + half) as usize;
            mask[at] = 1.0;
            for i in 0..c_in {
                for o in 0..c_out {
                    weight[(o * c_in + i) * size * size + at] = live[(tap * c_in + i) * c_out + o];
                }
            }
        }
        let weight = Tensor::from_vec(weight, (c_out, c_in, size, size), &Device::Cpu)?;
        Ok(Self {
            domain: layer.domain(),
            size,
            table: get("embed.weight")?.squeeze(0)?,
            weight: Var::from_tensor(&weight)?.into_inner(),
            mask: Tensor::from_vec(mask, (1, 1, size, size), &Device::Cpu)?,
            bias: get("conv.bias")?.clone(),
        })
    }

    /// The same, recording no graph.
    pub fn frozen(&self) -> Self {
        Self {
            table: self.table.detach(),
            weight: self.weight.detach(),
            bias: self.bias.detach(),
            ..self.clone()
        }
    }

    /// As `Model::conditionals`: `(B, 1, H, W)` levels to `(B, 1, H, W, K)` logits.
    ///
    /// # Errors
    /// `Error::Input` when `levels` is not of the layer's domain.
    pub fn conditionals(&self, levels: &Tensor) -> Result<Tensor> {
        let Domain { height, width, .. } = self.domain;
        let batch = self.domain.batch_of(levels)?;
        let x = self.table.index_select(&levels.flatten_all()?, 0)?;
        let x = x
            .reshape((batch, height, width, ()))?
            .permute((0, 3, 1, 2))?; // (B, c_in, H, W)
        let weight = self.weight.broadcast_mul(&self.mask)?;
        let y = x.contiguous()?.conv2d(&weight, self.size / 2, 1, 1, 1)?; // (B, c_out, H, W)
        let y = y.permute((0, 2, 3, 1))?.broadcast_add(&self.bias)?; // (B, H, W, c_out)
        Ok(y.unsqueeze(1)?.contiguous()?)
    }

    /// Mean nats per image.
    ///
    /// # Errors
    /// As [`DenseTwin::conditionals`].
    pub fn loss(&self, levels: &Tensor) -> Result<Tensor> {
        let nll = Likelihood::for_domain(&self.domain)
            .nll(&self.conditionals(levels)?, &levels.unsqueeze(4)?)?;
        Ok(nll.flatten_from(1)?.sum(1)?.mean(0)?)
    }
}

#[cfg(test)]
mod tests {
    use ar_core::{Distribution as _, Model as _};
    use ar_nn::Route;

    use super::*;
    use crate::levels;

    fn flat(x: &Tensor) -> Vec<f32> {
        x.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn close(a: &Tensor, b: &Tensor) {
        let (a, b) = (flat(a), flat(b));
        assert_eq!(a.len(), b.len());
        let far = a
            .iter()
            .zip(&b)
            .find(|(a, b)| (*a - *b).abs() > 1e-3 * (1.0 + b.abs()));
        assert_eq!(far, None);
    }

    #[test]
    fn twins_compute_the_same_and_learn_the_same() {
        let layer = Layer::Convolution { size: 3 };
        let vars = layer.parameters().unwrap();
        let x = levels(&layer.domain(), 2).unwrap();
        let twin = DenseTwin::new(3, &vars).unwrap();
        let twin_gradients = twin.loss(&x).unwrap().backward().unwrap();
        for route in [Route::Fused, Route::Composite] {
            let ours = layer.trainable(&vars, route).unwrap();
            let frozen = layer.frozen(&vars, route).unwrap();
            close(
                &frozen.conditionals(&x, None).unwrap(),
                &twin.frozen().conditionals(&x).unwrap(),
            );
            let loss = ours.nll(&x, None).unwrap().mean(0).unwrap();
            close(
                &loss.to_dtype(candle_core::DType::F32).unwrap(),
                &twin.loss(&x).unwrap(),
            );
            let gradients = loss.backward().unwrap();
            for name in ["embed.weight", "conv.bias"] {
                let of = |store: &candle_core::backprop::GradStore| {
                    store.get(&vars[name]).unwrap().clone()
                };
                close(&of(&gradients), &of(&twin_gradients));
            }
            // (taps, c_in, c_out) beside the first four of the nine places of (c_out, c_in, 3, 3).
            let dense = twin_gradients.get(&twin.weight).unwrap();
            let dense = dense.flatten_from(2).unwrap().permute((2, 1, 0)).unwrap();
            let ours = gradients.get(&vars["conv.weight"]).unwrap();
            close(ours, &dense.narrow(0, 0, 4).unwrap());
            assert!(
                flat(&dense.narrow(0, 4, 5).unwrap())
                    .iter()
                    .all(|g| *g == 0.0)
            );
        }
    }
}
