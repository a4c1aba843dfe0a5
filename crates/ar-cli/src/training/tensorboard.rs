//! Curves for TensorBoard.

use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use syntaxdot_summary::SummaryWriter;

/// A file of events; each session of a run has one of its own, as TensorBoard expects.
pub(super) struct TensorBoard {
    writer: SummaryWriter<File>,
    folder: PathBuf,
}

impl fmt::Debug for TensorBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TensorBoard")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

impl TensorBoard {
    /// A new file in `folder`, which is made. Nothing is buffered: what a killed run has written is there.
    ///
    /// # Errors
    /// When it cannot be.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let name = format!(
            "events.out.tfevents.{}.{}",
            since.unwrap_or_default().as_micros(),
            std::process::id()
        );
        let cannot = || format!("cannot write for TensorBoard into {}", folder.display());
        std::fs::create_dir_all(folder).with_context(cannot)?;
        let file = File::create_new(folder.join(name)).with_context(cannot)?;
        Ok(Self {
            writer: SummaryWriter::new(file).with_context(cannot)?,
            folder: folder.to_owned(),
        })
    }

    /// Some values after `step` updates.
    ///
    /// # Errors
    /// When the disk is full or the file has gone.
    pub(super) fn write(&mut self, step: u64, values: &[(String, f64)]) -> Result<()> {
        for (name, value) in values {
            self.writer
                .write_scalar(name.as_str(), step as i64, *value as f32)
                .with_context(|| {
                    format!(
                        "cannot write for TensorBoard into {}",
                        self.folder.display()
                    )
                })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_file_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::create(&folder.path().join("tensorboard")).unwrap();
        board
            .write(7, &[("train/nats_per_image".to_owned(), 81.25)])
            .unwrap();
        let inside = std::fs::read_dir(folder.path().join("tensorboard")).unwrap();
        let file = inside.map(|entry| entry.unwrap().path()).next().unwrap();
        assert!(file.to_string_lossy().contains("tfevents"));
        let bytes = std::fs::read(file).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|own| own == part);
        assert!(has(b"brain.Event:2") && has(b"train/nats_per_image"));
        assert!(has(&81.25f32.to_le_bytes()));
    }
}
