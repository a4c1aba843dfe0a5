use std::fs;
use std::path::{Path, PathBuf};

use ar_core::{Blueprint, Distribution};
use ar_train::{Checkpoint, Error, RunDirectory, TrainConfig, Trainer};
use candle_core::Device;

use crate::toy::{Notes, Plan, begin, config, go_on, manifest, validate};

fn finished() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    begin(dir.path(), config(), &mut Notes::default()).unwrap();
    dir
}

fn open(path: &Path) -> Result<Checkpoint, Error> {
    Checkpoint::open(path, &Device::Cpu)
}

#[test]
fn a_checkpoint_opens_without_any_flag() {
    let dir = finished();
    let checkpoint = open(dir.path()).unwrap();
    assert_eq!((&checkpoint.manifest, checkpoint.step), (&manifest(), 23));
    assert_eq!(checkpoint.weights.elements(), 42);
    assert_eq!(
        RunDirectory::open(dir.path()).unwrap().manifest().unwrap(),
        manifest()
    );
    let model: Box<dyn Distribution> = Plan.build(checkpoint.best_weights()).unwrap();
    let nats = validate(&*model).unwrap();
    let metrics = fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
    assert!(
        metrics
            .lines()
            .last()
            .unwrap()
            .contains(&format!("\"validation_nats_per_image\":{nats}"))
    );
}

/// Without a file: what was embedded, or came over a network.
#[test]
fn a_checkpoint_opens_from_bytes() {
    let dir = finished();
    let file = fs::read(dir.path().join("model.safetensors")).unwrap();
    let (there, here) = (
        open(dir.path()).unwrap(),
        Checkpoint::from_bytes(&file, &Device::Cpu).unwrap(),
    );
    let bytes =
        |c: &Checkpoint| Checkpoint::to_bytes(&c.manifest, c.step, c.best_weights()).unwrap();
    assert_eq!(bytes(&there), bytes(&here));
    let again = Checkpoint::from_bytes(&bytes(&here), &Device::Cpu).unwrap();
    assert_eq!((again.step, again.averaged.is_none()), (23, true));
    for end in [0, 7, 100, file.len() - 1] {
        let error = Checkpoint::from_bytes(&file[..end], &Device::Cpu).unwrap_err();
        assert!(error.to_string().contains("model.safetensors"), "{error}");
    }
    let state = fs::read(dir.path().join("state.safetensors")).unwrap();
    let error = Checkpoint::from_bytes(&state, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains("training state"), "{error}");
}

#[test]
fn without_averaging_there_is_one_set_of_weights() {
    let dir = tempfile::tempdir().unwrap();
    begin(
        dir.path(),
        TrainConfig {
            ema_decay: 0.0,
            ..config()
        },
        &mut Notes::default(),
    )
    .unwrap();
    let checkpoint = open(dir.path()).unwrap();
    assert!(checkpoint.averaged.is_none());
    assert_eq!(checkpoint.best_weights().len(), 2);
}

#[test]
fn best_is_the_lowest_validation() {
    let dir = tempfile::tempdir().unwrap();
    let mut notes = Notes::default();
    let best = begin(dir.path(), config(), &mut notes)
        .unwrap()
        .best
        .unwrap();
    let lowest = notes
        .validations
        .iter()
        .map(|v| v.validation_nats_per_image)
        .fold(f64::INFINITY, f64::min);
    assert_eq!(best.nats_per_image, lowest);
    let checkpoint = open(&dir.path().join("best.safetensors")).unwrap();
    assert_eq!(checkpoint.step, best.step);
    assert_eq!(
        validate(&*Plan.build(checkpoint.best_weights()).unwrap()).unwrap(),
        lowest
    );
}

