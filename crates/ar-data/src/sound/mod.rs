//! Recordings: files, sampling rates, levels, names of classes and a built-in set.

mod amplitude;
mod bands;
mod companding;
mod names;
mod resample;
mod set;
mod tones;
mod wav;

pub use bands::Bands;
pub use companding::{Companding, Law};
pub use names::{ClassPattern, NamePattern};
pub use set::{SoundOptions, is_sound, samples_of};
pub(crate) use set::{draw_tones, find_sound, find_sounds, is_wav};
pub use wav::{Recording, read_wav, wav_header, write_wav};
