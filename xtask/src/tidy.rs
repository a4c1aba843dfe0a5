//! `cargo xtask tidy`: the rules the compiler cannot check.

mod arrows;
mod files;

use anyhow::{Result, bail};

/// Checks every rule and prints one line per violation.
///
/// # Errors
/// When a rule is broken, or cargo or git cannot be asked.
pub(crate) fn run() -> Result<()> {
    let mut violations = files::check()?;
    violations.extend(arrows::check()?);
    for violation in &violations {
        println!("tidy: {violation}");
    }
    match violations.len() {
        0 => Ok(()),
        1 => bail!("1 violation"),
        n => bail!("{n} violations"),
    }
}
