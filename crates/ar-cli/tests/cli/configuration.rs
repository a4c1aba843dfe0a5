use crate::common::{ar, tiny};

#[test]
fn the_stored_configuration_makes_the_same_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(
        path,
        &tiny(&[
            "--steps",
            "2",
            "--run",
            "a",
            "--lr",
            "0.004",
            "--set",
            "train.weight_decay=0.01",
        ]),
    )
    .ok();
    ar(path, &["train", "--config", "a/config.toml", "--run", "b"]).ok();
    for file in ["config.toml", "model.safetensors"] {
        let read = |run: &str| std::fs::read(path.join(run).join(file)).unwrap();
        assert!(read("a") == read("b"), "{file}");
    }
    let text = std::fs::read_to_string(path.join("a/config.toml")).unwrap();
    for line in [
        "name = \"pixelcnn\"",
        "learning_rate = 0.004",
        "weight_decay = 0.01",
        "hidden = 4",
        "levels = 4",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn flags_go_over_the_file_and_the_file_over_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let file = "[model]\nhidden = 4\nblocks = 1\n[train]\nlearning-rate = 0.5\nsteps = 50\nbatch_size = 8\n\
                [data]\nsource = \"digits\"\ndigits = 40\ntest = 5\nvalidation = 4\nlevels = 8\n";
    std::fs::write(path.join("c.toml"), file).unwrap();
    let args = [
        "train", "pixelcnn", "--config", "c.toml", "--run", "r", "--lr", "0.25", "--epochs", "1",
    ];
    let result = ar(
        path,
        &[&args[..], &["--set", "blocks=2", "--json"]].concat(),
    )
    .ok()
    .json();
    assert_eq!(
        (&result["steps"], &result["test"]["levels"]),
        (&5.into(), &8.into())
    );
    let text = std::fs::read_to_string(path.join("r/config.toml")).unwrap();
    for line in [
        "learning_rate = 0.25",
        "blocks = 2",
        "hidden = 4",
        "kernel = 3",
        "steps = \"none\"",
        "epochs = 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}

#[test]
fn what_is_no_configuration_is_refused_with_what_would_be() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let set = |assignment: &str| ar(path, &tiny(&["--steps", "1", "--set", assignment]));
    set("hiden=4").refused(&[
        "--set hiden=4",
        "unknown field \"hiden\"",
        "did you mean hidden?",
        "model.hidden",
        "train.learning_rate",
    ]);
    set("model.hiden=4").refused(&["[model]", "hidden, kernel"]);
    set("hidden").refused(&["KEY=VALUE"]);
    set("hidden=0").refused(&["hidden", "at least 1"]);
    set("hidden=-4").refused(&["--set hidden=-4", "whole number"]);
    set("hidden=2.5").refused(&["hidden", "whole number"]);
    set("hidden=many").refused(&["hidden", "whole number"]);
    set("steps=1e3").refused(&["steps: must be a whole number"]);
    set("data.levels=[2]").refused(&["levels: must be a whole number"]);
    set("kernel=4").refused(&["kernel", "odd"]);
    set("layers=wavy").refused(&["wavy", "residual"]);
    set("learning_rate=nan").refused(&["finite"]);
    set("learning_rate=-1").refused(&["learning_rate", "positive"]);
    set("checkpoint_every=0").refused(&["checkpoint_every", "at least 1"]);
    set("schedule=steep").refused(&["schedule", "steep", "cosine"]);
    set("binarize=maybe").refused(&["binarize", "maybe", "fixed"]);
    set("steps=2").refused(&["--steps", "contradict"]);
    let lr = ["--steps", "1", "--lr", "0.1", "--set", "learning_rate=0.2"];
    ar(path, &tiny(&lr)).refused(&["--lr", "contradict"]);

    let config = |text: &str| {
        std::fs::write(path.join("c.toml"), text).unwrap();
        ar(path, &["train", "pixelcnn", "--config", "c.toml"])
    };
    config("[model]\nhiden = 4").refused(&["c.toml", "hiden", "hidden"]);
    config("[trainer]\nsteps = 4").refused(&["c.toml", "trainer", "[train]"]);
    config("[model\n").refused(&["c.toml", "TOML parse error"]);
    config("[train]\nlearning_rate = \"fast\"").refused(&["c.toml", "learning_rate", "number"]);
    config("name = \"pixelcnn-plain\"").refused(&["c.toml", "pixelcnn-plain, not pixelcnn"]);
    ar(path, &["train", "pixelcnn", "--config", "no.toml"]).refused(&["no.toml"]);
    ar(path, &["train"]).refused(&["which MODEL", "pixelcnn-plain"]);
    ar(path, &["train", "pixelsnn"]).refused(&["pixelsnn", "did you mean pixel", "pixelcnn-plain"]);
    ar(path, &["train", "none"]).refused(&["gated-pixelcnn (or conditional-pixelcnn)"]);
    assert!(!path.join("runs").exists(), "nothing was begun");
}

#[test]
fn muon_where_it_does_nothing_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let run = ["--run", "r", "--steps", "2", "--set", "optimizer=muon"];
    ar(path, &tiny(&run)).refused(&["optimizer: muon is for convolutions"]);
    let made = ["train", "made", "--data", "digits", "--set", "digits=60"];
    ar(path, &[&made[..], &run].concat()).refused(&["optimizer: muon", "use adam"]);
    assert!(!path.join("r").exists());
}
