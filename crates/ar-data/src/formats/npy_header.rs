//! The header of an array in numpy's format.

use super::bytes::Bounded;
use crate::{Error, Result};

/// How every such file begins.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// More than any header of a plain array needs.
const MAX_HEADER: u32 = 1 << 16;
const MAX_RANK: usize = 4;

/// What a header says.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// First index fastest.
    pub(crate) fortran_order: bool,
    /// At most four, none of them to be believed.
    pub(crate) sizes: Vec<u64>,
}

/// How an element is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kind {
    /// Bytes: 1, 2, 4 or 8.
    pub(crate) size: usize,
    pub(crate) number: Number,
    pub(crate) big_endian: bool,
}

/// What the bits of an element mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Number {
    Unsigned,
    Signed,
    /// Of 4 or 8 bytes.
    Float,
}

impl Header {
    /// Reads up to the first element.
    pub(crate) fn read(file: &mut Bounded<'_>) -> Result<Self> {
        let start = file.header(8)?;
        if !start.starts_with(MAGIC) {
            let problem = format!("not an npy array: it begins with {start:02x?}");
            return Err(Error::format(file.path(), problem));
        }
        let len = if start[6] == 1 {
            let bytes = file.header(2)?;
            u32::from(u16::from_le_bytes([bytes[0], bytes[1]]))
        } else {
            let bytes = file.header(4)?;
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
        };
        if len > MAX_HEADER {
            return Err(Error::format(
                file.path(),
                format!("an npy header of {len} bytes"),
            ));
        }
        let text = file.header(len as usize)?;
        parse(&String::from_utf8_lossy(&text))
            .map_err(|problem| Error::format(file.path(), problem))
    }

    /// Bytes that all elements take.
    pub(crate) fn claimed(&self) -> u128 {
        let size = self.kind.size as u128;
        let times = |product: u128, &size: &u64| product.checked_mul(u128::from(size));
        self.sizes.iter().try_fold(size, times).unwrap_or(u128::MAX)
    }
}

/// From the dictionary that the text of a header is.
fn parse(header: &str) -> std::result::Result<Header, String> {
    let header = header.replace('"', "'");
    let after = |key: &str| {
        let (_, rest) = header
            .split_once(key)
            .ok_or_else(|| format!("an npy header without {key}"))?;
        Ok::<_, String>(rest.trim_start_matches([' ', ':']))
    };
    let descr = after("'descr'")?
        .strip_prefix('\'')
        .and_then(|rest| rest.split_once('\''))
        .map(|(descr, _)| descr)
        .ok_or("an array of records; plain integers expected")?;
    let kind = kind_of(descr).ok_or_else(|| match descr.trim_start_matches(['<', '>', '=']) {
        "f2" => format!("elements of type {descr:?}, half precision; make it float32 first"),
        _ => format!("elements of type {descr:?}; integers, float32 or float64 expected"),
    })?;
    let fortran_order = after("'fortran_order'")?.starts_with("True");
    let sizes = after("'shape'")?
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .map(|(sizes, _)| sizes)
        .ok_or("an npy header without a shape")?;
    let sizes = sizes
        .split(',')
        .map(str::trim)
        .filter(|size| !size.is_empty());
    let sizes: Vec<u64> = sizes
        .map(|size| {
            size.parse()
                .map_err(|_| format!("an npy header with the size {size:?}"))
        })
        .collect::<std::result::Result<_, String>>()?;
    if sizes.len() > MAX_RANK {
        return Err(format!(
            "an array of {} dimensions; images are (N, C, H, W)",
            sizes.len()
        ));
    }
    Ok(Header {
        kind,
        fortran_order,
        sizes,
    })
}

/// `|u1`, `<i4`, `>u2`, `|b1`, `<f4`, ..
fn kind_of(descr: &str) -> Option<Kind> {
    let mut chars = descr.chars();
    let big_endian = match chars.next()? {
        '>' => true,
        '<' | '|' | '=' => false,
        _ => return None,
    };
    let number = match chars.next()? {
        'i' => Number::Signed,
        'u' | 'b' => Number::Unsigned,
        'f' => Number::Float,
        _ => return None,
    };
    let size = chars.as_str().parse().ok()?;
    let exists = match number {
        Number::Float => matches!(size, 4 | 8),
        _ => matches!(size, 1 | 2 | 4 | 8),
    };
    exists.then_some(Kind {
        size,
        number,
        big_endian,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_come_in_any_order_and_quotes() {
        let header = r#"{"shape": (2,), "fortran_order": True, "descr": ">i2"}"#;
        let header = parse(header).unwrap();
        assert_eq!(
            (header.sizes.as_slice(), header.fortran_order),
            (&[2][..], true)
        );
        assert_eq!(header.kind.number, Number::Signed);
        assert!(header.kind.big_endian);
        assert_eq!(header.claimed(), 4);
    }

    #[test]
    fn what_is_no_dictionary_of_plain_numbers_is_refused() {
        for (text, problem) in [
            ("", "without 'descr'"),
            ("{'descr': [('a', '|u1')]}", "records"),
            ("{'descr': '<c8'}", "type \"<c8\""),
            ("{'descr': '<f2'}", "half precision; make it float32"),
            ("{'descr': '<f16'}", "type \"<f16\""),
            ("{'descr': '|f1'}", "type \"|f1\""),
            ("{'descr': '|O'}", "type \"|O\""),
            ("{'descr': '<i3'}", "type \"<i3\""),
            ("{'descr': ''}", "type \"\""),
            ("{'descr': '|u1'}", "without 'fortran_order'"),
            (
                "{'descr': '|u1', 'fortran_order': False}",
                "without 'shape'",
            ),
            (
                "{'descr': '|u1', 'fortran_order': False, 'shape': 3}",
                "without a shape",
            ),
            (
                "{'descr': '|u1', 'fortran_order': False, 'shape': (x)}",
                "size \"x\"",
            ),
        ] {
            let got = parse(text).unwrap_err();
            assert!(got.contains(problem), "{text}: {got}");
        }
    }
}
