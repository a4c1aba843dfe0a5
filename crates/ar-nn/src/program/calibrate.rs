use ar_core::Result;
use candle_core::{Tensor, TensorId};

use super::full::{Images, Workspace};
use super::{INPUTS, Node, Program};
use crate::host;

impl Program {
    /// Goes through the nodes on `images` once and lets each set its parameters by what it is given,
    /// before the next. Returns the parameters that were set.
    pub(super) fn calibrate(&self, images: Images<'_>) -> Result<Vec<(TensorId, Tensor)>> {
        let (mut set, mut work) = (Vec::new(), Workspace::default());
        let begins = |node: &Node| node.primitive.begins_with_data();
        let Some(last) = self.nodes.iter().rposition(begins) else {
            return Ok(set);
        };
        work.begin(self, images, false);
        for (i, node) in self.nodes[..=last].iter().enumerate() {
            let mut parameters = Vec::with_capacity(node.range.len());
            for tensor in &node.parameters {
                parameters.extend(host(tensor)?);
            }
            let inputs: Vec<&[f32]> = node.inputs.iter().map(|&v| work.value(v)).collect();
            if node.primitive.begins_with_data() {
                node.primitive.calibrate(&inputs, &mut parameters);
                let mut rest = &parameters[..];
                for tensor in &node.parameters {
                    let own = rest.split_off(..tensor.elem_count()).unwrap_or_default();
                    let own = Tensor::from_slice(own, tensor.shape(), tensor.device())?;
                    set.push((tensor.id(), own.to_dtype(tensor.dtype())?));
                }
            }
            let mut weights = vec![0.0; node.prepared.len()];
            node.primitive.prepare(&parameters, &mut weights);
            work.run(node, i + INPUTS, &weights);
        }
        Ok(set)
    }
}
