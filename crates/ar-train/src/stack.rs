use std::thread;

use crate::{Error, Result};

/// Bytes of stack: walking and dropping a graph are recursive in the tensor library, and a network
/// unrolled over thousands of steps overflows the default stack.
const STACK: usize = 64 << 20;

/// Runs `f` on a thread with a 64 MiB stack and waits for it. A panic of `f` goes on here.
///
/// # Errors
/// [`Error::Thread`] when the thread cannot be started.
pub fn with_large_stack<T: Send>(f: impl FnOnce() -> T + Send) -> Result<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new()
            .name("train".to_owned())
            .stack_size(STACK);
        let handle = builder.spawn_scoped(scope, f).map_err(Error::Thread)?;
        Ok(handle
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    #[test]
    fn deep_graphs_walk_and_drop() {
        let gradient = with_large_stack(|| {
            let x = Var::new(&[1f32], &Device::Cpu)?;
            let mut y = x.as_tensor().clone();
            for _ in 0..20_000 {
                y = (y * 1.0)?;
            }
            y.backward()?
                .get(&x)
                .map(candle_core::Tensor::to_vec1::<f32>)
                .transpose()
        });
        assert_eq!(gradient.unwrap().unwrap(), Some(vec![1.0]));
    }
}
