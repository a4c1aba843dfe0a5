//! Ctrl-C: the first asks to stop, the second stops.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, Result};

static ASKED: AtomicBool = AtomicBool::new(false);

/// From now on the first Ctrl-C or termination signal makes [`asked`] true; the second ends the
/// program at once.
///
/// # Errors
/// When the system refuses the handler.
pub(crate) fn install() -> Result<()> {
    ctrlc::set_handler(|| {
        if ASKED.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
    })
    .context("cannot listen for Ctrl-C")
}

/// Whether somebody asked to stop.
pub(crate) fn asked() -> bool {
    ASKED.load(Ordering::SeqCst)
}
