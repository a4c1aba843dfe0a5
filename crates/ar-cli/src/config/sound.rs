//! What is usual of a model where its data are sound.

use anyhow::Result;

use super::DataConfig;

/// The size of a model that is for recordings.
const SOUND: &str = "sound";

/// The one for samples of so many levels that a mixture describes them, not logits.
const SOUND_16: &str = "sound-16";
const LOGITS: usize = 512;

/// The size in which `model` learns `data` unless told otherwise; none where that is its usual one.
///
/// # Errors
/// Never for a known model.
pub(crate) fn usual_size(model: &str, data: &DataConfig) -> Result<Option<&'static str>> {
    let Some(entry) = ar_models::find(model).filter(|_| ar_data::is_sound(&data.source())) else {
        return Ok(None);
    };
    let size = match data.levels {
        Some(levels) if levels > LOGITS => SOUND_16,
        _ => SOUND,
    };
    let presets = entry.presets()?;
    let is_there = presets.iter().any(|(name, _)| *name == size);
    Ok(is_there.then_some(size))
}
