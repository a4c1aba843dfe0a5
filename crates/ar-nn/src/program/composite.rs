use ar_core::Result;
use candle_core::{DType, Tensor};

use super::Program;

impl Program {
    /// The whole program as differentiable tensor operations: `levels` is `(B, positions, C)`,
    /// `condition` `(B, 1 or positions, f)`, the result `(B, positions, C · P)`.
    pub(super) fn composite(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        dtype: DType,
    ) -> Result<Tensor> {
        let levels = levels.to_dtype(dtype)?;
        // Nobody reads the condition of a network that has none.
        let condition = condition.unwrap_or(&levels).to_dtype(dtype)?;
        let mut values = vec![levels, condition];
        for node in &self.nodes {
            let inputs: Vec<&Tensor> = node.inputs.iter().map(|&i| &values[i]).collect();
            values.push(node.primitive.composite(&inputs, &node.weights)?);
        }
        Ok(values.swap_remove(self.output))
    }
}
