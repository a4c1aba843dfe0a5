//! Runs the program and makes small inputs.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ar-cli");

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails unless it succeeded.
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:#?}");
        self
    }

    /// Fails unless it was refused as bad usage, with `words` in what it said.
    pub(crate) fn refused(&self, words: &[&str]) {
        self.ended(2, words);
    }

    /// Fails unless it ended with `code` and said `words`, without a panic.
    pub(crate) fn ended(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{self:#?}");
        for word in words {
            assert!(self.stderr.contains(word), "{word:?} is not in {self:#?}");
        }
        assert!(!self.stderr.contains("panicked"), "{self:#?}");
    }

    /// Standard output as the one JSON object it has to be.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// As [`ar`], with what a line says between spaces.
pub(crate) fn with(folder: &Path, line: &str) -> Ran {
    ar(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// The program in `folder`, without network, user cache or colours.
pub(crate) fn ar(folder: &Path, args: &[&str]) -> Ran {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).args(args);
    command
        .env("XDG_CACHE_HOME", folder)
        .env("NO_COLOR", "1")
        .env_remove("RUST_LOG");
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

/// Few and small: a step takes milliseconds.
pub(crate) const TINY: &[&str] = &[
    "train",
    "pixelcnn",
    "--data",
    "digits",
    "--levels",
    "4",
    "--batch-size",
    "16",
    "--set",
    "digits=60",
    "--set",
    "data.test=20",
    "--set",
    "data.validation=10",
    "--set",
    "hidden=4",
    "--set",
    "blocks=1",
    "--set",
    "first_kernel=3",
    "--set",
    "schedule=constant",
];

/// [`TINY`] and more.
pub(crate) fn tiny<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [TINY, more].concat()
}

/// The pixels of an image of 28x28 from the last to the first, a row a line.
pub(crate) fn backwards() -> String {
    let rows = (0..28).rev().map(|row| {
        let numbers = (0..28).rev().map(|column| (row * 28 + column).to_string());
        numbers.collect::<Vec<_>>().join(" ")
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// Fails unless `object` has these keys and no others.
pub(crate) fn has_keys(object: &Value, keys: &str) {
    let mut expected: Vec<&str> = keys.split(' ').collect();
    let mut got: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    expected.sort_unstable();
    got.sort_unstable();
    assert_eq!(got, expected);
}

/// What `eval` and `test` give.
pub(crate) const SCORE: &str = "images nats_per_image standard_error nats_per_dim bits_per_dim levels binarization palette condition order";

/// A run of three steps that tests share and only read.
pub(crate) fn trained() -> &'static Path {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (_, path) = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        ar(folder.path(), &tiny(&["--steps", "3", "--run", "run"])).ok();
        let path = folder.path().join("run");
        (folder, path)
    });
    path
}

/// [`trained`] as an argument.
pub(crate) fn run_path() -> &'static str {
    trained().to_str().unwrap()
}

/// Writes an 8-bit PNG of `(H, W, C)` pixels.
pub(crate) fn write_png(path: &Path, width: u32, height: u32, pixels: &[u8]) {
    let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), width, height);
    let grey = pixels.len() == (width * height) as usize;
    encoder.set_color(if grey {
        png::ColorType::Grayscale
    } else {
        png::ColorType::Rgb
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder
        .write_header()
        .unwrap()
        .write_image_data(pixels)
        .unwrap();
}

/// Writes an array in numpy's format: `kind` as "|u1" or "<f4", and the bytes of its elements.
pub(crate) fn write_npy(path: &Path, kind: &str, shape: &[usize], elements: &[u8]) {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let sizes = sizes.join(", ");
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}\n");
    let length = (header.len() as u16).to_le_bytes();
    let start: [&[u8]; 4] = [b"\x93NUMPY", &[1, 0], &length, header.as_bytes()];
    std::fs::write(path, [&start.concat(), elements].concat()).unwrap();
}

/// Width, height and bytes of a PNG.
pub(crate) fn read_png(path: &Path) -> (u32, u32, Vec<u8>) {
    let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

/// Shape and values of a `.npy` of bytes.
pub(crate) fn read_npy(path: &Path) -> (Vec<u64>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let file = npyz::NpyFile::new(&bytes[..]).unwrap();
    (file.shape().to_vec(), file.into_vec().unwrap())
}

/// A folder of `n` small colour pictures.
pub(crate) fn colour_pictures(folder: &Path, n: usize) {
    std::fs::create_dir_all(folder).unwrap();
    for i in 0..n {
        let pixels: Vec<u8> = (0..5 * 6 * 3)
            .map(|j| ((i * 37 + j * 11) % 256) as u8)
            .collect();
        write_png(&folder.join(format!("{i:03}.png")), 6, 5, &pixels);
    }
}
