//! WAV files as 16-bit samples of one channel.

use std::fs::File;
use std::io::{BufReader, Cursor, Read, Seek, SeekFrom, Write as _};
use std::path::Path;

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

use super::amplitude::{SILENCE, sample};
use crate::atomic::write_atomically;
use crate::{Error, Result};

/// Samples a second that a recording can have at most.
pub(super) const HIGHEST_RATE: u32 = 768_000;
/// What a file can hold: its header counts bytes in 32 bits.
const MOST_SAMPLES: usize = (u32::MAX as usize - 44) / 2;

/// A sound of one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// Offset-binary: `0..=65535`, silence is 32768.
    pub samples: Vec<u16>,
    /// Samples a second.
    pub rate: u32,
    /// Whether the samples are the file's own: 16 bits, one channel.
    pub exact: bool,
}

/// Reads a WAV of 8, 16, 24 or 32-bit integers or 32-bit floats. Several channels become their mean; more than
/// 16 bits are rounded, and floats beyond ±1 are clipped.
///
/// # Errors
/// When the file cannot be read, is no WAV or of another variety, ends before its header says, has no samples,
/// has one that is no number, or a rate that is 0 or above 768000.
pub fn read_wav(path: impl AsRef<Path>) -> Result<Recording> {
    let path = path.as_ref();
    let file = File::open(path).map_err(Error::io("read", path))?;
    let len = file.metadata().map_err(Error::io("read", path))?.len();
    let mut file = BufReader::new(file);
    let head = head(&mut file, len, path)?;
    let reader = WavReader::new(head.chain(file)).map_err(|error| damaged(path, error))?;
    let WavSpec {
        channels,
        sample_rate: rate,
        bits_per_sample,
        sample_format,
    } = reader.spec();
    if !(1..=HIGHEST_RATE).contains(&rate) {
        let problem = format!("{rate} samples a second; between 1 and {HIGHEST_RATE} are read");
        return Err(Error::format(path, problem));
    }
    let samples = match sample_format {
        SampleFormat::Int => {
            let full = 2f64.powi(i32::from(bits_per_sample) - 1);
            let scaled = |value| f64::from(value) / full;
            mixed(
                reader.into_samples::<i32>().map(|value| value.map(scaled)),
                channels,
            )
        }
        SampleFormat::Float => mixed(
            reader
                .into_samples::<f32>()
                .map(|value| value.map(f64::from)),
            channels,
        ),
    }
    .map_err(|error| damaged(path, error))?;
    if samples.is_empty() {
        return Err(Error::format(path, "a WAV without samples"));
    }
    let exact = (channels, bits_per_sample, sample_format) == (1, 16, SampleFormat::Int);
    Ok(Recording {
        samples,
        rate,
        exact,
    })
}

/// Writes a 16-bit WAV of one channel, whole or not at all. [`read_wav`] gives the same samples back.
///
/// # Errors
/// When the rate is 0 or above 768000, there are more samples than a WAV can hold, or the file cannot be
/// written.
pub fn write_wav(path: impl AsRef<Path>, rate: u32, samples: &[u16]) -> Result<()> {
    fits(rate, samples.len())?;
    write_atomically(path.as_ref(), |out| out.write_all(&encode(rate, samples)?))
}

/// What a 16-bit WAV of one channel and so many samples begins with: each follows as a little-endian `i16`, the
/// sample less 32768. For those who write to where nobody can go back.
///
/// # Errors
/// As [`write_wav`].
pub fn wav_header(rate: u32, samples: usize) -> Result<Vec<u8>> {
    fits(rate, samples)?;
    let mut header = encode(rate, &[]).map_err(Error::io("write", Path::new("a WAV header")))?;
    let bytes = 2 * samples as u32;
    let rest = header.len() as u32 - 8;
    header[4..8].copy_from_slice(&(rest + bytes).to_le_bytes());
    let end = header.len();
    header[end - 4..].copy_from_slice(&bytes.to_le_bytes());
    Ok(header)
}

fn fits(rate: u32, samples: usize) -> Result<()> {
    check_rate(rate)?;
    if samples > MOST_SAMPLES {
        return Err(Error::Option {
            option: "samples of a WAV",
            must: "at most 2147483625",
        });
    }
    Ok(())
}

