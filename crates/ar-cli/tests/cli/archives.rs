use std::path::Path;
use std::sync::OnceLock;

use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

use crate::common::{PROGRAM, has_keys, read_npy, with, write_npy, write_png};

/// A run whose levels are all 256, and one of sound; small, and not tied to a size.
fn runs() -> &'static Path {
    static RUNS: OnceLock<TempDir> = OnceLock::new();
    let folder = RUNS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let digits = "--data digits --levels 256 --set digits=60 --set data.test=20 --set data.validation=10";
        let tones = "--data tones --set tones=30 --crop 300 --batch-size 2 --levels 65536 --quantize linear";
        for (run, line) in [
            ("grey", format!("pixelcnn-pp {digits} --set hidden=4 --set blocks=1 --set components=2")),
            ("mixture", format!("gated-pixelcnn {digits} --set hidden=4 --set blocks=1 --set orders=2 --set position=false")),
            ("sound", format!("wavenet {tones} --set hidden=4 --set skip=4 --set stacks=1 --set max_dilation=4 --set head=logistic")),
        ] {
            let line = format!("train {line} --steps 3 --run {run}");
            with(folder.path(), &line).ok();
        }
        folder
    });
    folder.path()
}

/// The program on vectors of `width` bits and so many threads.
fn on(width: &str, threads: &str, folder: &Path, line: &str) -> Value {
    let mut command = Command::new(PROGRAM);
    command.current_dir(folder).args(line.split_whitespace());
    command
        .env("AR_WIDTH", width)
        .env("RAYON_NUM_THREADS", threads);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Pictures of several sizes in folders, and arrays.
fn files(folder: &Path) {
    std::fs::create_dir_all(folder.join("in/deep")).unwrap();
    let pixels = |n: u32, by: u32| {
        (0..n)
            .map(|i| (i * i * by / 7 % 256) as u8)
            .collect::<Vec<u8>>()
    };
    write_png(&folder.join("in/a.png"), 28, 28, &pixels(784, 1));
    write_png(&folder.join("in/deep/b.png"), 9, 31, &pixels(279, 3));
    write_png(&folder.join("in/deep/c.png"), 28, 28, &pixels(784, 5));
    write_npy(&folder.join("in/d.npy"), "|u1", &[3, 5, 6], &pixels(90, 2));
    let wide: Vec<u8> = pixels(40, 9).into_iter().flat_map(|b| [b, 0]).collect();
    write_npy(&folder.join("in/e.npy"), "<u2", &[2, 4, 5, 1], &wide);
}

fn same_pixels(a: &Path, b: &Path) -> bool {
    let pixels = |path: &Path| {
        let file = std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, info.color_type, pixels)
    };
    pixels(a) == pixels(b)
}

/// Compressed on one processor and read on another: widths of vectors and numbers of threads make no difference.
#[test]
fn files_come_back_whatever_the_processor() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    files(path);
    let run = |name: &str| runs().join(name).to_str().unwrap().to_owned();
    for (run, order) in [
        (run("grey"), ""),
        (run("mixture"), ""),
        (run("mixture"), "--order raster+flip+mirror"),
    ] {
        let mut archives = Vec::new();
        for (width, threads) in [("scalar", "1"), ("128", "2"), ("256", "3"), ("512", "1")] {
            let line = format!("compress {run} in -o {width}.arc --force --json {order}");
            let report = on(width, threads, path, &line);
            has_keys(
                &report,
                "archive files images bytes model_bytes dims bits_per_dim model_bits_per_dim seconds comparison",
            );
            assert_eq!(
                (&report["files"], &report["images"]),
                (&5.into(), &8.into())
            );
            archives.push(std::fs::read(path.join(format!("{width}.arc"))).unwrap());
        }
        assert!(archives.windows(2).all(|pair| pair[0] == pair[1]), "{run}");
        for (width, threads) in [("512", "3"), ("scalar", "2")] {
            let line = format!("decompress 256.arc --model {run} -o out --force --json");
            let report = on(width, threads, path, &line);
            has_keys(&report, "files images output seconds damaged");
            assert_eq!(report["files"], 5);
            for picture in ["a.png", "deep/b.png", "deep/c.png"] {
                assert!(same_pixels(
                    &path.join("in").join(picture),
                    &path.join("out").join(picture)
                ));
            }
            for array in ["d.npy", "e.npy"] {
                let read = |folder| std::fs::read(path.join(folder).join(array)).unwrap();
                assert!(read("in") == read("out"), "{array}");
            }
        }
    }
}

