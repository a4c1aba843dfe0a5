//! What archives need of files and runs: which model it is, what a file was, and who else compresses.

mod file;
mod identity;
mod rivals;

pub(crate) use file::{Kind, Packer, write};
pub(crate) use identity::{About, Coding, hex, identity};
pub(crate) use rivals::Rivals;
