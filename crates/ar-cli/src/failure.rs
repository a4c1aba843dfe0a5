//! Whose fault an error is, as an exit code.

use std::fmt;
use std::io::ErrorKind;

/// A mistake in what was asked for: a flag, a configuration value, a file that is not fit for it.
#[derive(Debug)]
struct Usage(String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// An error that ends the program with [`BAD_USAGE`].
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(Usage(message.into()))
}

/// Exit code of a command that failed.
pub const FAILED: u8 = 1;
/// Exit code for bad usage or configuration, clap's own.
pub const BAD_USAGE: u8 = 2;

/// The exit code for `error`: [`BAD_USAGE`] when an option or a configuration value is at fault
/// anywhere in its chain, 0 when the reader of a pipe has gone, otherwise [`FAILED`].
pub fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(io) = cause.downcast_ref::<std::io::Error>()
            && io.kind() == ErrorKind::BrokenPipe
        {
            return 0;
        }
        if cause.is::<Usage>() || is_bad_option(cause) {
            return BAD_USAGE;
        }
    }
    FAILED
}

/// Whether an option or a field is at fault, in an error of ours or one that stands in another's place.
fn is_bad_option(cause: &(dyn std::error::Error + 'static)) -> bool {
    use ar_data::Error::{
        FewColours, Levels, NativeLevels, NotRgb, OneLevel, Option, SmallerThanWindow, UnknownName,
    };
    use ar_train::Error::{Changed, Data, LimitPassed, Model, NotEmpty, NothingForMuon, RunExists};
    if matches!(
        cause.downcast_ref(),
        Some(
            Changed { .. }
                | LimitPassed { .. }
                | NotEmpty { .. }
                | NothingForMuon
                | RunExists { .. }
        )
    ) {
        return true;
    }
    let (mut model, mut data) = (cause.downcast_ref(), cause.downcast_ref());
    match cause.downcast_ref() {
        Some(Model(inner)) => model = Some(inner),
        Some(Data(inner)) => data = Some(inner),
        _ => {}
    }
    let of_data = matches!(
        data,
        Some(
            FewColours { .. }
                | Levels { .. }
                | NativeLevels { .. }
                | NotRgb { .. }
                | OneLevel { .. }
                | Option { .. }
                | SmallerThanWindow { .. }
                | UnknownName { .. }
        )
    );
    of_data || matches!(model, Some(ar_core::Error::Config { .. }))
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_fault_decides_the_code() {
        let config = ar_core::Error::config("hidden", "must be at least 1");
        let gone = std::io::Error::from(ErrorKind::BrokenPipe);
        let missing = std::io::Error::from(ErrorKind::NotFound);
        let code = |error: anyhow::Error| exit_code(&error.context("a").context("b"));
        assert_eq!(code(usage("no")), BAD_USAGE);
        assert_eq!(code(config.into()), BAD_USAGE);
        assert_eq!(
            code(
                ar_data::Error::Levels {
                    native: 4,
                    levels: 9
                }
                .into()
            ),
            BAD_USAGE
        );
        assert_eq!(code(gone.into()), 0);
        assert_eq!(code(missing.into()), FAILED);
        let wrapped: anyhow::Result<()> = Err(usage("no")).context("reading x");
        assert_eq!(format!("{:#}", wrapped.unwrap_err()), "reading x: no");
    }
}
