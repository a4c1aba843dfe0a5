//! Files that appear whole or not at all, through a crash or a full disk.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::{Error, Result};

/// Start of the names of unfinished files, by which those of a killed process are known.
pub(crate) const UNFINISHED: &str = ".unfinished-";

/// A file written and synced under another name. Dropped without [`Pending::commit`], it is gone.
#[derive(Debug)]
pub(crate) struct Pending {
    file: NamedTempFile,
    path: PathBuf,
}

impl Pending {
    /// Writes `bytes` beside `path`. When this succeeds there was room on the disk.
    pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<Self> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
        let written = builder.tempfile_in(folder(path)).and_then(|mut file| {
            file.write_all(bytes)?;
            file.as_file().sync_all()?;
            Ok(file)
        });
        let file = written.map_err(Error::io("write", path))?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
        })
    }

    /// Puts the file in place of what was there.
    pub(crate) fn commit(self) -> Result<()> {
        let Self { file, path } = self;
        file.persist(&path)
            .map_err(|e| Error::io("write", &path)(e.error))?;
        sync_folder(folder(&path))
    }
}

/// Removes what killed processes left unfinished in `folder`.
pub(crate) fn remove_unfinished(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            fs::remove_file(entry.path()).map_err(Error::io("remove", &entry.path()))?;
        }
    }
    Ok(())
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a rename last through a power failure, where the platform can.
fn sync_folder(folder: &Path) -> Result<()> {
    if cfg!(unix) {
        fs::File::open(folder)
            .and_then(|f| f.sync_all())
            .map_err(Error::io("sync", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_file_stays_until_commit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        Pending::write(&path, b"old").unwrap().commit().unwrap();
        drop(Pending::write(&path, b"new").unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        Pending::write(&path, b"new").unwrap().commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(format!("{UNFINISHED}x")), b"half").unwrap();
        fs::write(dir.path().join("kept"), b"whole").unwrap();
        remove_unfinished(dir.path()).unwrap();
        let left: Vec<_> = fs::read_dir(dir.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left, ["kept"]);
    }
}
