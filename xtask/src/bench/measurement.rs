//! The line of JSON that both sides of a comparison print.

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// What was timed, and how long it took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Measurement {
    /// Parameters of the network that was timed.
    pub(super) parameters: u64,
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
    let parameters = object["parameters"].as_u64();
    let seconds = object["seconds"].as_f64();
    Ok(Measurement {
        parameters: parameters.with_context(|| format!("no `parameters` in {line}"))?,
        seconds: seconds
            .filter(|s| s.is_finite() && *s > 0.0)
            .with_context(|| format!("no positive `seconds` in {line}"))?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LINE: &str = r#"{"verb": "step", "model": "pixelcnn", "batch": 32, "threads": 2, "parameters": 10, "seconds": 0.5}"#;

    #[test]
    fn the_last_json_line_counts() {
        let asked = [("verb", json!("step")), ("batch", json!(32))];
        let output = format!("warming up\n{LINE}\ndone\n");
        let expected = Measurement {
            parameters: 10,
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
        assert!(parse("{\"parameters\": 3}", &[]).is_err());
        assert!(parse("{\"parameters\": 3, \"seconds\": 0.0}", &[]).is_err());
        assert!(parse("{\"parameters\": 3", &[]).is_err());
    }
}
