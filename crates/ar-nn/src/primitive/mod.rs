//! What programs are made of. A primitive has its composite, forward, backward and step side by side.

mod add;
mod attention;
mod condition;
mod conv;
mod embedding;
mod gate;
mod gather;
mod gradients;
mod half;
mod norm;
mod pointwise;
mod position;
mod previous;
mod recurrent;
mod scale;
mod step_tensor;
mod step_value;

use std::fmt::Debug;

use ar_core::{ChannelGroups, Dependence, Result};
use candle_core::Tensor;

pub(crate) use add::Add;
pub(crate) use attention::Attention;
pub(crate) use condition::Condition;
pub(crate) use conv::Conv;
pub use conv::{ConvConfig, Neighbourhood};
pub(crate) use embedding::Embedding;
pub(crate) use gate::Gate;
pub(crate) use gradients::Gradients;
pub(crate) use half::Half;
pub(crate) use norm::Norm;
pub(crate) use position::{Axis, Position};
pub(crate) use previous::Previous;
pub use recurrent::Direction;
pub(crate) use recurrent::{Cell, Flow, Recurrent};
pub(crate) use scale::Scale;
pub(crate) use step_tensor::StepTensor;
pub(crate) use step_value::StepValue;

/// One node of a program. Features are channels-last: a value of one image is `(positions, c)`.
pub(crate) trait Primitive: Debug + Send + Sync {
    /// How the features it produces belong to the channel steps.
    fn groups(&self) -> &ChannelGroups;

    /// Whether the result at a site may depend on the `input`-th input's features of that very site
    /// (of the same position and channel): false for what reads it at earlier sites only.
    fn sees_itself(&self, _input: usize) -> bool {
        true
    }

    /// Whether it makes values that are complete, all channels, before a row's first pixel.
    fn by_rows(&self) -> bool {
        false
    }

    /// How far back it reads its `input`-th input.
    fn reach(&self, _input: usize) -> Reach {
        Reach::Here
    }

    /// How far back it reads its own results: a recurrence.
    fn own_reach(&self) -> Reach {
        Reach::Here
    }

    /// Of a value by rows: whether its positions follow from those to their right.
    fn runs_leftward(&self) -> bool {
        false
    }

    /// Whether it reads its inputs at other sites: positions, or channels of the same one.
    fn mixes_sites(&self) -> bool {
        (0..2).any(|i| self.reach(i) != Reach::Here) || self.own_reach() != Reach::Here
    }

    /// How many images should be computed at once: several where one has too little to do between
    /// steps that wait for each other.
    fn images_at_once(&self) -> usize {
        1
    }

    /// Zeroes the weights (or gradients of weights) that no site may use.
    fn mask_weights(&self, _weights: &mut [f32]) {}

    /// What each row (position · groups + group) depends on, given the same of its inputs.
    fn dependence(&self, inputs: &[&Dependence]) -> Dependence;

    /// All positions as differentiable tensor operations: inputs and result `(B, positions, c)`.
    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor]) -> Result<Tensor>;

    /// All positions of one image, or of several one after the other. `weights` are its parameters
    /// one after the other. No image's numbers may depend on which others it is computed with.
    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], scratch: &mut Vec<f32>);

    /// The reverse of [`Primitive::forward`].
    fn backward(&self, pass: Backward<'_>);

    /// One position as tensor operations: the result is `(B, 1, c)`. `own` holds its results at
    /// earlier positions.
    fn composite_step(
        &self,
        position: usize,
        inputs: &[&StepTensor],
        own: &StepTensor,
        weights: &[Tensor],
    ) -> Result<Tensor>;

    /// Prepares the step pass on a CPU.
    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive>;
}

/// One primitive within a step pass: its prepared weights and what it remembers between steps.
pub(crate) trait StepPrimitive: Send {
    /// Computes the features of `group` at `position` for every image of the batch. `out` holds its
    /// results at earlier positions as far as [`Primitive::own_reach`] goes.
    fn step(&mut self, position: usize, group: usize, inputs: &[&StepValue], out: &mut StepValue);
}

/// How far back a primitive reads a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// At the position it computes, nowhere else.
    Here,
    /// At most so many positions back in raster order.
    Back(usize),
    /// At any earlier position.
    Anywhere,
}

/// Everything a backward step of an image (or several) reads and writes.
pub(crate) struct Backward<'a> {
    /// Which values the primitive read.
    pub(crate) inputs: &'a [usize],
    /// What it produced.
    pub(crate) out: &'a [f32],
    /// Every value computed before it.
    pub(crate) values: &'a [Vec<f32>],
    /// Its parameters.
    pub(crate) weights: &'a [f32],
    /// Gradient of the result; consumed.
    pub(crate) grad: Vec<f32>,
    /// Gradients of values, to be added to.
    pub(crate) gradients: &'a mut Gradients,
    /// Gradients of its parameters, to be added to.
    pub(crate) weight_grads: &'a mut [f32],
    /// Room to work in, of any length.
    pub(crate) scratch: &'a mut Vec<f32>,
}
