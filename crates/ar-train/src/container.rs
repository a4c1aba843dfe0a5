//! A safetensors file of f32 arrays with one JSON document in its header, read without trusting it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::tensor::{Dtype, Metadata, View, serialize};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{Error, Result};

/// Version of the layout of our files; a change that older programs misread raises it.
pub(crate) const FORMAT_VERSION: u64 = 1;

/// The one key of the header's string map. One, because the map is written in no fixed order.
const KEY: &str = "autoregressive";

/// Far above any header of ours: a thousand parameters take 100 KB.
const MAX_HEADER: u64 = 32 << 20;

/// An array of f32 in memory.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Array {
    pub(crate) shape: Vec<usize>,
    pub(crate) values: Vec<f32>,
}

impl Array {
    /// Copies an f32 tensor from wherever it lives.
    pub(crate) fn from_tensor(name: &str, tensor: &Tensor) -> Result<Self> {
        if tensor.dtype() != DType::F32 {
            return Err(Error::parameter(
                name,
                format!("is {:?}; training and saving need F32", tensor.dtype()),
            ));
        }
        Ok(Self {
            shape: tensor.dims().to_vec(),
            values: tensor.flatten_all()?.to_vec1()?,
        })
    }

    pub(crate) fn to_tensor(&self, device: &Device) -> Result<Tensor> {
        Ok(Tensor::from_slice(
            &self.values,
            self.shape.as_slice(),
            device,
        )?)
    }
}

impl View for &Array {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.values
            .iter()
            .flat_map(|v| v.to_le_bytes())
            .collect::<Vec<u8>>()
            .into()
    }

    fn data_len(&self) -> usize {
        self.values.len() * size_of::<f32>()
    }
}

/// The bytes of a file of `arrays`. The same content gives the same bytes.
pub(crate) fn encode<'a>(
    path: &Path,
    header: &impl Serialize,
    arrays: impl IntoIterator<Item = (String, &'a Array)>,
) -> Result<Vec<u8>> {
    let failed = |source| Error::Encode {
        path: path.to_path_buf(),
        source,
    };
    // By name: the order in which arrays of one type are written.
    let arrays: BTreeMap<String, &Array> = arrays.into_iter().collect();
    let sum = checksum(arrays.values().flat_map(|array| array.values.chunks(CHUNK)));
    let summed = Summed {
        checksum: &sum,
        header,
    };
    let json = serde_json::to_string(&summed).map_err(|e| failed(e.into()))?;
    serialize(arrays, Some(HashMap::from([(KEY.to_owned(), json)]))).map_err(|e| failed(e.into()))
}

/// A description and the checksum of the arrays it describes.
#[derive(Serialize)]
struct Summed<'a, H> {
    checksum: &'a str,
    #[serde(flatten)]
    header: &'a H,
}

/// Values turned into bytes at a time.
const CHUNK: usize = 1 << 12;

/// CRC-32 of the arrays' bytes one after the other: against damage, not against malice.
fn checksum<'a>(chunks: impl Iterator<Item = &'a [f32]>) -> String {
    let mut hash = crc32fast::Hasher::new();
    let mut bytes = Vec::with_capacity(4 * CHUNK);
    for chunk in chunks {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        hash.update(&bytes);
    }
    in_words(hash)
}

fn in_words(hash: crc32fast::Hasher) -> String {
    format!("crc32:{:08x}", hash.finalize())
}

/// What a file of another kind is, by its first bytes; to be asked of one whose first bytes are no length.
fn foreign_kind(start: [u8; 8]) -> Option<&'static str> {
    match start {
        [0x89, b'P', b'N', b'G', ..] => Some("a PNG picture"),
        [0xff, 0xd8, 0xff, ..] => Some("a JPEG picture"),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => Some("a numpy array"),
        [b'P', b'K', ..] => Some("a zip archive"),
        [0x1f, 0x8b, ..] => Some("a gzip file"),
        _ => None,
    }
}

/// A file, or bytes of one, whose header is read and holds together with its size; the arrays are not read yet.
#[derive(Debug)]
pub(crate) struct Container<'a, R = File> {
    path: &'a Path,
    source: R,
    metadata: Metadata,
    header: Value,
}

impl<'a> Container<'a> {
    pub(crate) fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let length = file.metadata().map_err(Error::io("read", path))?.len();
        Self::new(path, file, length)
    }
}

