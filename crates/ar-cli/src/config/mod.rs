//! Configuration: flag over file over default, checked key by key.

mod data;
mod defaults;
mod draft;
mod file;
mod presets;
mod section;
mod sound;
mod value;

pub(crate) use data::{Binarize, DataConfig, absolute_source};
pub(crate) use defaults::{steps as usual_steps, train as usual_training};
pub(crate) use draft::Draft;
pub(crate) use file::ConfigFile;
pub(crate) use presets::help as presets_help;
pub(crate) use sound::usual_size;
