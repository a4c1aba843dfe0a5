/// Gradients of one image's values during a backward pass. Buffers are handed on as soon as a value
/// is done with, so that a deep network needs only a few and they stay in the cache.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    slots: Vec<Option<Vec<f32>>>,
    free: Vec<Vec<f32>>,
    /// Whether somebody upstream has a use for the gradient of a value.
    wanted: Vec<bool>,
}

impl Gradients {
    /// Begins an image: no value has a gradient yet.
    pub(crate) fn reset(&mut self, wanted: &[bool]) {
        self.wanted.clear();
        self.wanted.extend_from_slice(wanted);
        self.slots.resize(wanted.len(), None);
        for slot in &mut self.slots {
            self.free.extend(slot.take());
        }
    }

    pub(crate) fn wanted(&self, value: usize) -> bool {
        self.wanted[value]
    }

    /// The gradient of a finished value.
    pub(crate) fn take(&mut self, value: usize) -> Option<Vec<f32>> {
        self.slots[value].take()
    }

    /// A buffer of `len` floats with whatever was in it.
    pub(crate) fn buffer(&mut self, len: usize) -> Vec<f32> {
        match self.free.iter().position(|b| b.len() == len) {
            Some(i) => self.free.swap_remove(i),
            None => vec![0.0; len],
        }
    }

    pub(crate) fn recycle(&mut self, buffer: Vec<f32>) {
        self.free.push(buffer);
    }

    /// The gradient of `value` to add to, and whether it is fresh: then its contents are arbitrary
    /// and have to be overwritten.
    pub(crate) fn open(&mut self, value: usize, len: usize) -> (Vec<f32>, bool) {
        match self.slots[value].take() {
            Some(buffer) => (buffer, false),
            None => (self.buffer(len), true),
        }
    }

    /// Returns what [`Gradients::open`] gave.
    pub(crate) fn close(&mut self, value: usize, buffer: Vec<f32>) {
        self.slots[value] = Some(buffer);
    }

    /// Adds `grad` to the gradient of `value`, without a copy when it is the first.
    pub(crate) fn give(&mut self, value: usize, grad: Vec<f32>) {
        if !self.wanted[value] {
            return self.recycle(grad);
        }
        match &mut self.slots[value] {
            Some(own) => {
                crate::kernel::add_assign(own, &grad);
                self.recycle(grad);
            }
            slot => *slot = Some(grad),
        }
    }
}
