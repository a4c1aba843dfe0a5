use std::collections::HashMap;
use std::fmt::Debug;
use std::ops::Range;
use std::sync::Arc;

use candle_core::backprop::GradStore;
use candle_core::{DType, Device, Tensor, TensorId};

use crate::{Conditioning, Dependence, Domain, Error, Likelihood, Order, Result};

/// A distribution over images that can be trained and scored: a [`Model`], or a
/// [`Mixture`](crate::Mixture) of several.
///
/// `condition` is what [`Conditioning`] says, for every image of the batch.
pub trait Distribution: Debug + Send + Sync {
    /// What it is a distribution over.
    fn domain(&self) -> Domain;

    /// What it is conditioned on.
    fn conditioning(&self) -> Conditioning {
        Conditioning::None
    }

    /// Where the parameters live.
    fn device(&self) -> &Device;

    /// The models of which this is an equal mixture: itself alone, when it is one.
    fn members(&self) -> Vec<&dyn Model>;

    /// The same weights in one order: a member's, or any where they are trained to take any.
    fn in_order(&self, _: &Order) -> Option<Result<Arc<dyn Model>>> {
        None
    }

    /// Negative log-likelihood of each image in nats, `(B,)`, summed in f64 where the device has it:
    /// differentiable, for those who compose. `levels` is `(B, C, H, W)`, `u32`.
    ///
    /// # Errors
    /// [`Error::Input`] when `levels` is not of the domain, or `condition` not what is needed.
    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor>;

    /// What training asks for: the mean negative log-likelihood of the batch in nats per image, and
    /// its gradient with respect to every parameter. What varies in training (masks that take turns,
    /// dropout) follows from `pass`, so that a resumed run sees what it would have seen.
    ///
    /// # Errors
    /// As [`Distribution::nll`].
    fn loss_and_gradient(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        pass: &Pass,
    ) -> Result<(f64, Gradients)> {
        pass.scores_all()?;
        Gradients::of_loss(&self.nll(levels, condition)?.mean(0)?)
    }

    /// What the numbers that describe conditionals begin with: a bias for each (channel, parameter)
    /// of the output, `(C · P,)`, that can be set to the frequencies of the levels. None where it has
    /// a beginning of its own.
    fn output_bias(&self) -> Option<&Tensor> {
        None
    }
}

/// Which pass of training this is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pass {
    /// The run's.
    pub seed: u64,
    /// The step, counted from 0.
    pub step: u64,
    /// Whether what is only for training, such as dropout, takes part.
    pub training: bool,
    /// Of each image, the positions `row * width + column` whose likelihood is the loss; without it, of all.
    /// The others are what these are given, or padding.
    pub scored: Option<Arc<[Range<usize>]>>,
}

impl Pass {
    /// The positions of each of `batch` images that the loss is of, checked; none for all.
    ///
    /// # Errors
    /// [`Error::Input`] when there is not one range within the image for each.
    pub fn parts(&self, domain: &Domain, batch: usize) -> Result<Option<&[Range<usize>]>> {
        let Some(scored) = self.scored.as_deref() else {
            return Ok(None);
        };
        let n = domain.positions();
        if scored.len() == batch && scored.iter().all(|r| r.start <= r.end && r.end <= n) {
            return Ok(Some(scored));
        }
        Err(Error::Input {
            what: "positions of the loss",
            expected: format!("{batch} ranges within 0..{n}"),
            got: format!("{scored:?}"),
        })
    }

    /// For a model whose loss is that of whole images.
    ///
    /// # Errors
    /// [`Error::Input`] when it is to be that of parts.
    pub fn scores_all(&self) -> Result<()> {
        match self.scored {
            None => Ok(()),
            Some(_) => Err(Error::Input {
                what: "positions of the loss",
                expected: "all of them, for this model".to_owned(),
                got: "parts of images".to_owned(),
            }),
        }
    }
}