#[test]
fn the_test_images_and_the_model_fit_into_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    std::fs::create_dir(path.join("away")).unwrap();
    let run = runs().join("grey");
    let run = run.to_str().unwrap();
    let plain = with(
        path,
        &format!("compress {run} --test 20 -o plain.arc --json"),
    )
    .ok()
    .json();
    let whole = with(
        path,
        &format!("compress {run} --test 20 -o whole.arc --embed-model --json"),
    )
    .ok()
    .json();
    let (bytes, inside) = (
        whole["bytes"].as_u64().unwrap(),
        whole["model_bytes"].as_u64().unwrap(),
    );
    assert_eq!(bytes, plain["bytes"].as_u64().unwrap() + inside + 8);
    // What eval says of the same images.
    let eval = with(path, &format!("eval {run} --limit 20 --json"))
        .ok()
        .json();
    let own = plain["model_bits_per_dim"].as_f64().unwrap();
    assert!(
        (own - eval["bits_per_dim"].as_f64().unwrap()).abs() < 1e-4,
        "{own} {eval}"
    );
    let coded = plain["bits_per_dim"].as_f64().unwrap();
    assert!(coded < 1.03 * own, "{coded} {own}");

    std::fs::copy(path.join("whole.arc"), path.join("away/whole.arc")).unwrap();
    with(&path.join("away"), "decompress whole.arc -o test.npy").ok();
    with(path, "decompress plain.arc -o plain").ok();
    let (shape, levels) = read_npy(&path.join("away/test.npy"));
    assert_eq!(
        (shape, &levels),
        (
            vec![20, 1, 28, 28],
            &read_npy(&path.join("plain/test.npy")).1
        )
    );
    let listed = with(path, "archive whole.arc --json").ok().json();
    assert_eq!(
        (&listed["files"][0]["file"], &listed["files"][0]["images"]),
        (&"test.npy".into(), &20.into())
    );
    assert_eq!(listed["embedded_bytes"], inside);
    assert!(
        with(path, "archive plain.arc")
            .ok()
            .stdout
            .contains("pixelcnn-pp")
    );
}

#[test]
fn sound_comes_back_sample_by_sample() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = runs().join("sound");
    let run = run.to_str().unwrap();
    with(path, &format!("sample {run} --seconds 0.02 -n 3 -o in.wav")).ok();
    std::fs::create_dir(path.join("in")).unwrap();
    for i in 1..4 {
        std::fs::rename(
            path.join(format!("in-{i}.wav")),
            path.join(format!("in/{i}.wav")),
        )
        .unwrap();
    }
    with(path, &format!("compress {run} in -o x.arc")).ok();
    with(path, "decompress x.arc -o out").ok();
    for i in 1..4 {
        let read =
            |folder: &str| std::fs::read(path.join(folder).join(format!("{i}.wav"))).unwrap();
        assert!(read("in") == read("out"), "{i}");
    }
    let report = with(path, &format!("compress {run} --test 2 -o y.arc --json"))
        .ok()
        .json();
    assert_eq!(report["images"], 2);
    with(path, "decompress y.arc -o test --json").ok();
    // An array is no place for a recording, whatever is there stays, and what exists is found before the rest.
    let npy = path.join("x.npy");
    std::fs::write(&npy, "precious").unwrap();
    with(path, "decompress y.arc -o x.npy --force").refused(&["more than one file"]);
    std::fs::remove_file(path.join("test/test/00000.wav")).unwrap();
    with(path, "decompress y.arc -o test").refused(&["00001.wav", "--force"]);
    assert!(!path.join("test/test/00000.wav").exists());
    let one = path.join("test/test/00001.wav").display().to_string();
    let run = runs().join("sound").display().to_string();
    with(path, &format!("compress {run} {one} -o one.arc")).ok();
    with(path, "decompress one.arc -o x.npy --force").refused(&["00001.wav", "no array"]);
    assert_eq!(std::fs::read_to_string(npy).unwrap(), "precious");
    assert!(path.join("test/test/00001.wav").is_file());
}

