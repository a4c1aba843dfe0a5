//! What programs are made of. A primitive has its composite, forward, backward and step side by side.

mod add;
mod attention;
mod concat;
mod concat_elu;
mod condition;
mod conv;
mod dropout;
mod embedding;
mod fixed;
mod gate;
mod gather;
mod gradients;
mod half;
mod norm;
mod pointwise;
mod position;
mod previous;
mod reads;
mod recurrent;
mod rows_product;
mod scale;
mod step_tensor;
mod step_value;

use std::fmt::Debug;
use std::ops::Range;

use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

pub(crate) use add::Add;
pub(crate) use attention::Attention;
pub use attention::{AttentionConfig, Reach};
pub(crate) use concat::Concat;
pub(crate) use concat_elu::ConcatElu;
pub(crate) use condition::{Condition, class_vectors};
pub(crate) use conv::Conv;
pub use conv::{ConvConfig, Neighbourhood};
pub(crate) use dropout::Dropout;
pub(crate) use embedding::Embedding;
pub(crate) use fixed::Fixed;
pub(crate) use gate::{Gate, Squash};
pub(crate) use gradients::Gradients;
pub(crate) use half::Half;
pub(crate) use norm::Norm;
pub(crate) use position::{Axis, Position};
pub(crate) use previous::Previous;
pub(crate) use reads::{Centre, Reads};
pub use recurrent::Direction;
pub(crate) use recurrent::{Cell, Flow, Recurrent};
pub(crate) use rows_product::rows_product;
pub(crate) use scale::Scale;
pub(crate) use step_tensor::StepTensor;
pub(crate) use step_value::StepValue;

/// One node of a program. Features are channels-last: a value of one image is `(sites, c)`.
pub(crate) trait Primitive: Debug + Send + Sync {
    /// How the features it produces belong to the channel steps.
    fn groups(&self) -> &ChannelGroups;

    /// From where it reads its `input`-th input.
    fn reads(&self, _input: usize) -> Reads<'_> {
        Reads::Here
    }

    /// From where it reads its own results: a recurrence. The sites, each after those that it reads.
    fn own_reads(&self) -> Option<(Reads<'_>, &[u32])> {
        None
    }

    /// How many images should be computed at once: several where one has too little to do between
    /// steps that wait for each other.
    fn images_at_once(&self) -> usize {
        1
    }

    /// Floats of what [`Primitive::prepare`] makes of `parameters` floats.
    fn prepared(&self, parameters: usize) -> usize {
        parameters
    }

    /// From parameters to the weights it computes with, once for a pass: masks, norms of weights.
    fn prepare(&self, parameters: &[f32], weights: &mut [f32]) {
        weights.copy_from_slice(parameters);
    }

    /// The reverse of [`Primitive::prepare`]: from the gradient of the weights to that of the parameters.
    fn prepare_backward(&self, _parameters: &[f32], weights: &[f32], out: &mut [f32]) {
        out.copy_from_slice(weights);
    }

    /// [`Primitive::prepare`] as differentiable tensor operations.
    fn prepare_tensors(&self, parameters: &[Tensor]) -> Result<Vec<Tensor>> {
        Ok(parameters.to_vec())
    }

    /// Whether some of its parameters are to begin with what suits the data.
    fn begins_with_data(&self) -> bool {
        false
    }

    /// Where they are: sets them so that its results over `inputs`, of several images, have mean zero and a
    /// deviation of its own (Salimans, Kingma 2016, arXiv:1602.07868, section 3).
    fn calibrate(&self, _inputs: &[&[f32]], _parameters: &mut [f32]) {}

    /// All sites as differentiable tensor operations: inputs and result `(B, sites, c)`.
    fn composite(&self, inputs: &[&Tensor], weights: &[Tensor], at: &Training) -> Result<Tensor>;

    /// All sites of one image, or of several one after the other. `weights` are as prepared. No image's
    /// numbers may depend on which others it is computed with.
    fn forward(&self, inputs: &[&[f32]], weights: &[f32], out: &mut [f32], room: &mut Room);

    /// The reverse of [`Primitive::forward`].
    fn backward(&self, pass: Backward<'_>);

    /// Some sites as tensor operations: the result is `(B, sites, c)`.
    fn composite_step(&self, at: TensorStep<'_>, weights: &[Tensor]) -> Result<Tensor>;

    /// Prepares the step pass on a CPU.
    fn stepper(&self, batch: usize, weights: &[f32]) -> Box<dyn StepPrimitive>;
}

/// Some sites within a step pass as tensor operations, and what is read there.
#[derive(Clone, Copy)]
pub(crate) struct TensorStep<'a> {
    pub(crate) sites: &'a [u32],
    pub(crate) inputs: &'a [&'a StepTensor],
    /// The results of the node itself at earlier sites.
    pub(crate) own: &'a StepTensor,
}

/// One primitive within a step pass: its prepared weights and what it remembers between steps.
pub(crate) trait StepPrimitive: Send {
    /// Computes the features of `group` at `sites`, in this order, for every image of the batch. `out`
    /// holds its results at earlier sites as long as it reads them.
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue);

    /// The same again.
    fn fork(&self) -> Box<dyn StepPrimitive>;
}

impl<T: Clone + Step + 'static> StepPrimitive for T {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        Step::step(self, sites, group, inputs, out);
    }

    fn fork(&self) -> Box<dyn StepPrimitive> {
        Box::new(self.clone())
    }
}

/// A [`StepPrimitive`] that can be cloned.
pub(crate) trait Step: Send {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue);
}

/// Which images of which pass of training are computed: what noise is drawn from. Without a pass
/// there is none.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Training {
    /// Seed and step.
    pub(crate) pass: Option<[u64; 2]>,
    /// Number of the first image within its batch.
    pub(crate) first: usize,
}

/// Room to work in, and which images it is for.
#[derive(Debug, Default)]
pub(crate) struct Room {
    /// Of any length, with whatever was in it.
    pub(crate) floats: Vec<f32>,
    /// What the forward pass of a node leaves for its backward pass of the same images.
    pub(crate) kept: Vec<f32>,
    /// Whether a backward pass follows.
    pub(crate) keeps: bool,
    pub(crate) training: Training,
    /// The sites that anything is needed of; none: all, of however many images. Nobody reads what others hold,
    /// and their gradient is zero: a primitive may leave them out.
    pub(crate) needed: Option<Range<usize>>,
}

impl Room {
    /// Those of `sites` that are needed.
    pub(crate) fn needed_of(&self, sites: usize) -> Range<usize> {
        self.needed.clone().unwrap_or(0..sites)
    }
}

/// Everything a backward step of an image (or several) reads and writes.
pub(crate) struct Backward<'a> {
    /// Which values the primitive read.
    pub(crate) inputs: &'a [usize],
    /// What it produced.
    pub(crate) out: &'a [f32],
    /// Every value computed before it.
    pub(crate) values: &'a [Vec<f32>],
    /// Its weights, as prepared.
    pub(crate) weights: &'a [f32],
    /// Gradient of the result; consumed.
    pub(crate) grad: Vec<f32>,
    /// Gradients of values, to be added to.
    pub(crate) gradients: &'a mut Gradients,
    /// Gradients of its weights, to be added to.
    pub(crate) weight_grads: &'a mut [f32],
    pub(crate) room: &'a mut Room,
}
