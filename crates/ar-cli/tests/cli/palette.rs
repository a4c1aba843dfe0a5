use crate::common::{ar, colour_pictures, read_npy, read_png};

const TRAIN: &[&str] = &[
    "train",
    "pixelcnn",
    "--data",
    "pictures",
    "--palette",
    "5",
    "--set",
    "hidden=4",
    "--set",
    "blocks=1",
    "--batch-size",
    "8",
    "--run",
    "run",
];

#[test]
fn colours_are_levels_from_training_to_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    colour_pictures(&path.join("pictures"), 40);
    let train = |more: &[&str]| ar(path, &[TRAIN, more].concat());
    let unit = "bits/pixel of a 5-colour palette";
    let trained = train(&["--steps", "3", "--set", "validate_every=2"]).ok();
    assert!(
        trained.stdout.contains(unit) && trained.stderr.contains(unit),
        "{trained:#?}"
    );
    let text = std::fs::read_to_string(path.join("run/config.toml")).unwrap();
    assert!(
        text.contains("palette = 5") && text.contains("levels = \"none\""),
        "{text}"
    );

    let eval = |data: &[&str]| {
        let args = [&["eval", "run", "--json", "--split", "train"], data].concat();
        ar(path, &args).ok().json()
    };
    let own = eval(&[]);
    assert_eq!((&own["palette"], &own["levels"]), (&5.into(), &5.into()));
    // Other pictures, in the run's colours: a palette fitted to them would be another.
    colour_pictures(&path.join("other"), 12);
    assert_eq!(eval(&["--data", "other"])["palette"], 5);
    ar(path, &["sample", "run", "-n", "10", "-o", "s.npy"]).ok();
    let (shape, levels) = read_npy(&path.join("s.npy"));
    assert_eq!(shape, [10, 1, 5, 6]);
    assert!(levels.iter().all(|&level| level < 5));
    assert_eq!(eval(&["--data", "s.npy"])["palette"], 5);
    ar(path, &["sample", "run", "-n", "2", "-o", "s.png"]).ok();
    let (width, height, pixels) = read_png(&path.join("s.png"));
    assert_eq!(pixels.len(), (width * height * 3) as usize, "in colour");
    let complete = [
        "complete",
        "run",
        "--input",
        "pictures/000.png",
        "--keep-rows",
        "5",
    ];
    ar(path, &[&complete[..], &["-n", "1", "-o", "c.npy"]].concat()).ok();
    ar(
        path,
        &[
            "complete",
            "run",
            "--input",
            "c.npy",
            "--keep-rows",
            "5",
            "-n",
            "1",
            "-o",
            "d.npy",
        ],
    )
    .ok();
    assert_eq!(read_npy(&path.join("c.npy")), read_npy(&path.join("d.npy")));

    train(&["--steps", "4", "--resume"]).ok();
    let info = ar(path, &["info", "run"]).ok().stdout;
    assert!(
        info.contains("palette of 5 colours") && info.contains(unit),
        "{info}"
    );
}

#[test]
fn a_palette_is_for_colours_and_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let train = |more: &[&str]| {
        ar(
            path,
            &[&["train", "pixelcnn", "--palette", "5"], more].concat(),
        )
    };
    train(&["--levels", "4"]).refused(&["--palette 5", "--levels 4"]);
    train(&["--binarize", "fixed"]).refused(&["--palette 5", "--binarize"]);
    train(&["--data", "digits"]).refused(&["RGB", "channels: 1"]);
    let check = |more: &[&str]| {
        ar(
            path,
            &[&["check", "pixelcnn", "--palette", "5"], more].concat(),
        )
    };
    check(&[]).refused(&["--palette", "3xHxW"]);
    let small = [
        "--shape", "3x3x4", "--set", "hidden=4", "--set", "blocks=0", "--json",
    ];
    assert_eq!(check(&small).ok().json()["positions"], 12);
    colour_pictures(&path.join("pictures"), 10);
    let more = ar(
        path,
        &[
            "train",
            "pixelcnn",
            "--data",
            "pictures",
            "--palette",
            "4000",
        ],
    );
    more.refused(&["--palette 4000", "different colours"]);
}
