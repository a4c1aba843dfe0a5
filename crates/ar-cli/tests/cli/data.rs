use crate::common::{ar, read_png};

#[test]
fn named_sets_are_listed_shown_and_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let list = ar(path, &["data", "list"]).ok().stdout;
    for words in [
        "mnist",
        "cifar10",
        "digits",
        "always here",
        "not here; ar-cli data fetch mnist",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
    let shown = ar(
        path,
        &["data", "show", "digits", "-o", "d.png", "--levels", "4"],
    )
    .ok()
    .stdout;
    for words in [
        "digits: built-in",
        "1x28x28",
        "levels: 4 of 256",
        "fingerprint: ",
        "classes: 0, 1",
    ] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    assert!(read_png(&path.join("d.png")).0 > 400);
    assert!(
        ar(path, &["data", "fetch", "digits"])
            .ok()
            .stdout
            .contains("part of this program")
    );
}

#[test]
fn what_is_no_data_set_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    ar(path, &["data", "fetch", "imagenet"]).refused(&["imagenet", "mnist"]);
    ar(path, &["data", "show", "nowhere"]).refused(&["nowhere"]);
    ar(path, &["data", "show", "digits", "-o", "d.jpg"]).refused(&["--output", ".png"]);
    ar(path, &["data", "show", "minst"]).refused(&["did you mean mnist?"]);
    ar(path, &["data", "show", "digits", "--levels", "257"]).refused(&["257", "256"]);
    ar(
        path,
        &[
            "data",
            "show",
            "digits",
            "--levels",
            "4",
            "--binarize",
            "fixed",
        ],
    )
    .refused(&["--levels 4"]);
    ar(path, &["data"]).refused(&["list", "show", "fetch"]);
}
