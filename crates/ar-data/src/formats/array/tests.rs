//! Arrays made byte by byte.

use std::path::Path;

use super::*;
use crate::formats::npy_header::MAGIC;

fn read_with(bytes: &[u8], options: &LoadOptions) -> Result<(Shape, Vec<u16>)> {
    let mut file = Bounded::new(bytes, bytes.len() as u64, Path::new("x.npy"));
    let array = Array::read(&mut file)?;
    array.pixels(options, &file)
}

fn read(bytes: &[u8]) -> Result<(Shape, Vec<u16>)> {
    read_with(bytes, &LoadOptions::default())
}

fn npy(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
    let mut bytes = [MAGIC, &[1, 0]].concat();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(data);
    bytes
}

#[test]
fn integers_of_every_kind() {
    for (descr, data) in [
        ("|u1", vec![1, 2]),
        ("|b1", vec![1, 2]),
        ("<u2", vec![1, 0, 2, 0]),
        (">i4", vec![0, 0, 0, 1, 0, 0, 0, 2]),
        ("<i8", vec![1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0]),
    ] {
        let (shape, pixels) = read(&npy(descr, "False", "(1, 2)", &data)).unwrap();
        assert_eq!(
            (shape, pixels),
            (Shape::new(1, 1, 2), vec![1, 2]),
            "{descr}"
        );
    }
}

#[test]
fn fortran_order_is_undone() {
    let (shape, pixels) = read(&npy("|u1", "True", "(1, 2, 3)", &[0, 3, 1, 4, 2, 5])).unwrap();
    assert_eq!(
        (shape, pixels),
        (Shape::new(1, 2, 3), vec![0, 1, 2, 3, 4, 5])
    );
}

#[test]
fn bad_arrays_are_refused() {
    let problem = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(problem(&[]).contains("an empty file"));
    assert!(problem(b"PNG or other").contains("not an npy array"));
    assert!(problem(&npy("<c8", "False", "(1, 1)", &[0; 8])).contains("float64 expected"));
    assert!(problem(&npy("|i1", "False", "(1, 1)", &[255])).contains("between 0 and 65535"));
    assert!(problem(&npy("<u4", "False", "(1, 1)", &[0, 0, 1, 0])).contains("between 0 and 65535"));
    assert!(problem(&npy("|u1", "False", "(2,)", &[0, 1])).contains("(N, C, H, W)"));
    assert!(problem(&npy("|u1", "False", "(1,1,1,1,1)", &[0])).contains("5 dimensions"));
    assert!(problem(&npy("|u1", "False", "(1, -1)", &[0])).contains("size \"-1\""));
    assert!(problem(&npy("|u1", "False", "(1, 1)", &[0, 0])).contains("more data"));
    assert!(matches!(
        read(&npy("|u1", "False", "(0, 3)", &[])),
        Err(Error::NoImages { .. })
    ));
    assert!(matches!(
        read(&npy("|u1", "False", "(2, 3)", &[0; 5])),
        Err(Error::Oversized { .. } | Error::Truncated { .. })
    ));
    let whole = npy("|u1", "False", "(2, 3)", &[0; 6]);
    for len in 0..whole.len() {
        assert!(read(&whole[..len]).is_err(), "{len} bytes");
    }
}

#[test]
fn enormous_claims_take_no_memory() {
    for shape in [
        "(4294967295, 4294967295)",
        "(18446744073709551615, 18446744073709551615, 3, 3)",
    ] {
        let claim = read(&npy("<u8", "False", shape, &[0; 4])).unwrap_err();
        assert!(matches!(claim, Error::Oversized { .. }), "{claim}");
    }
    let mut header = [MAGIC, &[2, 0]].concat();
    header.extend(u32::MAX.to_le_bytes());
    assert!(
        read(&header)
            .unwrap_err()
            .to_string()
            .contains("header of 4294967295 bytes")
    );
}

#[test]
fn floats_that_are_levels_are_taken() {
    let floats = [0.0, 1.0, 65_535.0];
    let single = |big: bool| {
        floats
            .map(|v: f64| {
                if big {
                    (v as f32).to_be_bytes()
                } else {
                    (v as f32).to_le_bytes()
                }
            })
            .concat()
    };
    let double = |big: bool| {
        floats
            .map(|v: f64| {
                if big {
                    v.to_be_bytes()
                } else {
                    v.to_le_bytes()
                }
            })
            .concat()
    };
    for (descr, data) in [
        ("<f4", single(false)),
        (">f4", single(true)),
        ("<f8", double(false)),
        (">f8", double(true)),
    ] {
        let (shape, pixels) = read(&npy(descr, "False", "(3, 1)", &data)).unwrap();
        assert_eq!(
            (shape, pixels),
            (Shape::new(1, 1, 1), vec![0, 1, 65_535]),
            "{descr}"
        );
    }
}

