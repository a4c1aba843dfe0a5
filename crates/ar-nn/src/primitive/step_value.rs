/// A value within a step pass: all positions when a convolution reads it elsewhere, otherwise the
/// present one.
#[derive(Debug)]
pub(crate) struct StepValue {
    data: Vec<f32>,
    positions: usize,
    width: usize,
}

impl StepValue {
    pub(crate) fn new(batch: usize, positions: usize, width: usize) -> Self {
        Self {
            data: vec![0.0; batch * positions * width],
            positions,
            width,
        }
    }

    fn start(&self, b: usize, position: usize) -> usize {
        (b * self.positions + if self.positions == 1 { 0 } else { position }) * self.width
    }

    /// Features of image `b` at `position`.
    pub(crate) fn row(&self, b: usize, position: usize) -> &[f32] {
        &self.data[self.start(b, position)..][..self.width]
    }

    pub(crate) fn row_mut(&mut self, b: usize, position: usize) -> &mut [f32] {
        let start = self.start(b, position);
        &mut self.data[start..][..self.width]
    }

    /// All positions of image `b`.
    pub(crate) fn image(&self, b: usize) -> &[f32] {
        &self.data[b * self.positions * self.width..][..self.positions * self.width]
    }
}
