//! One file per format; every parser is bounded by the size of the file, never by what a header claims.

mod array;
mod bytes;
mod cifar;
mod folder;
mod idx;
mod npy;
mod npy_header;
mod npz;
mod png;
mod read_images;

#[cfg(feature = "hub")]
pub(crate) use cifar::write_records;
pub(crate) use cifar::{CLASSES as CIFAR_CLASSES, Cifar};
pub(crate) use folder::{has_png, load_folder};
#[cfg(feature = "hub")]
pub(crate) use idx::write_gz;
pub(crate) use idx::{Idx, read_idx_images};
pub(crate) use npy::load_npy;
pub use npy::write_npy;
pub(crate) use npz::load_npz;
pub use read_images::read_images;
pub(crate) use read_images::{Kind, kind_of};
