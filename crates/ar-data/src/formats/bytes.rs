//! Reading that trusts no header with an allocation.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use crate::{Error, Result};

/// Deflate cannot do better than 1032 to 1, so a file of n bytes cannot hold more than this.
pub(crate) const fn most_inflated(n: u64) -> u64 {
    n.saturating_mul(1032).saturating_add(1024)
}

/// A file, inflated if it is gzip, with an upper bound of the bytes it can give.
pub(crate) struct Bounded<'a> {
    reader: Box<dyn Read + 'a>,
    possible: u64,
    path: PathBuf,
}

impl<'a> Bounded<'a> {
    /// A part of the file at `path` that can give at most `possible` bytes.
    pub(crate) fn new(reader: impl Read + 'a, possible: u64, path: &Path) -> Self {
        Self {
            reader: Box::new(reader),
            possible,
            path: path.to_path_buf(),
        }
    }

    /// Opens a file that may be gzipped, whatever its name.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let len = file.metadata().map_err(Error::io("read", path))?.len();
        let mut reader = BufReader::new(file);
        let start = reader.fill_buf().map_err(Error::io("read", path))?;
        Ok(if start.starts_with(&[0x1f, 0x8b]) {
            Self::new(MultiGzDecoder::new(reader), most_inflated(len), path)
        } else {
            Self::new(reader, len, path)
        })
    }

    /// The file, for messages.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The first bytes of the file, of a count that the format and not the file decides.
    pub(crate) fn header(&mut self, len: usize) -> Result<Vec<u8>> {
        let bytes =
            read_up_to(&mut self.reader, len as u64).map_err(Error::io("read", &self.path))?;
        if bytes.is_empty() {
            return Err(Error::format(&self.path, "an empty file"));
        }
        if bytes.len() < len {
            let (expected, got) = (len as u64, bytes.len() as u64);
            return Err(Error::Truncated {
                path: self.path.clone(),
                expected,
                got,
            });
        }
        Ok(bytes)
    }

    /// Exactly `claimed` bytes of data. Memory grows with what arrives.
    pub(crate) fn exactly(&mut self, claimed: u128) -> Result<Vec<u8>> {
        if claimed > u128::from(self.possible) {
            let (path, possible) = (self.path.clone(), self.possible);
            return Err(Error::Oversized {
                path,
                claimed,
                possible,
            });
        }
        let bytes = read_up_to(&mut self.reader, claimed as u64)
            .map_err(|source| Error::io("read", &self.path)(source))?;
        if (bytes.len() as u128) < claimed {
            let (expected, got) = (claimed as u64, bytes.len() as u64);
            return Err(Error::Truncated {
                path: self.path.clone(),
                expected,
                got,
            });
        }
        Ok(bytes)
    }

    /// Refuses a file that goes on.
    pub(crate) fn end(&mut self) -> Result<()> {
        let more = read_up_to(&mut self.reader, 1).map_err(Error::io("read", &self.path))?;
        if more.is_empty() {
            return Ok(());
        }
        Err(Error::format(
            &self.path,
            "holds more data than its header says",
        ))
    }
}

/// At most `limit` bytes of a reader; a gzip stream that breaks off counts as its end.
pub(crate) fn read_up_to(reader: &mut dyn Read, limit: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match reader.take(limit).read_to_end(&mut bytes) {
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(bytes),
    }
}

/// The entries of a folder, sorted by name, without hidden ones.
pub(crate) fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))? {
        let entry = entry.map_err(Error::io("list", dir))?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// The last part of a path, for messages and names.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
