use crate::common::{ar, read_npy, read_png};

/// A `.npy` of `(N, D)` bytes, as numpy writes it.
fn write_vectors(path: &std::path::Path, n: usize, d: usize) {
    let mut header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({n}, {d}), }}");
    let padding = 63 - (10 + header.len()) % 64;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let values = (0..n * d).map(|i| u8::from((i * i + i / d).is_multiple_of(3)));
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(values);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn vectors_are_drawn_as_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    write_vectors(&path.join("v.npy"), 60, 70);
    let train = [
        "train", "pixelcnn", "--data", "v.npy", "--steps", "2", "--set", "hidden=4", "--set",
        "blocks=1", "--run", "run",
    ];
    ar(path, &train).ok();
    let size = |file: &str| {
        let (width, height, _) = read_png(&path.join(file));
        (width, height)
    };
    assert_eq!(size("run/samples.png"), (70, 36));
    ar(path, &["sample", "run", "-n", "5", "-o", "s.png"]).ok();
    assert_eq!(size("s.png"), (70, 5));
    ar(path, &["sample", "run", "-n", "5", "-o", "s.npy"]).ok();
    assert_eq!(read_npy(&path.join("s.npy")).0, [5, 1, 1, 70]);
    let complete = [
        "complete",
        "run",
        "--test",
        "2",
        "--keep-rows",
        "1",
        "-n",
        "3",
    ];
    ar(path, &[&complete[..], &["-o", "c.png"]].concat()).ok();
    assert_eq!(size("c.png"), (70, 2 * 5));
    ar(path, &["data", "show", "v.npy", "-o", "d.png"]).ok();
    assert_eq!(size("d.png").0, 70);
}
