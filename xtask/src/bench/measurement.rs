//! The line of JSON that both sides of a comparison print.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What was timed, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measurement {
    /// Parameters the network stores.
    pub(super) parameters: u64,
    /// Those that no mask multiplies by zero.
    pub(super) live_parameters: u64,
    /// Seconds of wall clock.
    pub(super) seconds: f64,
}

/// Reads the last line of a program's output that is a JSON object.
///
/// # Errors
/// When there is none, a field is missing or not a usable number, or what was timed is not what
/// was asked for.
pub(super) fn parse(output: &str, asked: &[(&str, Value)]) -> Result<Measurement> {
    let mut lines = output.lines().rev().map(str::trim);
    let line = lines
        .find(|line| line.starts_with('{'))
        .context("no line of JSON in the output")?;
    let object: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    for (field, expected) in asked {
        if &object[field] != expected {
            let got = &object[field];
            bail!("asked for {field} {expected}, but {got} was timed: {line}");
        }
    }
    let count = |field: &str| {
        let number = object[field].as_u64();
        number.with_context(|| format!("no `{field}` in {line}"))
    };
    let seconds = object["seconds"].as_f64();
    Ok(Measurement {
        parameters: count("parameters")?,
        live_parameters: count("live_parameters")?,
        seconds: seconds
            .filter(|s| s.is_finite() && *s > 0.0)
            .with_context(|| format!("no positive `seconds` in {line}"))?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LINE: &str = r#"{"verb": "step", "model": "pixelcnn", "batch": 32, "threads": 2, "parameters": 10, "live_parameters": 6, "seconds": 0.5}"#;

    #[test]
    fn the_last_json_line_counts() {
        let asked = [("verb", json!("step")), ("batch", json!(32))];
        let output = format!("warming up\n{LINE}\ndone\n");
        let expected = Measurement {
            parameters: 10,
            live_parameters: 6,
            seconds: 0.5,
        };
        assert_eq!(parse(&output, &asked).unwrap(), expected);
    }

    #[test]
    fn another_measurement_is_refused() {
        let error = parse(LINE, &[("threads", json!(4))]).unwrap_err();
        assert!(error.to_string().starts_with("asked for threads 4, but 2"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert!(parse("", &[]).is_err());
        assert!(parse(&LINE[..LINE.len() - 1], &[]).is_err());
        assert!(parse(LINE, &[]).is_ok());
        for (whole, broken, named) in [
            ("\"parameters\"", "\"weights\"", "`parameters`"),
            ("live_parameters", "alive", "`live_parameters`"),
            ("0.5", "0.0", "`seconds`"),
        ] {
            let error = parse(&LINE.replace(whole, broken), &[]).unwrap_err();
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
