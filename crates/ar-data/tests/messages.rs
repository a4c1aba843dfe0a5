//! What is said in the log.

use std::fs;
use std::io::Write;
use std::sync::{Arc, Mutex};

use ar_data::{LoadOptions, Source, load};

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let log = self.0.lock();
        log.map_err(|_| std::io::ErrorKind::Other)?.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is logged meanwhile.
fn logged(work: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .finish();
    tracing::subscriber::with_default(subscriber, work);
    log.0.lock().map_or_else(
        |_| String::new(),
        |bytes| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

#[test]
fn why_there_is_no_mnist_is_told_once_and_is_no_part_of_the_description() {
    let options = LoadOptions {
        cache_dir: None,
        digits: 20,
        download: false,
        ..LoadOptions::default()
    };
    let mut source = String::new();
    let said = logged(|| source = load(&Source::Auto, &options).unwrap().source);
    assert_eq!(
        said.matches("MNIST is not here (downloading is off)")
            .count(),
        1
    );
    assert!(said.contains("INFO"), "{said}");
    assert_eq!(source, load(&Source::Digits, &options).unwrap().source);
}

#[test]
fn a_class_folder_without_a_picture_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), 1, 1);
        encoder.set_color(png::ColorType::Grayscale);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[7]).unwrap();
    };
    put("cat/a.png");
    fs::create_dir(dir.path().join("dog")).unwrap();
    fs::write(dir.path().join("dog/notes.txt"), "none yet").unwrap();
    let source = Source::Path(dir.path().to_path_buf());
    let said = logged(|| {
        let set = load(&source, &LoadOptions::default()).unwrap();
        assert_eq!(set.classes, ["cat"]);
    });
    assert!(said.contains("WARN") && said.contains("/dog"), "{said}");
    put("dog/a.png");
    let said = logged(|| drop(load(&source, &LoadOptions::default()).unwrap()));
    assert!(!said.contains("WARN"), "{said}");
}
