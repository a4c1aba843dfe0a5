//! Parameters by name: drawn from a seed, or taken from what was saved.

use std::collections::BTreeMap;
use std::f64::consts::SQRT_2;
use std::sync::{Arc, Mutex};

use ar_core::elementary::{exp_f64, ln_f64, sin_cos_of_turns};
use ar_core::random::stream;
use ar_core::{Domain, Weights};
use candle_core::{DType, Device, Error, Result, Shape, Tensor, Var};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use rand::Rng;
use rand_distr::StandardNormal;

use crate::lock;

/// A normal distribution around zero.
pub(crate) fn normal(stdev: f64) -> Init {
    Init::Randn { mean: 0.0, stdev }
}

/// Values of parameters by name, row-major.
pub type Values = BTreeMap<String, Vec<f32>>;

/// Creates parameters as variables, each drawn from `(seed, its name)`: the same whatever else the
/// model has and in whatever order it asks.
#[derive(Debug, Clone)]
pub struct Initializer {
    seed: u64,
    given: Arc<Values>,
    vars: Arc<Mutex<BTreeMap<String, Var>>>,
}

impl Initializer {
    /// Nothing created yet.
    pub fn new(seed: u64) -> Self {
        Self::starting_from(seed, Values::new())
    }

    /// The parameters in `given` begin with those values and not with what is drawn.
    pub fn starting_from(seed: u64, given: Values) -> Self {
        Self {
            seed,
            given: Arc::new(given),
            vars: Arc::default(),
        }
    }

    /// A builder that creates what it is asked for.
    pub fn builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// All parameters created so far, by name.
    pub fn into_vars(self) -> BTreeMap<String, Var> {
        lock(&self.vars).clone()
    }

    /// A name for which values were given and that nobody has asked for.
    pub fn unused(&self) -> Option<&str> {
        let vars = lock(&self.vars);
        let mut names = self.given.keys().map(String::as_str);
        names.find(|name| !vars.contains_key(*name))
    }

    fn draw(&self, shape: &Shape, name: &str, init: Init) -> Result<Vec<f32>> {
        let n = shape.elem_count();
        if let Some(values) = self.given.get(name) {
            let got = values.len();
            if got == n {
                return Ok(values.clone());
            }
            let problem = format!("{name}: {got} values to begin with, {shape:?} needs {n}");
            return Err(Error::Msg(problem));
        }
        let mut rng = stream(self.seed, &format!("init {name}"), &[]);
        match init {
            Init::Const(v) => Ok(vec![v as f32; n]),
            Init::Uniform { lo, up } => Ok((0..n)
                .map(|_| (lo + rng.random::<f64>() * (up - lo)) as f32)
                .collect()),
            Init::Randn { mean, stdev } => Ok((0..n)
                .map(|_| (mean + stdev * rng.sample::<f64, _>(StandardNormal)) as f32)
                .collect()),
            Init::Kaiming { .. } => Err(Error::Msg(format!(
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
        let mut vars = lock(&self.vars);
        if let Some(var) = vars.get(name) {
            return same_shape(name, var.as_tensor(), &shape);
        }
        let values = Tensor::from_vec(self.draw(&shape, name, init)?, shape, device)?;
        let var = Var::from_tensor(&values.to_dtype(dtype)?)?;
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

/// Takes down what a network asks for and draws nothing: how to learn the shapes of its parameters.
#[derive(Debug, Clone, Default)]
pub struct Shapes(Arc<Mutex<BTreeMap<String, Vec<usize>>>>);

impl Shapes {
    /// A builder whose tensors are all the same zero.
    pub fn builder(&self) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), DType::F32, Device::Cpu)
    }

    /// Of every parameter asked for so far, by name.
    pub fn into_map(self) -> BTreeMap<String, Vec<usize>> {
        lock(&self.0).clone()
    }
}

impl SimpleBackend for Shapes {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        _: Init,
        dtype: DType,
        device: &Device,
    ) -> Result<Tensor> {
        lock(&self.0).insert(name.to_owned(), shape.dims().to_vec());
        Tensor::zeros((), dtype, device)?.broadcast_as(shape)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        Err(missing(name))
    }

    fn contains_tensor(&self, _: &str) -> bool {
        true
    }
}

/// A vector for each sub-pixel of `domain`, `(H·W·C, features)`, that tells where it is: sines and
/// cosines of its row, column and channel, so that a step in any direction is the same rotation
/// everywhere (Vaswani et al. 2017, arXiv:1706.03762, section 3.5, for one axis).
///
/// Pairs of features, of mean square 1, go to the axes in turn; an axis of one value gets none, and an
/// odd feature at the end is zero. Periods run from 4 to four times the size of the axis, in equal
/// ratios.
pub fn sinusoids(domain: &Domain, features: usize) -> Vec<f32> {
    let longest = [domain.height, domain.width, domain.channels];
    waves(domain, features, longest)
}

/// As [`sinusoids`], but with the same waves for images of every size: their periods run to 256 rows or
/// columns.
pub fn coordinates(domain: &Domain, features: usize) -> Vec<f32> {
    waves(domain, features, [64, 64, domain.channels])
}

/// With periods from 4 to four times `longest`, along rows, columns and channels.
fn waves(domain: &Domain, features: usize, longest: [usize; 3]) -> Vec<f32> {
    let (width, channels) = (domain.width, domain.channels);
    let sizes = [domain.height, width, channels];
    let axes = sizes.into_iter().zip([width * channels, channels, 1]);
    let axes: Vec<_> = axes.zip(longest).filter(|axis| axis.1 > 1).collect();
    let mut table = vec![0.0; domain.dims() * features];
    let pairs = features / 2;
    for (a, &((size, stride), longest)) in axes.iter().enumerate() {
        let own = (a..pairs).step_by(axes.len());
        let steps = own.len().saturating_sub(1).max(1) as f64;
        for (i, pair) in own.enumerate() {
            let period = 4.0 * exp_f64(ln_f64(longest as f64) * (i as f64 / steps));
            for (site, row) in table.chunks_exact_mut(features).enumerate() {
                let (sin, cos) = sin_cos_of_turns((site / stride % size) as f64 / period);
                row[2 * pair] = (SQRT_2 * sin) as f32;
                row[2 * pair + 1] = (SQRT_2 * cos) as f32;
            }
        }
    }
    table
}

/// Hands out tensors that exist already, shared and unconverted, and refuses other shapes.
#[derive(Debug)]
struct Existing(Weights);

/// A builder over `weights`, keeping their storage (so that an optimiser's updates are seen), type and
/// device.
pub fn existing(weights: &Weights) -> VarBuilder<'static> {
    let (dtype, device) = (weights.dtype(), weights.device());
    VarBuilder::from_backend(Box::new(Existing(weights.clone())), dtype, device)
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
        self.0.get(name).is_some()
    }
}

