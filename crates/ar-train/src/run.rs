use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::files::{Pending, UNFINISHED, remove_unfinished};
use crate::names::{BEST, CONFIG, LOCK, METRICS, MODEL, RECORD, RESULT, SAMPLES, STATE};
use crate::state::read_manifest;
use crate::{Error, Manifest, Result};

/// What there is of a run before its first checkpoint.
const BEFORE: [&str; 4] = [METRICS, CONFIG, SAMPLES, LOCK];

/// The directory of one training run, locked against other processes while this value lives. The
/// operating system frees the lock of a killed process.
///
/// | file | |
/// |---|---|
/// | `config.toml` | the resolved configuration |
/// | `model.safetensors` | the last checkpoint; always a whole file |
/// | `best.safetensors` | the checkpoint of the lowest validation |
/// | `state.safetensors` | what resuming needs; complete in itself |
/// | `metrics.jsonl` | one JSON object a line |
/// | `run.json` | how it was made, where the program around it says |
/// | `result.json` | what it ended with, likewise |
/// | `samples/` | sample grids |
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    _lock: File,
}

impl RunDirectory {
    /// Makes the directory of a new run, with its parents. One that exists is taken if it is empty, or
    /// holds nothing but what a run leaves that was killed before its first checkpoint.
    ///
    /// # Errors
    /// [`Error::RunExists`], [`Error::NotEmpty`], [`Error::RunLocked`], and [`Error::Io`] where nothing can be
    /// written.
    pub fn create(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).map_err(Error::io("create run directory", path))?;
        let exists = || {
            [STATE, MODEL, BEST]
                .iter()
                .any(|name| path.join(name).exists())
        };
        let run_exists = || Error::RunExists {
            path: path.to_path_buf(),
        };
        if exists() {
            return Err(run_exists());
        }
        if let Some(found) = first_foreign(path)? {
            return Err(Error::NotEmpty {
                path: path.to_path_buf(),
                found,
            });
        }
        let run = Self::lock(path)?;
        // Another process may have begun one in the meantime.
        if exists() {
            return Err(run_exists());
        }
        fs::create_dir_all(run.samples_path()).map_err(Error::io("create", &run.samples_path()))?;
        Ok(run)
    }

    /// Opens the directory of a run that has begun, to resume it, and removes what a killed process
    /// left unfinished.
    ///
    /// # Errors
    /// [`Error::NoRun`], [`Error::RunLocked`], [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join(STATE).is_file() && path.join(MODEL).is_file() {
            let problem =
                format!("it holds {MODEL} but no {STATE}, without which nothing can go on");
            return Err(Error::damaged(path, problem));
        }
        if !path.join(STATE).is_file() {
            return Err(Error::NoRun {
                path: path.to_path_buf(),
            });
        }
        let run = Self::lock(path)?;
        fs::create_dir_all(run.samples_path()).map_err(Error::io("create", &run.samples_path()))?;
        Ok(run)
    }

    /// Whether `path` holds a run that [`RunDirectory::open`] can resume. A run killed before its
    /// first checkpoint, at step 0, does not; it loses nothing by starting anew.
    pub fn is_run(path: &Path) -> bool {
        path.join(STATE).is_file()
    }

    /// Whether the file at `path` is one that a run in its folder lives by, in name and in place.
    pub fn keeps(path: &Path) -> bool {
        let own = [MODEL, STATE, BEST, METRICS, CONFIG, RECORD, RESULT].map(OsStr::new);
        let named = path.file_name().is_some_and(|name| own.contains(&name));
        named && path.with_file_name(CONFIG).is_file()
    }

    fn lock(path: &Path) -> Result<Self> {
        let name = path.join(LOCK);
        let lock = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&name)
            .map_err(Error::io("write in run directory", path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::RunLocked {
                    path: path.to_path_buf(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(Error::io("lock", &name)(source)),
        }
        remove_unfinished(path)?;
        Ok(Self {
            path: path.to_path_buf(),
            _lock: lock,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The last checkpoint.
    pub fn model_path(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// The checkpoint of the lowest validation.
    pub fn best_path(&self) -> PathBuf {
        self.path.join(BEST)
    }

    /// One JSON object a line.
    pub fn metrics_path(&self) -> PathBuf {
        self.path.join(METRICS)
    }

    /// The resolved configuration.
    pub fn config_path(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// By which program, on which machine and with which command the run was made; written by the program.
    pub fn record_path(&self) -> PathBuf {
        self.path.join(RECORD)
    }

    /// The folder of sample grids.
    pub fn samples_path(&self) -> PathBuf {
        self.path.join(SAMPLES)
    }

    pub(crate) fn state_path(&self) -> PathBuf {
        self.path.join(STATE)
    }

    /// Stores the resolved configuration.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write_config(&self, text: &str) -> Result<()> {
        Pending::write(&self.config_path(), text.as_bytes())?.commit()
    }

    /// The resolved configuration as it was stored.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_config(&self) -> Result<String> {
        let path = self.config_path();
        fs::read_to_string(&path).map_err(Error::io("read", &path))
    }

    /// What the saved state of this run belongs to; for making the model before resuming.
    ///
    /// # Errors
    /// As [`crate::Checkpoint::open`].
    pub fn manifest(&self) -> Result<Manifest> {
        read_manifest(&self.state_path())
    }
}

/// The first entry of `folder` that is none of a run's.
fn first_foreign(folder: &Path) -> Result<Option<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    let own = |name: &String| name.starts_with(UNFINISHED) || BEFORE.contains(&name.as_str());
    Ok(names.into_iter().find(|name| !own(name)))
}