/// A gradient for every parameter of a model.
#[derive(Debug)]
pub struct Gradients(Found);

#[derive(Debug)]
enum Found {
    Recorded(GradStore),
    Computed(HashMap<TensorId, Tensor>),
}

impl Gradients {
    /// The value of a scalar loss, and its gradient by the tensor library's backward pass.
    ///
    /// # Errors
    /// A tensor error.
    pub fn of_loss(loss: &Tensor) -> Result<(f64, Self)> {
        let value = loss.to_dtype(DType::F64)?.to_scalar::<f64>()?;
        Ok((value, Self(Found::Recorded(loss.backward()?))))
    }

    /// Gradients that were computed otherwise, each with its parameter.
    pub fn computed(gradients: impl IntoIterator<Item = (TensorId, Tensor)>) -> Self {
        Self(Found::Computed(gradients.into_iter().collect()))
    }

    /// Adds the gradient of a parameter that has none yet.
    pub fn put(&mut self, parameter: &Tensor, gradient: Tensor) {
        match &mut self.0 {
            Found::Recorded(store) => store.insert(parameter, gradient),
            Found::Computed(own) => own.insert(parameter.id(), gradient),
        };
    }

    /// The gradient of `parameter`, which is no longer here then.
    pub fn take(&mut self, parameter: &Tensor) -> Option<Tensor> {
        match &mut self.0 {
            Found::Recorded(store) => store.remove(parameter),
            Found::Computed(own) => own.remove(&parameter.id()),
        }
    }
}

/// An autoregressive model: a network, written once, that gives every conditional
/// p(xᵢ | x₍<ᵢ₎), all at once or one step at a time.
pub trait Model: Distribution {
    /// In which order values are generated.
    fn order(&self) -> &Order;

    /// The family of every conditional.
    fn likelihood(&self) -> Likelihood;

    /// The values of an image, as indices into `(C, H, W)`, that the conditional of `step` depends on,
    /// declared from the structure alone. The harness holds it against what the network really does, in
    /// both directions.
    fn depends_on(&self, step: usize) -> Vec<usize>;

    /// [`Model::depends_on`] of every step.
    fn dependence(&self) -> Dependence {
        let steps = self.order().steps();
        let mut all = Dependence::none(steps, self.domain().dims());
        for step in 0..steps {
            for dim in self.depends_on(step) {
                all.insert(step, dim);
            }
        }
        all
    }

