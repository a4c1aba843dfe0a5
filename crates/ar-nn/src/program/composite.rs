use ar_core::Result;
use candle_core::{DType, Tensor};

use super::Program;

impl Program {
    /// The whole program as differentiable tensor operations: `levels` is `(B, positions, C)`, the
    /// result `(B, positions, C · P)`.
    pub(super) fn composite(&self, levels: &Tensor, dtype: DType) -> Result<Tensor> {
        let mut values = vec![levels.to_dtype(dtype)?];
        for node in &self.nodes {
            let inputs: Vec<&Tensor> = node.inputs.iter().map(|&i| &values[i]).collect();
            values.push(node.primitive.composite(&inputs, &node.weights)?);
        }
        Ok(values.swap_remove(self.output))
    }
}
