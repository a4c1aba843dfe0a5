//! Weights from and to other software: a mapping file says which tensor becomes which, and how.

mod layout;
mod mapping;

pub(crate) use layout::Layout;
pub(crate) use mapping::Mapping;
