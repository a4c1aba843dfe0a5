//! What decoded pictures have in common.

use std::path::Path;

use crate::{Error, Result};

/// 8192x8192: far more than a model of pixels can use, far less than fills a memory.
const MAX_PIXELS: usize = 1 << 26;

/// Refuses what would fill the memory.
pub(crate) fn check_pixels(path: &Path, width: usize, height: usize) -> Result<()> {
    if width.saturating_mul(height) > MAX_PIXELS {
        let problem = format!("{width}x{height} pixels; at most {MAX_PIXELS} are read");
        return Err(Error::format(path, problem));
    }
    Ok(())
}

/// `(H, W, stored)` bytes to `(C, H, W)`, the first `channels` of those stored.
pub(crate) fn planes(bytes: &[u8], stored: usize, channels: usize) -> Vec<u8> {
    let mut planes = Vec::with_capacity(bytes.len() / stored * channels);
    for channel in 0..channels {
        planes.extend(bytes.iter().skip(channel).step_by(stored));
    }
    planes
}