/// A file of this header and so many bytes of data.
fn file(dir: &Path, header: &str, data: usize) -> PathBuf {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data, 0);
    let path = dir.join("made.safetensors");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn every_truncation_is_an_error_that_names_the_file() {
    let dir = finished();
    for name in ["model.safetensors", "state.safetensors"] {
        let path = dir.path().join(name);
        let whole = fs::read(&path).unwrap();
        for length in (0..whole.len()).step_by(7).chain([whole.len() - 1, 8, 9]) {
            fs::write(&path, &whole[..length]).unwrap();
            let error = if name == "model.safetensors" {
                open(&path).unwrap_err()
            } else {
                go_on(dir.path(), config(), &mut Notes::default()).unwrap_err()
            };
            assert!(
                matches!(
                    error,
                    Error::Truncated { .. } | Error::NotACheckpoint { .. }
                ),
                "{length}: {error}"
            );
            assert!(error.to_string().contains(name));
        }
        fs::write(&path, [&whole[..], b"x"].concat()).unwrap();
        let error = if name == "model.safetensors" {
            open(&path).unwrap_err()
        } else {
            go_on(dir.path(), config(), &mut Notes::default()).unwrap_err()
        };
        assert!(matches!(error, Error::Truncated { .. }));
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn other_files_are_told_apart() {
    let dir = finished();
    let cases: &[(&[u8], &str)] = &[
        (b"", "is not a checkpoint: it is empty"),
        (b"PK\x03\x04", "is not a checkpoint: it has 4 bytes"),
        (
            b"PK\x03\x04 and what follows",
            "is not a checkpoint: it is a zip archive",
        ),
        // A length that only begins as a zip archive does: 19,280 bytes of header, which are not there.
        (b"PK\0\0\0\0\0\0{}", "it should have 19288 bytes and has 10"),
        (
            b"\x89PNG\r\n\x1a\n0000000000",
            "is not a checkpoint: it is a PNG picture",
        ),
        (
            b"hello, here is some text",
            "is not a checkpoint: it does not begin as safetensors files do",
        ),
        (
            b"\x02\0\0\0\0\0\0\0xx",
            "is not a checkpoint: its header cannot be read",
        ),
        (
            b"\x02\0\0\0\0\0\0\0{}",
            "is not a checkpoint: it was written by other software",
        ),
    ];
    let path = dir.path().join("other");
    for (bytes, message) in cases {
        fs::write(&path, bytes).unwrap();
        let error = open(&path).unwrap_err().to_string();
        assert!(
            error.contains(message) && error.contains("other"),
            "{error}"
        );
    }
    let state = open(&dir.path().join("state.safetensors"))
        .unwrap_err()
        .to_string();
    assert!(
        state.ends_with("it is the training state; open model.safetensors beside it"),
        "{state}"
    );
    assert!(matches!(
        open(&dir.path().join("absent")),
        Err(Error::Io { action: "read", .. })
    ));
}

#[test]
fn headers_are_not_trusted() {
    let dir = tempfile::tempdir().unwrap();
    let ours = |fields: &str| {
        format!(
            r#""__metadata__":{{"autoregressive":{}}}"#,
            serde_json::json!(fields)
        )
    };
    let good = r#"{"format_version":1,"kind":"model","step":1,"manifest":{"model":"","config":0,"domain":0,"order":0,"dataset":0}}"#;
    // A terabyte in sixteen numbers: refused by the size of the file, before any allocation.
    let huge = r#"{"a":{"dtype":"F32","shape":[250000000000],"data_offsets":[0,1000000000000]}}"#;
    let overflow = format!(
        r#"{{"a":{{"dtype":"F32","shape":[{0},{0}],"data_offsets":[0,4]}}}}"#,
        u64::MAX / 2
    );
    let half = format!(
        r#"{{"a":{{"dtype":"F16","shape":[2],"data_offsets":[0,4]}},{}}}"#,
        ours(good)
    );
    let lonely = format!(
        r#"{{"ema.a":{{"dtype":"F32","shape":[1],"data_offsets":[0,4]}},{}}}"#,
        ours(good)
    );
    let newer = format!(
        "{{{}}}",
        ours(&good.replace("\"format_version\":1", "\"format_version\":7"))
    );
    let stepless = format!("{{{}}}", ours(&good.replace("\"step\":1,", "")));
    let broken = format!("{{{}}}", ours("{"));
    let cases = [
        (huge.to_owned(), 4, "it should have 1000000000"),
        (
            overflow,
            4,
            "is not a checkpoint: its header cannot be read",
        ),
        (half, 4, "is damaged: `a` is not of type F32"),
        (
            lonely,
            4,
            "is damaged: weights and averaged weights do not match",
        ),
        (
            newer,
            0,
            "has checkpoint format 7; this version reads format 1",
        ),
        (stepless, 0, "is damaged: `step` is missing"),
        (broken, 0, "is damaged: its description cannot be read"),
    ];
    for (header, data, message) in cases {
        let error = open(&file(dir.path(), &header, data))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(message) && error.contains("made.safetensors"),
            "{error}"
        );
    }
    let path = dir.path().join("claims");
    fs::write(&path, [&u64::MAX.to_le_bytes()[..], b"{}"].concat()).unwrap();
    assert!(matches!(open(&path), Err(Error::NotACheckpoint { .. })));
}

#[derive(Debug)]
struct Other;

impl Blueprint for Other {
    fn build(&self, weights: &ar_core::Weights) -> ar_core::Result<Box<dyn Distribution>> {
        Err(ar_core::Error::config(
            "weights",
            format!("{} are not enough", weights.len()),
        ))
    }
}

#[test]
fn weights_of_another_model_are_refused() {
    let dir = finished();
    let run = RunDirectory::open(dir.path()).unwrap();
    let error = Trainer::resume(&Other, config(), &run, &Device::Cpu).unwrap_err();
    assert_eq!(error.to_string(), "weights: 2 are not enough");
}

#[test]
fn a_changed_number_is_damage() {
    let dir = finished();
    for name in ["model.safetensors", "state.safetensors"] {
        let path = dir.path().join(name);
        let whole = fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        let last = bytes.len() - 3;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let error = if name == "model.safetensors" {
            open(&path).unwrap_err()
        } else {
            go_on(dir.path(), config(), &mut Notes::default()).unwrap_err()
        };
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("checksum"), "{error}");
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn a_description_needs_no_numbers() {
    let dir = finished();
    let described = Checkpoint::describe(dir.path()).unwrap();
    assert_eq!((described.step, described.parameters), (23, 42));
    assert_eq!(described.manifest, manifest());
}

#[test]
fn a_new_run_takes_no_folder_that_holds_something_else() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("holiday.png"), b"a picture").unwrap();
    let refused = RunDirectory::create(dir.path());
    assert!(matches!(refused, Err(Error::NotEmpty { found, .. }) if found == "holiday.png"));
    assert_eq!(
        fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing was put into it"
    );

    // What a run leaves that was killed before its first checkpoint.
    let dir = tempfile::tempdir().unwrap();
    let run = RunDirectory::create(dir.path()).unwrap();
    run.write_config("name = 'linear'").unwrap();
    drop(run);
    drop(RunDirectory::create(dir.path()).unwrap());
    assert!(matches!(
        RunDirectory::create(finished().path()),
        Err(Error::RunExists { .. })
    ));
}
