//! One file per format; every parser is bounded by the size of the file, never by what a header claims.

mod array;
mod bytes;
mod cifar;
mod folder;
mod idx;
mod jpeg;
mod npy;
mod npy_header;
mod npz;
mod picture;
mod planes;
mod png;
mod read_images;

pub(crate) use bytes::file_name;
pub(crate) use cifar::Cifar;
#[cfg(feature = "hub")]
pub(crate) use cifar::write_records;
pub(crate) use folder::{Files, find_folder, first_file, has_pictures};
#[cfg(feature = "hub")]
pub(crate) use idx::write_gz;
pub(crate) use idx::{Idx, read_idx};
pub(crate) use npy::find_npy;
pub use npy::write_npy;
pub(crate) use npz::find_npz;
pub use read_images::read_images;
pub(crate) use read_images::{Kind, kind_of, read_pile};
