//! Files that a command is going to write, checked before the work begins.

use std::path::{Path, PathBuf};

use anyhow::Result;
use ar_train::{Checkpoint, RunDirectory};

use crate::failure::usage;
use crate::paths::{folder_of, identity};

/// The files of one command: none of them replaces an input or another of them, and what exists already
/// only where that was asked for. What a run lives by is no command's to replace.
#[derive(Debug, Clone)]
pub(crate) struct Destinations {
    force: bool,
    /// Files that are never written: the option each was given by.
    inputs: Vec<(String, PathBuf)>,
    chosen: Vec<(&'static str, PathBuf)>,
}

impl Destinations {
    /// Whether `--force` was given.
    pub(crate) fn new(force: bool) -> Self {
        Self {
            force,
            inputs: Vec::new(),
            chosen: Vec::new(),
        }
    }

    /// Whether what exists is replaced.
    pub(crate) fn forced(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// A file that the command reads, by the option that names it.
    pub(crate) fn reads(&mut self, option: &str, path: &Path) {
        self.inputs.push((option.to_owned(), identity(path)));
    }

    /// The file that `option` names, or `usual`, which the program keeps in a folder of its own and may be there.
    ///
    /// # Errors
    /// As [`Self::file`].
    pub(crate) fn file_or(
        &mut self,
        option: &'static str,
        path: &Path,
        usual: &Path,
        endings: &[&str],
    ) -> Result<()> {
        if identity(path) == identity(usual) {
            return self.check(option, path, true);
        }
        self.file(option, path, endings)
    }

    /// The file that `option` names.
    ///
    /// # Errors
    /// When it ends in none of `endings`, its folder is not there or takes no files, it is a folder itself, an
    /// input, a run's own or another option's file, or it exists and `--force` was not given.
    pub(crate) fn file(
        &mut self,
        option: &'static str,
        path: &Path,
        endings: &[&str],
    ) -> Result<()> {
        let ending = ending_of(path);
        if !endings.contains(&ending.as_str()) {
            let endings = endings.iter().map(|e| format!(".{e}")).collect::<Vec<_>>();
            return Err(usage(format!(
                "{option} {}: the name must end in {}",
                path.display(),
                endings.join(" or ")
            )));
        }
        self.check(option, path, false)
    }

    fn check(&mut self, option: &'static str, path: &Path, is_usual: bool) -> Result<()> {
        let refused =
            |problem: String| Err(usage(format!("{option} {}: {problem}", path.display())));
        let folder = folder_of(path);
        if !folder.is_dir() {
            return refused(format!("there is no folder {}", folder.display()));
        }
        if path.is_dir() {
            return refused("it is a folder".to_owned());
        }
        let own = identity(path);
        // A new file in a folder of data would be among the data the next time.
        let is_read = |input: &PathBuf| own.starts_with(input);
        let read = self.inputs.iter().find(|(_, input)| is_read(input));
        if let Some((input, _)) = read.filter(|(_, input)| !is_usual || *input == own) {
            return refused(format!("it is what {input} reads; choose another name"));
        }
        if let Some((other, _)) = self.chosen.iter().find(|(_, chosen)| *chosen == own) {
            return refused(format!("{other} writes the same file; choose another name"));
        }
        if path.is_file() && (Checkpoint::is_kept(path) || RunDirectory::keeps(&own)) {
            return refused("it is a run's own file; choose another name".to_owned());
        }
        if path.is_file() && !is_usual && !self.force {
            return refused(
                "it exists; choose another name, or add --force to replace it".to_owned(),
            );
        }
        // Devices and pipes are written to, not replaced.
        if (path.is_file() || !path.exists())
            && let Err(error) = tempfile::tempfile_in(folder)
        {
            return refused(format!("cannot write in {}: {error}", folder.display()));
        }
        self.chosen.push((option, own));
        Ok(())
    }
}

/// The letters after the last dot, in small letters.
pub(crate) fn ending_of(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    ending.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<()>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn nothing_that_exists_is_replaced_unasked() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old.png"), folder.path().join("new.png"));
        std::fs::write(&old, b"precious").unwrap();
        let mut files = Destinations::new(false);
        assert!(message(files.file("-o", &old, &["png"])).contains("--force"));
        files.file("-o", &new, &["png"]).unwrap();
        let same = folder.path().join("./new.png");
        assert!(
            message(files.file("--animate", &same, &["png"])).contains("-o writes the same file")
        );
        let usual = folder.path().join("./old.png");
        files.file_or("-o", &old, &usual, &["png"]).unwrap();
        Destinations::new(true).file("-o", &old, &["png"]).unwrap();
    }

    #[test]
    fn an_input_is_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("a.png");
        std::fs::write(&input, b"precious").unwrap();
        let mut files = Destinations::new(true);
        files.reads("--input", &input);
        assert!(message(files.file("-o", &input, &["png"])).contains("what --input reads"));
        #[cfg(unix)]
        {
            let link = folder.path().join("b.png");
            std::os::unix::fs::symlink(&input, &link).unwrap();
            assert!(message(files.file("-o", &link, &["png"])).contains("what --input reads"));
        }
    }

    #[test]
    fn folders_and_endings_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Destinations::new(false);
        let missing = folder.path().join("nowhere").join("a.png");
        let said = message(files.file("-o", &missing, &["png", "npy"]));
        assert!(
            said.contains("there is no folder") && said.ends_with("nowhere"),
            "{said}"
        );
        let said = message(files.file("-o", &folder.path().join("a.jpg"), &["png", "npy"]));
        assert!(said.contains("must end in .png or .npy"), "{said}");
        let inside = folder.path().join("a.png");
        std::fs::create_dir(&inside).unwrap();
        assert!(message(files.file("-o", &inside, &["png"])).contains("it is a folder"));
    }
}
