//! Parameters by name: drawn from a seed, or taken from what was saved.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use ar_core::random::stream;
use candle_core::{DType, Device, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand::Rng;
use rand_distr::StandardNormal;

/// Creates parameters as variables, each drawn from `(seed, its name)`: the same whatever else the
/// model has and in whatever order it asks.
#[derive(Debug, Clone)]
pub struct Initializer {
    seed: u64,
    vars: Arc<Mutex<BTreeMap<String, Var>>>,
}

impl Initializer {
    /// Nothing created yet.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            vars: Arc::default(),
        }
    }

    /// A builder that creates what it is asked for.
    pub fn builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// All parameters created so far, by name.
    pub fn into_vars(self) -> BTreeMap<String, Var> {
        self.vars
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn draw(&self, shape: &Shape, name: &str, init: Init) -> Result<Vec<f32>> {
        let mut rng = stream(self.seed, &format!("init {name}"), &[]);
        let n = shape.elem_count();
        match init {
            Init::Const(v) => Ok(vec![v as f32; n]),
            Init::Uniform { lo, up } => Ok((0..n)
                .map(|_| (lo + rng.random::<f64>() * (up - lo)) as f32)
                .collect()),
            Init::Randn { mean, stdev } => Ok((0..n)
                .map(|_| (mean + stdev * rng.sample::<f64, _>(StandardNormal)) as f32)
                .collect()),
            Init::Kaiming { .. } => Err(candle_core::Error::Msg(format!(
                "{name}: give the scale of the initialisation explicitly"
            ))),
        }
    }
}

impl SimpleBackend for Initializer {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        let mut vars = self.vars.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(var) = vars.get(name) {
            return same_shape(name, var.as_tensor(), &shape);
        }
        let values =
            Tensor::from_vec(self.draw(&shape, name, init)?, shape, device)?.to_dtype(dtype)?;
        let var = Var::from_tensor(&values)?;
        vars.insert(name.to_owned(), var.clone());
        Ok(var.as_tensor().clone())
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(missing(name))
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// Hands out tensors that exist already, shared and unconverted, and refuses other shapes.
#[derive(Debug)]
struct Existing(BTreeMap<String, Tensor>);

/// A builder over `tensors`, keeping their storage (so that an optimiser's updates are seen) and
/// their type.
pub fn existing(
    tensors: &BTreeMap<String, Tensor>,
    dtype: DType,
    device: &Device,
) -> VarBuilder<'static> {
    VarBuilder::from_backend(Box::new(Existing(tensors.clone())), dtype, device.clone())
}

impl SimpleBackend for Existing {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        same_shape(name, &self.get_unchecked(name, dtype, device)?, &shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        self.0.get(name).cloned().ok_or_else(|| missing(name))
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

fn missing(name: &str) -> candle_core::Error {
    candle_core::Error::Msg(format!("parameter {name} is missing"))
}

fn same_shape(name: &str, tensor: &Tensor, shape: &Shape) -> Result<Tensor> {
    if tensor.shape() == shape {
        return Ok(tensor.clone());
    }
    let (expected, got) = (shape.dims(), tensor.dims());
    Err(candle_core::Error::Msg(format!(
        "parameter {name}: expected shape {expected:?}, got {got:?}"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_depends_on_its_name_and_seed_alone() {
        let draw = |seed, names: &[&str]| {
            let init = Initializer::new(seed);
            let vb = init.builder(DType::F32, &Device::Cpu);
            for n in names {
                vb.get_with_hints(
                    (2, 3),
                    n,
                    Init::Randn {
                        mean: 0.,
                        stdev: 1.,
                    },
                )
                .unwrap();
            }
            init.into_vars()["a"]
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        };
        assert_eq!(draw(1, &["a", "b"]), draw(1, &["b", "a"]));
        assert_ne!(draw(1, &["a"]), draw(2, &["a"]));
    }

    #[test]
    fn another_shape_or_a_missing_name_is_an_error() {
        let tensors = BTreeMap::from([(
            "w".to_owned(),
            Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap(),
        )]);
        let vb = existing(&tensors, DType::F32, &Device::Cpu);
        assert!(vb.get(3, "w").is_ok());
        assert!(
            vb.get(4, "w")
                .unwrap_err()
                .to_string()
                .contains("expected shape [4], got [3]")
        );
        assert!(
            vb.get(4, "v")
                .unwrap_err()
                .to_string()
                .contains("parameter v is missing")
        );
    }
}