fn floats(order: &str, shape: &str, values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    npy("<f4", order, shape, &data)
}

#[test]
fn floats_that_are_none_are_named_with_their_place() {
    let problem = |order, values: &[f32]| {
        read(&floats(order, "(2, 3)", values))
            .unwrap_err()
            .to_string()
    };
    let half = [0.0, 1.0, 2.0, 3.0, 0.5, 5.0];
    let said = problem("False", &half);
    assert!(
        said.contains("x.npy: value 0.5 at [1, 1] is not a whole number between 0 and 65535")
            && said.contains("--data-range LOW..HIGH"),
        "{said}"
    );
    assert!(problem("True", &half).contains("0.5 at [0, 2]"));
    for value in [-1.0, 65_536.0, 1e6] {
        let said = problem("False", &[0.0, value, 0.0, 0.0, 0.0, 0.0]);
        assert!(said.contains(&format!("value {value} at [0, 1]")), "{said}");
    }
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let said = problem("False", &[0.0, 0.0, value, 0.0, 0.0, 0.0]);
        assert!(
            said.contains("at [0, 2]") && said.contains("is not finite"),
            "{said}"
        );
    }
}

#[test]
fn a_range_is_spread_over_the_levels() {
    let options = |range: &str, native| LoadOptions {
        data_range: Some(range.parse().unwrap()),
        native_levels: native,
        ..LoadOptions::default()
    };
    let array = floats("False", "(1, 4)", &[-1.0, -0.5, 0.0, 1.0]);
    let (_, pixels) = read_with(&array, &options("-1..1", None)).unwrap();
    assert_eq!(pixels, [0, 64, 128, 255]);
    let (_, pixels) = read_with(&array, &options("-1..1", Some(5))).unwrap();
    assert_eq!(pixels, [0, 1, 2, 4]);
    let said = read_with(&array, &options("0..1", None))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("value -1 at [0, 0] is outside --data-range 0..1"),
        "{said}"
    );
    // Integers are numbers too.
    let bytes = npy("|i1", "False", "(1, 3)", &[0x80, 0, 127]);
    let (_, pixels) = read_with(&bytes, &options("-128..127", None)).unwrap();
    assert_eq!(pixels, [0, 128, 255]);
    let missing = floats("False", "(1, 1)", &[f32::NAN]);
    assert!(read_with(&missing, &options("0..1", None)).is_err());
}

#[test]
fn channels_may_come_last() {
    let options = |layout| LoadOptions {
        layout: Some(layout),
        ..LoadOptions::default()
    };
    let data: Vec<u8> = (0..2 * 5 * 6 * 3).collect();
    let array = npy("|u1", "False", "(2, 5, 6, 3)", &data);
    let said = read(&array).unwrap_err().to_string();
    for part in [
        "[2, 5, 6, 3]",
        "(N, H, W, C)",
        "--layout nhwc",
        "--layout nchw",
    ] {
        assert!(said.contains(part), "{said}");
    }
    let (shape, pixels) = read_with(&array, &options(Layout::Nhwc)).unwrap();
    assert_eq!(shape, Shape::new(3, 5, 6));
    for (place, &value) in pixels.iter().enumerate() {
        let (n, c, at) = (place / 90, place / 30 % 3, place % 30);
        assert_eq!(usize::from(value), n * 90 + at * 3 + c);
    }
    let (shape, pixels) = read_with(&array, &options(Layout::Nchw)).unwrap();
    assert_eq!(shape, Shape::new(5, 6, 3));
    assert!(pixels.is_sorted());
    // First index fastest, channels last.
    let array = npy("|u1", "True", "(1, 1, 2, 3)", &[0, 3, 1, 4, 2, 5]);
    let (shape, pixels) = read_with(&array, &options(Layout::Nhwc)).unwrap();
    assert_eq!(
        (shape, pixels),
        (Shape::new(3, 1, 2), vec![0, 3, 1, 4, 2, 5])
    );
    // What has no channels has no layout.
    let array = npy("|u1", "False", "(1, 2, 3)", &[0; 6]);
    let (shape, _) = read_with(&array, &options(Layout::Nhwc)).unwrap();
    assert_eq!(shape, Shape::new(1, 2, 3));
}
