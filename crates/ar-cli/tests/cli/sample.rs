use crate::common::{ar, has_keys, read_npy, read_png, run_path, trained};

#[test]
fn both_engines_draw_the_same_levels() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sample = |more: &[&str]| {
        ar(
            path,
            &[&["sample", run_path(), "-n", "3", "--json"], more].concat(),
        )
        .ok()
    };
    let stepwise = sample(&["-o", "a.npy"]).json();
    has_keys(&stepwise, "images seconds engine file nats passes");
    assert_eq!(
        (&stepwise["images"], &stepwise["engine"], &stepwise["file"]),
        (&3.into(), &"stepwise".into(), &"a.npy".into())
    );
    assert_eq!(
        sample(&["-o", "b.npy", "--whole-pass"]).json()["engine"],
        "whole-pass"
    );
    let (shape, levels) = read_npy(&path.join("a.npy"));
    assert_eq!(shape, [3, 1, 28, 28]);
    assert!(levels.iter().all(|&level| level < 4) && levels.iter().any(|&level| level > 0));
    assert_eq!(levels, read_npy(&path.join("b.npy")).1);
    sample(&["-o", "c.npy", "--seed", "1"]);
    assert_ne!(levels, read_npy(&path.join("c.npy")).1);
    sample(&["-o", "d.npy", "--top-k", "1"]);
    let greedy = read_npy(&path.join("d.npy")).1;
    assert!(
        greedy[..784] == greedy[784..1568],
        "the most probable levels are the same whatever the draw"
    );
}

#[test]
fn pictures_animations_and_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let checkpoint = trained().join("best.safetensors");
    std::fs::copy(checkpoint, path.join("some.safetensors")).unwrap();
    let sample = [
        "sample",
        "some.safetensors",
        "-n",
        "5",
        "--temperature",
        "0.7",
        "--top-p",
        "0.9",
        "--animate",
        "a.png",
    ];
    let ran = ar(path, &sample).ok();
    assert!(
        ran.stdout.contains("5 images") && ran.stdout.contains("sampled.png"),
        "{ran:#?}"
    );
    let (still, moving) = (
        read_png(&path.join("sampled.png")),
        std::fs::read(path.join("a.png")).unwrap(),
    );
    assert_eq!((still.0, still.1), (3 * 58 + 2, 2 * 58 + 2));
    let control = moving
        .windows(4)
        .position(|chunk| chunk == b"acTL")
        .unwrap();
    let frames = u32::from_be_bytes(moving[control + 4..control + 8].try_into().unwrap());
    assert!((100..=120).contains(&frames), "{frames}");
}

#[test]
fn options_out_of_range_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sample = |more: &[&str]| ar(folder.path(), &[&["sample", run_path()], more].concat());
    for zero in ["0", "-1", "nan", "inf", "hot"] {
        sample(&["--temperature", zero]).refused(&["--temperature", "must be a positive number"]);
    }
    for share in ["0", "1.5", "-0.1", "nan"] {
        sample(&["--top-p", share]).refused(&["--top-p", "must lie in (0, 1]"]);
    }
    sample(&["--top-k", "0"]).refused(&["--top-k", "at least 1"]);
    sample(&["-n", "0"]).refused(&["at least 1"]);
    sample(&["-n", "1000000000000000"]).refused(&["-n: at most"]);
    sample(&["-n", "-3"]).refused(&["at least 1"]);
    sample(&["--seed", "-1"]).refused(&["--seed", "from 0"]);
    sample(&["--device", "gpu"]).refused(&["--device", "cpu"]);
    sample(&["-o", "a.jpg"]).refused(&["a.jpg", ".png", ".npy"]);
    sample(&["-n", "1", "-o", "no/a.png"]).refused(&["no/a.png", "there is no folder no"]);
    sample(&["-n", "1", "-o", "no/a.npy"]).refused(&["no/a.npy"]);
    sample(&["-n", "1", "-o", "a.png", "--animate", "a.gif"]).refused(&["a.gif", ".png"]);
    assert!(!folder.path().join("a.jpg").exists());
}
