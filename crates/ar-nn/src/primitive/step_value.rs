/// A value within a step pass: as many positions as somebody reads back, the oldest overwritten.
#[derive(Debug, Clone)]
pub(crate) struct StepValue {
    data: Vec<f32>,
    slots: usize,
    width: usize,
}

impl StepValue {
    /// Zeros. Position p lies in slot p mod `slots`.
    pub(crate) fn new(batch: usize, slots: usize, width: usize) -> Self {
        Self {
            data: vec![0.0; batch * slots * width],
            slots,
            width,
        }
    }

    /// Holds `data (B, slots, width)`.
    pub(crate) fn of(data: Vec<f32>, slots: usize, width: usize) -> Self {
        Self { data, slots, width }
    }

    fn start(&self, b: usize, position: usize) -> usize {
        (b * self.slots + position % self.slots) * self.width
    }

    /// Features of image `b` at `position`.
    pub(crate) fn row(&self, b: usize, position: usize) -> &[f32] {
        &self.data[self.start(b, position)..][..self.width]
    }

    pub(crate) fn row_mut(&mut self, b: usize, position: usize) -> &mut [f32] {
        let start = self.start(b, position);
        &mut self.data[start..][..self.width]
    }

    /// All slots of image `b`.
    pub(crate) fn image(&self, b: usize) -> &[f32] {
        &self.data[b * self.slots * self.width..][..self.slots * self.width]
    }
}