#[test]
fn what_does_not_fit_is_refused_and_damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    files(path);
    let [grey, mixture, sound] =
        ["grey", "mixture", "sound"].map(|r| runs().join(r).to_str().unwrap().to_owned());
    let four = crate::common::run_path();
    let refused = |line: &str, words: &[&str]| with(path, line).refused(words);
    refused(
        &format!("compress {four} in/a.png -o x.arc"),
        &["a.png", "4 levels"],
    );
    refused(
        &format!("compress {sound} in/a.png -o x.arc"),
        &["of sound"],
    );
    refused(&format!("compress {grey} nowhere -o x.arc"), &["nowhere"]);
    refused(
        &format!("compress {grey} in/a.png in/deep/../a.png -o x.arc"),
        &["another file is called a.png"],
    );
    refused(
        &format!("compress {grey} in -o x.arc --class 3"),
        &["not conditioned on classes"],
    );
    refused(&format!("compress {grey} -o x.arc"), &["--test"]);
    let rgb: Vec<u8> = (0..48).map(|i| i as u8 * 5).collect();
    write_png(&path.join("rgb.png"), 4, 4, &rgb);
    refused(
        &format!("compress {grey} rgb.png -o x.arc"),
        &["rgb.png", "3 channels"],
    );

    with(path, &format!("compress {grey} in -o x.arc")).ok();
    refused(&format!("compress {grey} in -o x.arc"), &["--force"]);
    refused(
        &format!("decompress x.arc --model {mixture} -o out"),
        &["was made by pixelcnn-pp", "this is gated-pixelcnn"],
    );
    refused("decompress none.arc -o out", &["none.arc"]);
    refused("decompress x.arc -o one.npy", &["more than one file"]);
    with(path, &format!("compress {grey} in/d.npy -o d.arc")).ok();
    std::fs::write(path.join("d.npy"), "precious").unwrap();
    refused("decompress d.arc -o d.npy", &["d.npy", "--force"]);
    with(path, "decompress d.arc -o d.npy --force").ok();
    let [again, whole] = ["d.npy", "in/d.npy"].map(|file| std::fs::read(path.join(file)).unwrap());
    assert!(again == whole);
    with(path, "decompress in/a.png -o out").ended(1, &["a.png", "not an archive"]);

    let whole = std::fs::read(path.join("x.arc")).unwrap();
    let damaged = |bytes: &[u8]| {
        std::fs::write(path.join("bad.arc"), bytes).unwrap();
        let out = tempfile::tempdir_in(path).unwrap();
        let line = format!("decompress bad.arc -o {} --json", out.path().display());
        let ran = with(path, &line);
        ran.ended(1, &["bad.arc"]);
        // Whatever was written is right.
        for (name, _) in [("a.png", 0), ("deep/b.png", 0), ("deep/c.png", 0)] {
            let written = out.path().join(name);
            assert!(!written.exists() || same_pixels(&path.join("in").join(name), &written));
        }
        ran.json()["files"].as_u64().unwrap_or(0)
    };
    assert!(damaged(&whole[..whole.len() - 20]) <= 4);
    let mut flipped = whole.clone();
    let last = flipped.len() - 40;
    flipped[last] ^= 4;
    assert!(
        (1..5).contains(&damaged(&flipped)),
        "those before the damage are written"
    );
}
