//! Causal networks described once, as data, and run in every way they are needed.
//!
//! A [`Builder`] puts together a short program of primitives: live-tap convolutions, recurrences,
//! gates, norms, embeddings. [`Builder::finish`] makes it a [`Network`], which is an [`ar_core::Model`]:
//!
//! | pass | on a CPU in f32 | elsewhere |
//! |---|---|---|
//! | full | the whole program image by image, inside the cache, forward and backward as one operation | the same program as differentiable tensor operations |
//! | step | packed products on the rows of one position | tensor operations on one position |
//!
//! Each primitive keeps its routes beside each other, and one test holds them together.
//!
//! A [`MaskedNetwork`] has no positions: a perceptron over the whole image, whose units' degrees say
//! what each may see and when, in a step pass, it is computed.

mod activation;
pub mod init;
mod kernel;
mod masked;
mod primitive;
mod program;

use std::sync::{Mutex, MutexGuard, PoisonError};

use candle_core::{CpuStorage, DType, Error, Storage, Tensor};

pub use activation::Activation;
#[cfg(feature = "every-width")]
pub use kernel::Width;
pub use masked::{Degrees, InputCoding, MaskedConfig, MaskedNetwork};
pub use primitive::{AttentionConfig, ConvConfig, Direction, Neighbourhood, Reach};
pub use program::{Builder, Network, Route, Value};

/// The numbers of a tensor, row-major.
fn host(t: &Tensor) -> ar_core::Result<Vec<f32>> {
    Ok(t.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
}

/// What `f` makes of the numbers of a dense tensor of f32 on the host, where they lie.
fn with_floats<T>(t: &Tensor, f: impl FnOnce(&[f32]) -> T) -> candle_core::Result<T> {
    let (storage, layout) = t.storage_and_layout();
    match (&*storage, layout.contiguous_offsets()) {
        (Storage::Cpu(CpuStorage::F32(all)), Some((start, end))) => Ok(f(&all[start..end])),
        _ => Err(Error::Msg(
            "dense tensors of f32 on a CPU are needed here".into(),
        )),
    }
}

/// What it guards, also after a panic elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// [`ar_core::Error::Config`] for `field` where something is `wrong`.
fn refuse_if(wrong: bool, field: &str, problem: impl Into<String>) -> ar_core::Result<()> {
    if wrong {
        return Err(ar_core::Error::config(field, problem));
    }
    Ok(())
}

/// The example of the README is compiled and run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
