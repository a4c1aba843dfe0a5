use ar_core::{ChannelGroups, Result};
use candle_core::{Device, Tensor};

use super::{Backward, Primitive, Room, Step, StepPrimitive, StepValue, TensorStep, Training};

/// Zeroes each number with some probability while training, and scales the others up in return
/// (Srivastava et al. 2014). Which follows from a counter, (seed, step, image, node, place): from no
/// state, so not from threads, the split of a batch or a resumption, and the backward pass asks again.
#[derive(Debug, Clone)]
pub(crate) struct Dropout {
    groups: ChannelGroups,
    /// Of 2^32, the share that is zeroed.
    below: u32,
    scale: f32,
    node: u64,
    /// Floats of one image.
    size: usize,
}

impl Dropout {
    /// With `rate` in [0, 1), as the `node`-th node, over `sites` sites.
    pub(crate) fn new(groups: ChannelGroups, rate: f64, node: usize, sites: usize) -> Self {
        Self {
            size: sites * groups.features(),
            groups,
            below: (rate * f64::from(u32::MAX)) as u32,
            scale: (1.0 / (1.0 - rate)) as f32,
            node: node as u64,
        }
    }

    /// Multiplies every number of the images by its factor.
    fn apply(&self, x: &mut [f32], at: Training) {
        let Some([seed, step]) = at.pass else { return };
        for (i, image) in x.chunks_exact_mut(self.size).enumerate() {
            let image_number = (at.first + i) as u64;
            let counters = [step, image_number, self.node].into_iter();
            let key = counters.fold(mix(seed), |k, v| mix(k ^ v));
            for (place, v) in image.iter_mut().enumerate() {
                let random = (mix(key.wrapping_add(place as u64)) >> 32) as u32;
                *v *= if random < self.below { 0.0 } else { self.scale };
            }
        }
    }
}

/// A bijection of the numbers of 64 bits that looks random: the finaliser of splitmix64 (Steele et al.
/// 2014) with its increment.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

impl Primitive for Dropout {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor], at: &Training) -> Result<Tensor> {
        if at.pass.is_none() {
            return Ok(inputs[0].clone());
        }
        let x = inputs[0];
        let mut factors = vec![1.0; x.elem_count()];
        self.apply(&mut factors, *at);
        let factors = Tensor::from_vec(factors, x.shape(), &Device::Cpu)?;
        Ok((x * factors.to_dtype(x.dtype())?.to_device(x.device())?)?)
    }

    fn forward(&self, inputs: &[&[f32]], _: &[f32], out: &mut [f32], room: &mut Room) {
        out.copy_from_slice(inputs[0]);
        self.apply(out, room.training);
    }

    fn backward(&self, pass: Backward<'_>) {
        let mut grad = pass.grad;
        self.apply(&mut grad, pass.room.training);
        pass.gradients.give(pass.inputs[0], grad);
    }

    fn composite_step(&self, at: TensorStep<'_>, _: &[Tensor]) -> Result<Tensor> {
        at.inputs[0].rows(at.sites)
    }

    fn stepper(&self, batch: usize, _: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(DropoutStep {
            groups: self.groups.clone(),
            batch,
        })
    }
}

/// Nothing is dropped where nothing is trained.
#[derive(Clone)]
struct DropoutStep {
    groups: ChannelGroups,
    batch: usize,
}

impl Step for DropoutStep {
    fn step(&mut self, sites: &[u32], group: usize, inputs: &[&StepValue], out: &mut StepValue) {
        let own = self.groups.range(group);
        for (b, &site) in (0..self.batch).flat_map(|b| sites.iter().map(move |s| (b, s))) {
            let x = &inputs[0].row(b, site as usize)[own.clone()];
            out.row_mut(b, site as usize)[own.clone()].copy_from_slice(x);
        }
    }
}
