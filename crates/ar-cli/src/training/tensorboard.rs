//! Curves for TensorBoard.

use std::fmt;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use syntaxdot_summary::SummaryWriter;

/// A file of events; each session of a run has one of its own, as TensorBoard expects.
pub(super) struct TensorBoard {
    writer: SummaryWriter<BufWriter<File>>,
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
    /// A new file in `folder`, which is made.
    ///
    /// # Errors
    /// When it cannot be.
    pub(super) fn create(folder: &Path) -> Result<Self> {
        let writer = SummaryWriter::from_prefix(folder.join("events"))
            .with_context(|| format!("cannot write for TensorBoard into {}", folder.display()))?;
        Ok(Self {
            writer,
            folder: folder.to_owned(),
        })
    }

    /// Some values after `step` updates.
    ///
    /// # Errors
    /// When the disk is full or the file has gone.
    pub(super) fn write(&mut self, step: u64, values: &[(&'static str, f64)]) -> Result<()> {
        for (name, value) in values {
            self.writer
                .write_scalar(*name, step as i64, *value as f32)
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
    fn values_reach_the_file_when_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let mut board = TensorBoard::create(&folder.path().join("tensorboard")).unwrap();
        board.write(7, &[("train/nats_per_image", 81.25)]).unwrap();
        drop(board);
        let inside = std::fs::read_dir(folder.path().join("tensorboard")).unwrap();
        let file = inside.map(|entry| entry.unwrap().path()).next().unwrap();
        assert!(file.to_string_lossy().contains("tfevents"));
        let bytes = std::fs::read(file).unwrap();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|own| own == part);
        assert!(has(b"brain.Event:2") && has(b"train/nats_per_image"));
        assert!(has(&81.25f32.to_le_bytes()));
    }
}
