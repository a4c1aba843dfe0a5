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
fn the_most_probable_of_several_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let sample = |more: &[&str]| ar(path, &[&["sample", run_path()], more].concat());
    let nats = |told: &serde_json::Value| -> Vec<f64> {
        serde_json::from_value(told["nats"].clone()).unwrap()
    };
    let all = sample(&["-n", "6", "-o", "all.npy", "--json"]).ok().json();
    let best = ["-n", "2", "--best-of", "3"];
    let told = sample(&[&best[..], &["-o", "best.npy", "--json"]].concat());
    let told = told.ok().json();
    has_keys(&told, "images seconds engine file nats best_of passes");
    let (all, kept) = (nats(&all), nats(&told));
    let least = |nats: &[f64]| nats.iter().copied().fold(f64::INFINITY, f64::min);
    assert_eq!(kept, [least(&all[..3]), least(&all[3..])]);
    let image = |file: &str, i: usize| read_npy(&path.join(file)).1[784 * i..][..784].to_vec();
    let from = all.iter().position(|&nats| nats == kept[1]).unwrap();
    assert_eq!(image("best.npy", 1), image("all.npy", from));

    let said = sample(&[&best[..], &["-o", "a.png", "--animate", "b.png"]].concat());
    let said = said.ok().stdout;
    assert!(
        said.contains("2 images, each the most probable of 3, in")
            && said.contains(&format!(
                "nats under the model: {:.2}, {:.2}",
                kept[0], kept[1]
            )),
        "{said}"
    );
    sample(&["--best-of", "0"]).refused(&["--best-of", "at least 1"]);
    sample(&["--best-of", "2", "--stream", "--seconds", "1"]).refused(&["--best-of", "--stream"]);
    sample(&["--best-of", "1000000000000000"]).refused(&["-n: at most"]);
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
