//! Orders written out, pixel by pixel.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex, PoisonError};

/// An order of `n` pixels, each of `0..n` once, by number `row * width + column`. Equal ones are the same and
/// live as long as the program, so that an order is as cheap to copy as a name.
pub(super) fn listed(pixels: Vec<u32>) -> Result<&'static [u32], String> {
    static ALL: LazyLock<Mutex<HashSet<&'static [u32]>>> = LazyLock::new(Mutex::default);
    permutes(&pixels)?;
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(&pixels[..]) {
        return Ok(known);
    }
    let new: &'static [u32] = pixels.leak();
    all.insert(new);
    Ok(new)
}

/// Numbers with commas between.
pub(super) fn parse(text: &str) -> Result<&'static [u32], String> {
    let number = |text: &str| {
        let wrong = |_| format!("{text:?} is no number of a pixel");
        text.parse::<u32>().map_err(wrong)
    };
    listed(text.split(',').map(number).collect::<Result<_, _>>()?)
}

/// Whether each of `0..n` is there once.
pub(super) fn permutes(pixels: &[u32]) -> Result<(), String> {
    let mut seen = vec![false; pixels.len()];
    for &p in pixels {
        let Some(seen) = seen.get_mut(p as usize) else {
            let n = pixels.len();
            return Err(format!(
                "of {n} pixels there is none {p}; they count from 0"
            ));
        };
        if std::mem::replace(seen, true) {
            return Err(format!("pixel {p} is there twice"));
        }
    }
    if pixels.is_empty() {
        return Err("there is no pixel".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ChannelSteps, Domain, Order, Scan};

    #[test]
    fn equal_orders_are_one() {
        let one = parse("2,0,1").unwrap();
        assert!(std::ptr::eq(one, listed(vec![2, 0, 1]).unwrap()));
        assert!(!std::ptr::eq(one, parse("2,1,0").unwrap()));
    }

    #[test]
    fn what_is_no_permutation_is_refused() {
        let cases = [
            ("", "is no number"),
            ("0,", "is no number"),
            ("0,-1", "is no number"),
            ("0,2", "of 2 pixels there is none 2"),
            ("1,0,1", "pixel 1 is there twice"),
        ];
        for (text, what) in cases {
            let message = parse(text).unwrap_err();
            assert!(message.contains(what), "{text}: {message}");
        }
        assert!(listed(Vec::new()).is_err());
    }

    #[test]
    fn an_order_may_be_written_out() {
        let scan: Scan = "pixels:2,0,3,1+flip".parse().unwrap();
        let square = Domain::new(1, 2, 2, 2).unwrap();
        let order = Order::scan(scan, &square, ChannelSteps::Separate).unwrap();
        assert_eq!(order.sequence(), [0, 2, 1, 3]);
        assert!(order.is_sequence() && order.may_precede(0, 1) && !order.may_precede(0, 0));
        let larger = Domain::new(1, 2, 3, 2).unwrap();
        let message = Order::scan(scan, &larger, ChannelSteps::Separate).unwrap_err();
        assert!(
            message
                .to_string()
                .contains("lists 4 pixels, an image has 6"),
            "{message}"
        );
    }
}
