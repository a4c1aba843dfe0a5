/// For each step, the values (indices into a flat `(C, H, W)` image) its conditional depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependence {
    dims: usize,
    bits: Vec<u64>,
}

impl Dependence {
    /// Nothing depends on anything yet.
    pub fn none(steps: usize, dims: usize) -> Self {
        Self {
            dims,
            bits: vec![0; steps * dims.div_ceil(64)],
        }
    }

    fn words(&self) -> usize {
        self.dims.div_ceil(64)
    }

    /// Number of steps.
    pub fn steps(&self) -> usize {
        self.bits.len() / self.words().max(1)
    }

    /// Number of values of an image.
    pub fn dims(&self) -> usize {
        self.dims
    }

    /// Whether `step` depends on `dim`.
    pub fn contains(&self, step: usize, dim: usize) -> bool {
        self.bits[step * self.words() + dim / 64] >> (dim % 64) & 1 == 1
    }

    /// Declares that `step` depends on `dim`.
    pub fn insert(&mut self, step: usize, dim: usize) {
        let words = self.words();
        self.bits[step * words + dim / 64] |= 1 << (dim % 64);
    }

    /// The values that `step` depends on, ascending.
    pub fn of(&self, step: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.dims).filter(move |&d| self.contains(step, d))
    }
}
