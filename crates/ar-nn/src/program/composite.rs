use ar_core::Result;
use candle_core::{DType, Tensor};

use super::Program;
use crate::primitive::Training;

impl Program {
    /// The whole program as differentiable tensor operations: `levels` is `(B, positions, C)`, integers,
    /// `condition` `(B, 1 or positions, f)`, the result `(B, positions, C / V · P)`.
    pub(super) fn composite(
        &self,
        levels: &Tensor,
        condition: Option<&Tensor>,
        dtype: DType,
        at: &Training,
    ) -> Result<Tensor> {
        // Nobody reads the condition of a network that has none.
        let mut values = vec![levels.clone(), condition.unwrap_or(levels).clone()];
        for node in &self.nodes {
            let inputs: Vec<&Tensor> = node.inputs.iter().map(|&i| &values[i]).collect();
            let weights = node.primitive.prepare_tensors(&node.parameters)?;
            let value = node.primitive.composite(&inputs, &weights, at)?;
            values.push(value.to_dtype(dtype)?);
        }
        Ok(values.swap_remove(self.output))
    }
}
