use crate::common::{SCORE, ar, colour_pictures, has_keys, run_path, trained};

#[test]
fn the_test_likelihood_is_that_of_training() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let scored = ar(
        path,
        &[
            "eval",
            run_path(),
            "--json",
            "--batch-size",
            "7",
            "--per-image",
            "s.csv",
        ],
    )
    .ok();
    assert!(!scored.stderr.contains("not the data"), "{scored:#?}");
    let scored = scored.json();
    has_keys(&scored, SCORE);
    let text = std::fs::read_to_string(trained().join("result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (now, then) = (&scored["nats_per_image"], &result["test"]["nats_per_image"]);
    assert!(
        (now.as_f64().unwrap() - then.as_f64().unwrap()).abs() < 1e-3,
        "{now} {then}"
    );

    let csv = std::fs::read_to_string(path.join("s.csv")).unwrap();
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("index,label,nats,bits_per_dim"));
    let rows: Vec<Vec<f64>> = lines
        .map(|l| l.split(',').map(|v| v.parse().unwrap()).collect())
        .collect();
    assert_eq!(rows.len(), 20);
    let mean = rows.iter().map(|row| row[2]).sum::<f64>() / 20.0;
    assert!((mean - now.as_f64().unwrap()).abs() < 1e-6);
    assert!(
        rows.iter()
            .enumerate()
            .all(|(i, row)| row[0] == i as f64 && row[1] < 10.0)
    );
}

#[test]
fn splits_and_limits() {
    let folder = tempfile::tempdir().unwrap();
    let images = |more: &[&str]| {
        let args = [&["eval", run_path(), "--json"], more].concat();
        ar(folder.path(), &args).ok().json()["images"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(images(&["--split", "train"]), 60);
    assert_eq!(images(&["--split", "validation"]), 6);
    assert_eq!(images(&["--limit", "3", "--batch-size", "2"]), 3);
    assert_eq!(images(&["--limit", "300"]), 20);
    let said = ar(folder.path(), &["eval", run_path()]).ok().stdout;
    assert!(
        said.contains("nats/image") && said.contains("4 levels"),
        "{said}"
    );
}

#[test]
fn other_data_are_refused_or_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    colour_pictures(&path.join("pictures"), 20);
    let eval = |more: &[&str]| ar(path, &[&["eval", run_path()], more].concat());
    eval(&["--data", "pictures"]).refused(&["pictures", "3x5x6", "1x28x28"]);
    eval(&["--limit", "0"]).refused(&["--limit"]);
    eval(&["--split", "all"]).refused(&["--split", "validation"]);
    eval(&["--data", "nowhere"]).refused(&["nowhere"]);
    std::fs::create_dir(path.join("grey")).unwrap();
    for i in 0..20u8 {
        crate::common::write_png(&path.join(format!("grey/{i}.png")), 28, 28, &[i * 12; 784]);
    }
    let other = eval(&["--data", "grey"]).ok();
    assert!(
        other
            .stderr
            .contains("not the data the model was trained with"),
        "{other:#?}"
    );
}

#[test]
fn samples_score_as_the_levels_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(path, &["sample", run_path(), "-n", "20", "-o", "s.npy"]).ok();
    let eval = |more: &[&str]| {
        ar(path, &[&["eval", run_path(), "--json"], more].concat())
            .ok()
            .json()
    };
    let samples = eval(&["--data", "s.npy", "--split", "train"]);
    assert_eq!(
        (&samples["images"], &samples["levels"]),
        (&17.into(), &4.into())
    );
    // Taken as 17 black images they would all have the same likelihood.
    assert!(samples["standard_error"].as_f64().unwrap() > 0.01);
}
