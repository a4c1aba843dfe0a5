//! Bounds that several configurations share.

use ar_core::{Domain, Error, Result};

/// Rows and columns of a kernel: odd, from `least` to 255.
pub(crate) fn kernel(field: &str, size: usize, least: usize) -> Result<()> {
    if size.is_multiple_of(2) || !(least..=255).contains(&size) {
        return Err(Error::config(
            field,
            format!("must be odd, from {least} to 255, not {size}"),
        ));
    }
    Ok(())
}

/// Features of a layer: at least one for each channel.
pub(crate) fn hidden(domain: &Domain, features: usize) -> Result<()> {
    if !(domain.channels..=65536).contains(&features) {
        let least = format!(
            "must be at least {} (one for each channel)",
            domain.channels
        );
        return Err(Error::config(
            "hidden",
            format!("{least} and at most 65536, not {features}"),
        ));
    }
    Ok(())
}

/// Number of blocks.
pub(crate) fn blocks(count: usize, least: usize) -> Result<()> {
    times("blocks", count, least)
}

/// How often something is repeated.
pub(crate) fn times(field: &str, count: usize, least: usize) -> Result<()> {
    if !(least..=4096).contains(&count) {
        return Err(Error::config(
            field,
            format!("must be from {least} to 4096, not {count}"),
        ));
    }
    Ok(())
}

/// Share of numbers that are zeroed while training.
pub(crate) fn dropout(rate: f64) -> Result<()> {
    if !(0.0..1.0).contains(&rate) {
        let problem = format!("must be at least 0 and below 1, not {rate}");
        return Err(Error::config("dropout", problem));
    }
    Ok(())
}

/// Features of a layer of a sequence.
pub(crate) fn features(field: &str, features: usize) -> Result<()> {
    if !(1..=65536).contains(&features) {
        let problem = format!("must be from 1 to 65536, not {features}");
        return Err(Error::config(field, problem));
    }
    Ok(())
}

/// Features that heads share.
pub(crate) fn divided(field: &str, features: usize, heads: usize) -> Result<()> {
    self::features(field, features)?;
    if !features.is_multiple_of(heads) {
        let problem = format!("must be a multiple of heads = {heads}, not {features}");
        return Err(Error::config(field, problem));
    }
    Ok(())
}