    /// Full pass. `levels` is `(B, C, H, W)`, `u32`; the result holds the numbers that describe every
    /// conditional, `(B, C / V, H, W, P)` with V = [`Likelihood::values`], P = [`Likelihood::parameters`].
    ///
    /// # Errors
    /// As [`Distribution::nll`].
    fn conditionals(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor>;

    /// Begins a step pass over `batch` images, during which the weights must not change.
    ///
    /// # Errors
    /// [`Error::Input`] for a wrong condition, [`Error::Tensor`] when the caches cannot be made.
    fn stepper(&self, batch: usize, condition: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>>;
}

/// [`Distribution::nll`] of any model, from its full pass.
///
/// # Errors
/// As [`Model::conditionals`].
pub fn nll_of(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    condition: Option<&Tensor>,
) -> Result<Tensor> {
    nll_of_conditionals(model, levels, &model.conditionals(levels, condition)?)
}

/// [`nll_of`] from conditionals that are there already.
///
/// # Errors
/// A tensor error when the shapes do not fit.
pub fn nll_of_conditionals(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    conditionals: &Tensor,
) -> Result<Tensor> {
    nll_of_parts(model, levels, conditionals, None)
}

/// [`nll_of_conditionals`] of the positions of each image that are `scored`; of all without it.
///
/// # Errors
/// A tensor error when the shapes do not fit.
pub fn nll_of_parts(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    conditionals: &Tensor,
    scored: Option<&[Range<usize>]>,
) -> Result<Tensor> {
    let mut each = nll_of_values(model, levels, conditionals)?; // (B, C / V, H, W)
    if let Some(scored) = scored {
        let Domain { height, width, .. } = model.domain();
        let of = |range: &Range<usize>| {
            let counts = move |p| f32::from(u8::from(range.contains(&p)));
            (0..height * width).map(counts).collect::<Vec<_>>()
        };
        let all: Vec<f32> = scored.iter().flat_map(of).collect();
        let all = Tensor::from_vec(all, (scored.len(), 1, height, width), each.device())?;
        each = each.broadcast_mul(&all.to_dtype(each.dtype())?)?;
    }
    let each = if each.device().is_metal() {
        each
    } else {
        each.to_dtype(DType::F64)?
    };
    Ok(each.flatten_from(1)?.sum(1)?)
}

/// Negative log-likelihood in nats of what each of the conditionals describes: `(B, C / V, H, W)`.
///
/// # Errors
/// A tensor error when the shapes do not fit.
pub fn nll_of_values(
    model: &(impl Model + ?Sized),
    levels: &Tensor,
    conditionals: &Tensor,
) -> Result<Tensor> {
    let v = model.likelihood().values();
    let (b, c, h, w) = levels.dims4()?;
    // (B, C, H, W) to (B, C / V, H, W, V)
    let x = levels
        .reshape((b, c / v, v, h, w))?
        .permute((0, 1, 3, 4, 2))?;
    model.likelihood().nll(conditionals, &x.contiguous()?)
}

/// The step pass: a value the caller holds, with everything the network remembers of what was fed.
///
/// Steps are visited once each, in the model's order; for each, optionally [`Stepper::conditionals`],
/// then [`Stepper::feed`]. Every activation is computed once.
pub trait Stepper: Send {
    /// What the conditionals of `step` are described by, `(B, pixels of the step, values / V · P)`, given
    /// all values fed so far.
    ///
    /// # Errors
    /// [`Error::Input`] for another step than the next, [`Error::Tensor`] when the device fails.
    fn conditionals(&mut self, step: usize) -> Result<&[f32]>;

    /// Fixes the values of `step`: levels `(B, pixels of the step, values)`, drawn or given.
    ///
    /// # Errors
    /// [`Error::Input`] for another step than the next, another number of levels or one outside the
    /// domain, [`Error::Tensor`] when the device fails.
    fn feed(&mut self, step: usize, levels: &[u32]) -> Result<()>;

    /// The same again, to go on from here more than once.
    ///
    /// # Errors
    /// [`Error::Tensor`] when the device fails.
    fn fork<'a>(&self) -> Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a;
}

/// Whose turn it is in a step pass: what a [`Stepper`] refuses.
#[derive(Debug, Clone, Copy)]
pub struct Turn {
    domain: Domain,
    batch: usize,
    next: usize,
}

impl Turn {
    /// The first step of `batch` images.
    pub fn first(domain: Domain, batch: usize) -> Self {
        Self {
            domain,
            batch,
            next: 0,
        }
    }

    /// # Errors
    /// [`Error::Input`] when `step` is not the next.
    pub fn is(&self, step: usize) -> Result<()> {
        if step == self.next {
            return Ok(());
        }
        Err(Error::Input {
            what: "step",
            expected: self.next.to_string(),
            got: step.to_string(),
        })
    }

    /// Ends the turn of `step` of `order`, whose values are `levels`.
    ///
    /// # Errors
    /// [`Error::Input`] when it is not the next, or the levels are too many, too few or none.
    pub fn end(&mut self, order: &Order, step: usize, levels: &[u32]) -> Result<()> {
        self.is(step)?;
        let expected = self.batch * order.dims_of(step).count();
        if levels.len() != expected {
            return Err(Error::Input {
                what: "levels of a step",
                expected: expected.to_string(),
                got: levels.len().to_string(),
            });
        }
        self.domain.check_levels(levels)?;
        self.next += 1;
        Ok(())
    }
}
