//! MNIST and CIFAR-10 from the hub, through `candle-datasets`.
//!
//! Its loader blocks, retries, and panics on damaged images, so it runs on a thread of its own that is waited
//! for only so long. A thread that is given up keeps downloading into the hub's own cache until the program
//! ends, which makes the next attempt shorter.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use candle_core::{DType, Tensor};
use candle_datasets::vision;

use crate::LoadOptions;
use crate::catalogue::Named;
use crate::formats::{write_gz, write_records};

type Outcome<T> = std::result::Result<T, String>;

/// Records in each file of the original CIFAR-10.
const CIFAR_BATCH: usize = 10_000;

/// Downloads a set into the cache and gives the folder, or says why not.
pub(crate) fn download(set: Named, options: &LoadOptions, patience: Duration) -> Outcome<PathBuf> {
    let folder = set
        .cache_folder(options)
        .ok_or("there is no cache folder to download into")?;
    if let Some(host) = options.hub_host.clone() {
        let reach = options.reach;
        // Names are looked up without a limit of their own, hence the thread.
        within(reach, move || reachable(&host, reach))
            .map_err(|why| format!("the hub cannot be reached: {why}"))?;
    }
    tracing::info!("downloading {} into {}", set.name(), folder.display());
    let found = within(patience, move || match set {
        Named::Mnist => vision::mnist::load().map_err(|error| error.to_string()),
        Named::Cifar10 => vision::cifar::load().map_err(|error| error.to_string()),
    })
    .map_err(|why| format!("the download failed: {why}"))?;
    keep(set, &found, &folder).map_err(|why| format!("the download cannot be kept: {why}"))?;
    Ok(folder)
}

/// Runs something on another thread and waits only so long.
fn within<T: Send + 'static>(
    patience: Duration,
    work: impl FnOnce() -> Outcome<T> + Send + 'static,
) -> Outcome<T> {
    let (sender, receiver) = channel();
    let worker = move || {
        // Nobody may be waiting any more.
        let _ = sender.send(work());
    };
    thread::Builder::new()
        .name("hub".to_owned())
        .spawn(worker)
        .map_err(|e| e.to_string())?;
    receiver.recv_timeout(patience).unwrap_or_else(|error| {
        Err(match error {
            RecvTimeoutError::Timeout => format!("no answer within {} s", patience.as_secs_f32()),
            // The sender is gone without a word: the loader panicked.
            RecvTimeoutError::Disconnected => "what it sent is damaged".to_owned(),
        })
    })
}

fn reachable(host: &str, reach: Duration) -> Outcome<()> {
    let mut last = format!("{host} has no address");
    for address in host
        .to_socket_addrs()
        .map_err(|error| format!("{host}: {error}"))?
    {
        match TcpStream::connect_timeout(&address, reach) {
            Ok(_) => return Ok(()),
            Err(error) => last = format!("{host}: {error}"),
        }
    }
    Err(last)
}

/// Writes a set into the cache in its own format: a folder that appears whole or not at all.
fn keep(set: Named, found: &vision::Dataset, folder: &Path) -> Outcome<()> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let staging = folder.with_extension(format!("{}.tmp", std::process::id()));
    fs::create_dir_all(&staging).map_err(failed)?;
    let written = write(set, found, &staging).and_then(|()| {
        // An empty folder in the way; a full one makes the renaming fail.
        let _ = fs::remove_dir(folder);
        fs::rename(&staging, folder).map_err(failed)
    });
    if written.is_err() {
        // The first failure is the one to report.
        let _ = fs::remove_dir_all(&staging);
    }
    written
}

fn write(set: Named, found: &vision::Dataset, folder: &Path) -> Outcome<()> {
    let train = (&found.train_images, &found.train_labels);
    let test = (&found.test_images, &found.test_labels);
    match set {
        Named::Mnist => {
            for (stem, (images, labels)) in [("t10k", test), ("train", train)] {
                let (images, labels) = (bytes(images)?, label_bytes(labels)?);
                let n = labels.len() as u32;
                let path = |rest: &str| folder.join(format!("{stem}-{rest}-ubyte.gz"));
                write_gz(&path("labels-idx1"), &[n], &labels).map_err(|e| said(&e))?;
                write_gz(&path("images-idx3"), &[n, 28, 28], &images).map_err(|e| said(&e))?;
            }
        }
        Named::Cifar10 => {
            let write = |name: &str, images: &Tensor, labels: &Tensor| {
                let images = bytes(&upright(images).map_err(|error| error.to_string())?)?;
                write_records(&folder.join(name), &images, &label_bytes(labels)?)
                    .map_err(|e| said(&e))
            };
            write("test_batch.bin", test.0, test.1)?;
            let n = train.1.elem_count();
            for (batch, start) in (0..n).step_by(CIFAR_BATCH).enumerate() {
                let len = CIFAR_BATCH.min(n - start);
                let part =
                    |tensor: &Tensor| tensor.narrow(0, start, len).map_err(|e| e.to_string());
                let name = format!("data_batch_{}.bin", batch + 1);
                write(&name, &part(train.0)?, &part(train.1)?)?;
            }
        }
    }
    Ok(())
}

