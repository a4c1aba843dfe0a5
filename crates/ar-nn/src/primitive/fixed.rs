use std::sync::Arc;

use ar_core::{ChannelGroups, Result};
use candle_core::Tensor;

use super::{
    Backward, Primitive, Reads, Room, Step, StepPrimitive, StepValue, TensorStep, Training,
};

/// Numbers of its own for every site, whatever the image: where a site is, for one. Of its input it takes
/// only how many images there are.
#[derive(Debug, Clone)]
pub(crate) struct Fixed {
    groups: ChannelGroups,
    /// `(sites, c)`.
    table: Arc<[f32]>,
}

impl Fixed {
    /// Of one channel group.
    pub(crate) fn new(table: Vec<f32>, features: usize) -> Self {
        Self {
            groups: ChannelGroups::split(features, 1),
            table: table.into(),
        }
    }

    fn row(&self, site: usize) -> &[f32] {
        &self.table[site * self.groups.features()..][..self.groups.features()]
    }
}

impl Primitive for Fixed {
    fn groups(&self) -> &ChannelGroups {
        &self.groups
    }

    fn reads(&self, _: usize) -> Reads<'_> {
        Reads::Nowhere
    }

    fn composite(&self, inputs: &[&Tensor], _: &[Tensor], _: &Training) -> Result<Tensor> {
        let (images, c) = (inputs[0].dim(0)?, self.groups.features());
        let table = Tensor::new(&self.table[..], inputs[0].device())?;
        Ok(table.reshape((1, (), c))?.repeat((images, 1, 1))?)
    }

    fn forward(&self, _: &[&[f32]], _: &[f32], out: &mut [f32], _: &mut Room) {
        for image in out.chunks_exact_mut(self.table.len()) {
            image.copy_from_slice(&self.table);
        }
    }

    fn backward(&self, pass: Backward<'_>) {
        pass.gradients.recycle(pass.grad);
    }

    fn composite_step(&self, at: TensorStep<'_>, _: &[Tensor]) -> Result<Tensor> {
        let rows = at.sites.iter().flat_map(|s| self.row(*s as usize));
        let rows = Tensor::from_iter(rows.copied(), at.inputs[0].device())?;
        let rows = rows.reshape((1, (), self.groups.features()))?;
        Ok(rows.repeat((at.inputs[0].batch()?, 1, 1))?)
    }

    fn stepper(&self, batch: usize, _: &[f32]) -> Box<dyn StepPrimitive> {
        Box::new(FixedStep {
            fixed: self.clone(),
            batch,
        })
    }
}

#[derive(Clone)]
struct FixedStep {
    fixed: Fixed,
    batch: usize,
}

impl Step for FixedStep {
    fn step(&mut self, sites: &[u32], _: usize, _: &[&StepValue], out: &mut StepValue) {
        for (b, &site) in (0..self.batch).flat_map(|b| sites.iter().map(move |s| (b, s))) {
            out.row_mut(b, site as usize)
                .copy_from_slice(self.fixed.row(site as usize));
        }
    }
}
