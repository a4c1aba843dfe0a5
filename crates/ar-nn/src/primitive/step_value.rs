use std::ops::Range;

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
        // Dividing costs as much as copying a row.
        let slot = if position < self.slots {
            position
        } else {
            position % self.slots
        };
        (b * self.slots + slot) * self.width
    }

    /// Features at `position` of these images.
    pub(crate) fn rows_mut(
        &mut self,
        images: Range<usize>,
        position: usize,
    ) -> impl Iterator<Item = &mut [f32]> {
        let (start, width) = (self.start(images.start, position), self.width);
        let strides = self.data[start..].chunks_mut(self.slots * width);
        strides.take(images.len()).map(move |own| &mut own[..width])
    }

    /// Features at `position` of these images.
    pub(crate) fn rows(
        &self,
        images: Range<usize>,
        position: usize,
    ) -> impl Iterator<Item = &[f32]> {
        let (start, width) = (self.start(images.start, position), self.width);
        let stride = self.slots * width;
        (0..images.len()).map(move |b| &self.data[start + b * stride..][..width])
    }

    /// Features of image `b` at `position`.
    pub(crate) fn row(&self, b: usize, position: usize) -> &[f32] {
        &self.data[self.start(b, position)..][..self.width]
    }

    pub(crate) fn row_mut(&mut self, b: usize, position: usize) -> &mut [f32] {
        let start = self.start(b, position);
        &mut self.data[start..][..self.width]
    }

    /// Features of image `b` at one position, and at another to be written.
    pub(crate) fn row_and_mut(&mut self, b: usize, from: usize, to: usize) -> (&[f32], &mut [f32]) {
        let (from, to, width) = (self.start(b, from), self.start(b, to), self.width);
        if from < to {
            let (before, own) = self.data.split_at_mut(to);
            (&before[from..][..width], &mut own[..width])
        } else {
            let (own, before) = self.data.split_at_mut(from);
            (&before[..width], &mut own[to..][..width])
        }
    }

    /// All slots of image `b`.
    pub(crate) fn image(&self, b: usize) -> &[f32] {
        &self.data[b * self.slots * self.width..][..self.slots * self.width]
    }
}