/// `candle-datasets` 0.11.1 takes rows for columns: it gives `(N, C, W, H)`.
fn upright(images: &Tensor) -> candle_core::Result<Tensor> {
    images.transpose(2, 3)?.contiguous()
}

/// Values in `0..=1` as the bytes they were made of.
fn bytes(images: &Tensor) -> Outcome<Vec<u8>> {
    let values = images.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
    let values = values.map_err(|error| error.to_string())?;
    Ok(values
        .into_iter()
        .map(|value| (value * 255.0).round() as u8)
        .collect())
}

fn label_bytes(labels: &Tensor) -> Outcome<Vec<u8>> {
    labels
        .to_dtype(DType::U8)
        .and_then(|labels| labels.to_vec1())
        .map_err(|error| error.to_string())
}

/// An error with its cause on one line.
fn said(error: &crate::Error) -> String {
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
    format!("{error}{}", cause.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::{Source, load};

    fn labels(n: usize) -> Tensor {
        Tensor::from_vec((0..n).map(|i| (i % 10) as u8).collect(), n, &Device::Cpu).unwrap()
    }

    /// What the loader of `candle-datasets` makes of CIFAR-10 images given as (N, C, H, W).
    fn as_loaded(images: &Tensor) -> Tensor {
        let scaled = (images.to_dtype(DType::F32).unwrap() / 255.0).unwrap();
        let pictures = scaled.permute((0, 2, 3, 1)).unwrap(); // (N, H, W, C)
        pictures.permute((0, 3, 2, 1)).unwrap()
    }

    fn options(cache: &Path) -> LoadOptions {
        LoadOptions {
            cache_dir: Some(cache.to_path_buf()),
            download: false,
            ..LoadOptions::default()
        }
    }

    #[test]
    fn cifar_is_turned_upright_and_kept() {
        let n = 3;
        let values: Vec<u8> = (0..n * 3072).map(|i| (i * 31 % 256) as u8).collect();
        let upright = Tensor::from_vec(values.clone(), (n, 3, 32, 32), &Device::Cpu).unwrap();
        let found = vision::Dataset {
            train_images: as_loaded(&upright),
            train_labels: labels(n),
            test_images: as_loaded(&upright),
            test_labels: labels(n),
            labels: 10,
        };
        let cache = tempfile::tempdir().unwrap();
        keep(Named::Cifar10, &found, &cache.path().join("cifar10")).unwrap();
        let set = load(&Source::Cifar10, &options(cache.path())).unwrap();
        let expected: Vec<u16> = values.into_iter().map(u16::from).collect();
        assert_eq!(set.test.pixels(), expected);
        assert_eq!(set.test.labels(), Some(&[0, 1, 2][..]));
    }

    #[test]
    fn mnist_is_kept_exactly_and_found_again() {
        let n = 4;
        let values: Vec<u8> = (0..n * 784).map(|i| (i % 256) as u8).collect();
        let images = Tensor::from_vec(values.clone(), (n, 784), &Device::Cpu).unwrap();
        let images = (images.to_dtype(DType::F32).unwrap() / 255.0).unwrap();
        let found = vision::Dataset {
            train_images: images.clone(),
            train_labels: labels(n),
            test_images: images,
            test_labels: labels(n),
            labels: 10,
        };
        let cache = tempfile::tempdir().unwrap();
        keep(Named::Mnist, &found, &cache.path().join("mnist")).unwrap();
        assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
        let set = load(&Source::Auto, &options(cache.path())).unwrap();
        assert_eq!(set.name, "mnist");
        assert_eq!(
            set.test.pixels(),
            values.into_iter().map(u16::from).collect::<Vec<_>>()
        );
    }

    #[test]
    fn nobody_waits_for_ever() {
        let (blocker, blocked) = channel::<()>();
        let late = within(Duration::from_millis(20), move || {
            blocked.recv().map_err(|e| e.to_string())
        });
        assert!(late.unwrap_err().contains("no answer within"));
        drop(blocker);
        let broken: Outcome<()> = within(Duration::from_mins(1), || panic!("as the loader does"));
        assert_eq!(broken.unwrap_err(), "what it sent is damaged");
    }

    #[test]
    fn an_unreachable_host_is_named() {
        // A port nobody listens on: bound, then given back.
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let cache = tempfile::tempdir().unwrap();
        let host = format!("127.0.0.1:{port}");
        let options = LoadOptions {
            download: true,
            hub_host: Some(host.clone()),
            ..options(cache.path())
        };
        let error = load(&Source::Mnist, &options).unwrap_err().to_string();
        assert!(
            error.contains(&host) && error.contains("train-images-idx3-ubyte.gz"),
            "{error}"
        );
        assert!(
            error.contains(&cache.path().join("mnist").display().to_string()),
            "{error}"
        );
    }
}