/// hound seeks, and what is written to cannot.
fn encode(rate: u32, samples: &[u16]) -> std::io::Result<Vec<u8>> {
    let spec = WavSpec {
        channels: 1,
        sample_rate: rate,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut bytes = Cursor::new(Vec::new());
    let write = |out: &mut Cursor<Vec<u8>>| -> hound::Result<()> {
        let mut writer = WavWriter::new(out, spec)?;
        for &sample in samples {
            writer.write_sample(sample.wrapping_sub(SILENCE) as i16)?;
        }
        writer.finalize()
    };
    write(&mut bytes).map_err(|error| match error {
        hound::Error::IoError(source) => source,
        other => std::io::Error::other(other),
    })?;
    Ok(bytes.into_inner())
}

/// Whether a recording can have the rate.
pub(super) fn check_rate(rate: u32) -> Result<()> {
    if (1..=HIGHEST_RATE).contains(&rate) {
        return Ok(());
    }
    Err(Error::Option {
        option: "samples a second",
        must: "between 1 and 768000",
    })
}

/// All that hound needs before the samples, which come next in the file and are all there. Left to itself it
/// stumbles over the byte that pads a chunk of odd length.
fn head(file: &mut (impl Read + Seek), len: u64, path: &Path) -> Result<Cursor<Vec<u8>>> {
    let mut head = up_to(file, 12, path)?;
    if !head.starts_with(b"RIFF") || !head.ends_with(b"WAVE") {
        return Err(Error::format(path, "not a WAV file"));
    }
    loop {
        let chunk = up_to(file, 8, path)?;
        let &[a, b, c, d, e, f, g, h] = chunk.as_slice() else {
            let problem = "a WAV that is cut short before its samples";
            return Err(Error::format(path, problem));
        };
        let size = u64::from(u32::from_le_bytes([e, f, g, h]));
        let at = file.stream_position().map_err(Error::io("read", path))?;
        let got = len.saturating_sub(at);
        if size > got {
            return Err(Error::Truncated {
                path: path.to_path_buf(),
                expected: size,
                got,
            });
        }
        match &[a, b, c, d] {
            b"data" => {
                head.extend(chunk);
                return Ok(Cursor::new(head));
            }
            b"fmt " => {
                head.extend(chunk);
                head.extend(up_to(file, size, path)?);
            }
            _ => {}
        }
        let next = SeekFrom::Start(at + size.next_multiple_of(2));
        file.seek(next).map_err(Error::io("read", path))?;
    }
}

fn up_to(file: &mut impl Read, len: u64, path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = file.take(len).read_to_end(&mut bytes);
    read.map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// The mean of each moment's channels.
fn mixed(
    values: impl Iterator<Item = hound::Result<f64>>,
    channels: u16,
) -> hound::Result<Vec<u16>> {
    let mut samples = Vec::new();
    let (mut sum, mut summed) = (0.0, 0);
    for value in values {
        let value = value?;
        if !value.is_finite() {
            return Err(hound::Error::FormatError("a sample that is not a number"));
        }
        sum += value.clamp(-1.0, 1.0);
        summed += 1;
        if summed == channels {
            samples.push(sample(sum / f64::from(channels)));
            (sum, summed) = (0.0, 0);
        }
    }
    Ok(samples)
}

fn damaged(path: &Path, error: hound::Error) -> Error {
    match error {
        hound::Error::IoError(source) if source.raw_os_error().is_some() => {
            Error::io("read", path)(source)
        }
        hound::Error::IoError(_) => Error::format(path, "a WAV that is cut short"),
        hound::Error::FormatError(problem) => {
            Error::format(path, format!("not a readable WAV: {problem}"))
        }
        _ => Error::format(
            path,
            "a variety of WAV that is not read; convert it to 16-bit PCM first",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn path(&self) -> PathBuf {
            self.0.path().join("x.wav")
        }

        fn read(&self) -> Vec<u16> {
            read_wav(self.path()).unwrap().samples
        }

        fn problem(&self) -> String {
            let problem = read_wav(self.path()).unwrap_err().to_string();
            assert!(problem.contains("x.wav"), "{problem}");
            problem
        }

        /// Another writer's file.
        fn put<S: hound::Sample + Copy>(&self, channels: u16, bits: u16, values: &[S]) {
            let float = std::any::type_name::<S>() == "f32";
            let sample_format = if float {
                SampleFormat::Float
            } else {
                SampleFormat::Int
            };
            let spec = WavSpec {
                channels,
                sample_rate: 8000,
                bits_per_sample: bits,
                sample_format,
            };
            let mut writer = WavWriter::create(self.path(), spec).unwrap();
            for &value in values {
                writer.write_sample(value).unwrap();
            }
            writer.finalize().unwrap();
        }
    }

    #[test]
    fn every_sample_is_read_back() {
        let folder = Folder::new();
        let samples: Vec<u16> = (0..=u16::MAX).collect();
        write_wav(folder.path(), 44_100, &samples).unwrap();
        let rate = 44_100;
        assert_eq!(
            read_wav(folder.path()).unwrap(),
            Recording {
                samples,
                rate,
                exact: true,
            }
        );
        assert!(write_wav(folder.path(), 0, &[0]).is_err());
        assert!(write_wav(folder.path(), HIGHEST_RATE + 1, &[0]).is_err());
    }

    #[test]
    fn every_width_and_several_channels() {
        let folder = Folder::new();
        folder.put(1, 8, &[-128i8, 0, 1, 127]);
        assert_eq!(folder.read(), [0, 32768, 32768 + 256, 32768 + 127 * 256]);
        folder.put(1, 24, &[-8_388_608i32, 0, 128, 127, 8_388_607]);
        assert_eq!(folder.read(), [0, 32768, 32769, 32768, 65535]);
        folder.put(1, 32, &[i32::MIN + 1, -65_536, i32::MAX]);
        assert_eq!(folder.read(), [0, 32767, 65535]);
        folder.put(1, 32, &[0.0f32, -0.5, 1.0, 3.0, -3.0]);
        assert_eq!(folder.read(), [32768, 16384, 65535, 65535, 0]);
        folder.put(2, 16, &[100i16, 300, -4, -6]);
        assert_eq!(folder.read(), [32968, 32763]);
    }

    #[test]
    fn other_chunks_are_stepped_over() {
        let folder = Folder::new();
        write_wav(folder.path(), 8000, &[1, 2, 3]).unwrap();
        let mut bytes = fs::read(folder.path()).unwrap();
        bytes.splice(12..12, *b"LIST\x03\0\0\0abc\0");
        bytes.extend(b"more");
        fs::write(folder.path(), &bytes).unwrap();
        assert_eq!(folder.read(), [1, 2, 3]);
    }

    #[test]
    fn cut_at_any_byte_it_is_refused() {
        let folder = Folder::new();
        write_wav(folder.path(), 8000, &[7; 20]).unwrap();
        let whole = fs::read(folder.path()).unwrap();
        for len in 0..whole.len() {
            fs::write(folder.path(), &whole[..len]).unwrap();
            let problem = folder.problem();
            let says = match len {
                0..12 => "not a WAV",
                12..20 | 36..44 => "cut short",
                _ => "truncated",
            };
            assert!(problem.contains(says), "{len}: {problem}");
        }
    }

    #[test]
    fn lies_and_nonsense_are_refused() {
        let folder = Folder::new();
        let lie = |at: usize, value: u32, says: &str| {
            write_wav(folder.path(), 8000, &[7; 20]).unwrap();
            let mut bytes = fs::read(folder.path()).unwrap();
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            if at == 24 {
                // Bytes a second, which have to agree.
                bytes[28..32].copy_from_slice(&value.wrapping_mul(2).to_le_bytes());
            }
            fs::write(folder.path(), &bytes).unwrap();
            let problem = folder.problem();
            assert!(problem.contains(says), "{problem}");
        };
        lie(40, u32::MAX, "4294967295 bytes of data expected, 40 found");
        lie(40, 0, "without samples");
        lie(24, 0, "0 samples a second");
        lie(24, HIGHEST_RATE + 1, "768001 samples a second");
        lie(20, 0x0001_0002, "16-bit PCM first"); // ADPCM
        lie(12, 0, "missing fmt");
        lie(0, 0, "not a WAV");
        folder.put(1, 32, &[0.0, f32::NAN]);
        assert!(folder.problem().contains("not a number"));
        folder.put(1, 32, &[0.0, f32::INFINITY]);
        assert!(folder.problem().contains("not a number"));
    }
}
