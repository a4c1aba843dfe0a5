//! Paths as people write them.

use std::path::{Path, PathBuf};

/// From the root on, where the current folder is known.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// The folder a file lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// One path for a file or folder, however it was written: links and dots are followed as far as there is
/// anything.
pub(crate) fn identity(path: &Path) -> PathBuf {
    let path = absolute(path);
    path.canonicalize()
        .unwrap_or_else(|_| match (path.parent(), path.file_name()) {
            (Some(folder), Some(name)) => identity(folder).join(name),
            _ => path,
        })
}

/// A path as a shell takes it for one word.
pub(crate) fn quoted(path: &Path) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:,@%".contains(c);
    let path = path.to_string_lossy();
    if !path.is_empty() && path.chars().all(plain) {
        return path.into_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_quoted_path_for_one_word() {
        let said = ["runs/a-1", "my runs/a", "it's"].map(|path| quoted(Path::new(path)));
        assert_eq!(said, ["runs/a-1", "'my runs/a'", r"'it'\''s'"]);
    }

    #[test]
    fn a_path_is_the_same_however_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("a")).unwrap();
        let path = |text: &str| identity(&folder.path().join(text));
        assert_eq!(path("a/../new/file"), path("new/file"));
        assert_eq!(path("./a"), path("a"));
        assert_ne!(path("a/x"), path("x"));
        assert_eq!(folder_of(Path::new("x.png")), Path::new("."));
    }
}
