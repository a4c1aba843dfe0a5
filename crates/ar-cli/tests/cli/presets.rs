use crate::common::ar;

#[test]
fn a_preset_is_a_size_that_set_goes_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let config = |more: &[&str]| {
        let info = ["info", "pixelcnn", "--json"];
        let json = ar(path, &[&info[..], more].concat()).ok().json();
        json["config"].clone()
    };
    let plain = config(&["--preset", "plain", "--set", "hidden=6"]);
    assert_eq!(plain["hidden"], 6);
    assert_ne!(plain["kernel"], config(&[])["kernel"]);
    let presets = ar(path, &["info", "pixelcnn", "--json"]).ok().json()["presets"].clone();
    assert!(presets.as_array().unwrap().contains(&"paper".into()));

    let train = [
        "train",
        "pixelcnn",
        "--data",
        "digits",
        "--set",
        "digits=20",
        "--steps",
        "1",
        "--run",
        "r",
        "--preset",
        "plain",
        "--set",
        "hidden=4",
        "--set",
        "data.test=2",
        "--set",
        "data.validation=2",
    ];
    ar(path, &train).ok();
    let text = std::fs::read_to_string(path.join("r/config.toml")).unwrap();
    let kernel = format!("\nkernel = {}\n", plain["kernel"]);
    assert!(
        text.contains(&kernel) && text.contains("hidden = 4"),
        "{text}"
    );
}

#[test]
fn presets_that_are_none_are_refused_with_those_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    for command in ["train", "info", "check"] {
        ar(path, &[command, "gated-pixelcnn", "--preset", "huge"])
            .refused(&["--preset huge", "gated-pixelcnn are paper"]);
        ar(path, &[command, "pixelcnn-plain", "--preset", "huge"]).refused(&["no presets"]);
    }
    ar(
        path,
        &["info", crate::common::run_path(), "--preset", "paper"],
    )
    .refused(&["--preset", "untrained"]);
    std::fs::write(path.join("c.toml"), "[model]\nhidden = 4\n").unwrap();
    let both = [
        "train", "pixelcnn", "--config", "c.toml", "--preset", "paper",
    ];
    ar(path, &both).refused(&["--preset paper", "c.toml"]);
    let help = ar(path, &["train", "--help"]).ok().stdout;
    assert!(
        help.contains("gated-pixelcnn (or conditional-pixelcnn), presets paper"),
        "{help}"
    );
}