fn missing(name: &str) -> Error {
    Error::Msg(format!("parameter {name} is missing"))
}

fn same_shape(name: &str, tensor: &Tensor, shape: &Shape) -> Result<Tensor> {
    if tensor.shape() == shape {
        return Ok(tensor.clone());
    }
    let (expected, got) = (shape.dims(), tensor.dims());
    let problem = format!("parameter {name}: expected shape {expected:?}, got {got:?}");
    Err(Error::Msg(problem))
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
                vb.get_with_hints((2, 3), n, normal(1.0)).unwrap();
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
    fn what_is_given_is_not_drawn_and_has_to_fit() {
        let given = BTreeMap::from([("a".to_owned(), vec![1.0, 2.0])]);
        let vb = Initializer::starting_from(0, given).builder(DType::F32, &Device::Cpu);
        let a = vb.get(2, "a").unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(a, [1.0, 2.0]);
        let vb = vb.pp("b");
        assert!(vb.get(2, "a").is_ok(), "another parameter");
        let given = BTreeMap::from([("a".to_owned(), vec![1.0; 3])]);
        let vb = Initializer::starting_from(0, given).builder(DType::F32, &Device::Cpu);
        let error = vb.get(2, "a").unwrap_err().to_string();
        assert!(error.contains("a: 3 values"), "{error}");
        let given = BTreeMap::from([("a".to_owned(), vec![1.0])]);
        let init = Initializer::starting_from(0, given);
        assert_eq!(init.unused(), Some("a"));
        init.builder(DType::F32, &Device::Cpu).get(1, "a").unwrap();
        assert_eq!(init.unused(), None);
    }

    /// What attention needs of positions: products that depend on the offset alone, largest at zero.
    #[test]
    fn sinusoids_tell_offsets() {
        let domain = Domain::new(6, 5, 3, 2).unwrap();
        let table = sinusoids(&domain, 26);
        let row = |h: usize, w: usize, c: usize| &table[((h * 5 + w) * 3 + c) * 26..][..26];
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let near = |a: f32, b: f32| (a - b).abs() < 1e-4;
        assert!(near(dot(row(0, 0, 0), row(0, 0, 0)), 26.0));
        let offset = |h, w, c| dot(row(h, w, c), row(h + 1, w + 2, c + 1));
        assert!(near(offset(0, 0, 0), offset(4, 2, 1)));
        assert!(offset(0, 0, 0) < 25.0);
        // One pair more than axes, an odd feature, an axis of one value: nothing is out of place.
        for (features, c) in [(1, 1), (3, 3), (8, 1)] {
            let domain = Domain::new(1, 4, c, 2).unwrap();
            assert!(sinusoids(&domain, features).iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn another_shape_or_a_missing_name_is_an_error() {
        let weights = Weights::from_iter([(
            "w".to_owned(),
            Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap(),
        )]);
        let vb = existing(&weights);
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