impl<'a, R: Read> Container<'a, R> {
    /// What `source` gives, `actual` bytes that errors call `path`.
    pub(crate) fn new(path: &'a Path, mut source: R, actual: u64) -> Result<Self> {
        let read = |e| Error::io("read", path)(e);
        let foreign = |problem: String| Error::NotACheckpoint {
            path: path.to_path_buf(),
            problem,
        };
        if actual < 8 {
            return Err(foreign(if actual == 0 {
                "it is empty".into()
            } else {
                format!("it has {actual} bytes")
            }));
        }
        let mut length = [0; 8];
        source.read_exact(&mut length).map_err(read)?;
        let start = length;
        let length = u64::from_le_bytes(start);
        if length > MAX_HEADER {
            let unknown = "it does not begin as safetensors files do".to_owned();
            let kind = foreign_kind(start).map(|kind| format!("it is {kind}"));
            return Err(foreign(kind.unwrap_or(unknown)));
        }
        if length > actual - 8 {
            return Err(Error::Truncated {
                path: path.to_path_buf(),
                expected: length + 8,
                actual,
            });
        }
        let mut header = vec![0; length as usize];
        source.read_exact(&mut header).map_err(read)?;
        let metadata: Metadata = serde_json::from_slice(&header)
            .map_err(|e| foreign(format!("its header cannot be read: {e}")))?;
        let expected = (metadata.data_len() as u64).saturating_add(8 + length);
        if expected != actual {
            return Err(Error::Truncated {
                path: path.to_path_buf(),
                expected,
                actual,
            });
        }
        let ours = metadata.metadata().as_ref().and_then(|map| map.get(KEY));
        let ours = ours.ok_or_else(|| foreign("it was written by other software".into()))?;
        let header: Value = serde_json::from_str(ours)
            .map_err(|e| Error::damaged(path, format!("its description cannot be read: {e}")))?;
        let container = Self {
            path,
            source,
            metadata,
            header,
        };
        match container.field::<u64>("format_version")? {
            FORMAT_VERSION => Ok(container),
            found => Err(Error::Version {
                path: path.to_path_buf(),
                found,
                supported: FORMAT_VERSION,
            }),
        }
    }

    /// What errors call it.
    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    /// The JSON field `name` of the description.
    pub(crate) fn field<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let value = self
            .header
            .get(name)
            .ok_or_else(|| Error::damaged(self.path, format!("`{name}` is missing")))?;
        T::deserialize(value).map_err(|e| Error::damaged(self.path, format!("`{name}`: {e}")))
    }

    /// Numbers in the arrays whose names `counts` takes, as the header has them.
    pub(crate) fn count(&self, counts: impl Fn(&str) -> bool) -> usize {
        let tensors = self.metadata.tensors();
        let own = tensors.iter().filter(|(name, _)| counts(name));
        own.map(|(_, info)| info.shape.iter().product::<usize>())
            .sum()
    }

    /// Reads every array.
    pub(crate) fn arrays(mut self) -> Result<BTreeMap<String, Array>> {
        let mut bytes = Vec::new();
        let length = self.metadata.data_len();
        bytes
            .try_reserve_exact(length)
            .map_err(|e| Error::io("read", self.path)(std::io::Error::other(e)))?;
        self.source
            .read_to_end(&mut bytes)
            .map_err(Error::io("read", self.path))?;
        // Files older than checksums have none.
        if self.header.get("checksum").is_some() {
            let mut hash = crc32fast::Hasher::new();
            hash.update(&bytes);
            if in_words(hash) != self.field::<String>("checksum")? {
                return Err(Error::damaged(
                    self.path,
                    "its numbers are not those that were written (their checksum differs)",
                ));
            }
        }
        let mut arrays = BTreeMap::new();
        for name in self.metadata.offset_keys() {
            let info = self
                .metadata
                .info(&name)
                .filter(|info| info.dtype == Dtype::F32);
            let info = info
                .ok_or_else(|| Error::damaged(self.path, format!("`{name}` is not of type F32")))?;
            let (start, end) = info.data_offsets;
            let data = bytes
                .get(start..end)
                .ok_or_else(|| Error::damaged(self.path, "it changed while it was read"))?;
            let values = data
                .as_chunks()
                .0
                .iter()
                .map(|&b| f32::from_le_bytes(b))
                .collect();
            arrays.insert(
                name,
                Array {
                    shape: info.shape.clone(),
                    values,
                },
            );
        }
        Ok(arrays)
    }
}
