//! One configuration value: how it is written and what may take its place.

use serde_json::Value;

/// How "no value" is written, as TOML has no word for it.
pub(super) const NONE: &str = "none";

/// Reads the right-hand side of `--set KEY=VALUE`: a TOML value, or else plain text.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let text = text.trim();
    match toml::from_str::<toml::Table>(&format!("value = {text}")) {
        Ok(mut table) if table.len() == 1 => {
            table.remove("value").map_or(Ok(Value::Null), from_toml)
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// The JSON of a TOML value; refuses NaN and infinities, which JSON would turn into "no value".
pub(super) fn from_toml(value: toml::Value) -> Result<Value, String> {
    Ok(match value {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(n) => n.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Float(x) => serde_json::Number::from_f64(x)
            .map(Value::Number)
            .ok_or("must be a finite number")?,
        toml::Value::Datetime(_) => return Err("must not be a date".to_owned()),
        toml::Value::Array(items) => {
            Value::Array(items.into_iter().map(from_toml).collect::<Result<_, _>>()?)
        }
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, value)| Ok((key, from_toml(value)?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}

/// The TOML of a JSON value, "no value" as [`NONE`].
pub(super) fn to_toml(value: &Value) -> toml::Value {
    match value {
        Value::Null => toml::Value::String(NONE.to_owned()),
        Value::Bool(yes) => toml::Value::Boolean(*yes),
        Value::Number(n) => match n.as_i64() {
            Some(n) => toml::Value::Integer(n),
            None => toml::Value::Float(n.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => toml::Value::String(text.clone()),
        Value::Array(items) => toml::Value::Array(items.iter().map(to_toml).collect()),
        Value::Object(map) => {
            toml::Value::Table(map.iter().map(|(k, v)| (k.clone(), to_toml(v))).collect())
        }
    }
}

/// `new` in the place of a value whose default is `default`, or what it must be instead.
pub(super) fn fit(default: &Value, new: Value) -> Result<Value, &'static str> {
    if new == NONE && !default.is_string() {
        return Ok(Value::Null);
    }
    let whole = |value: &Value| value.as_u64().is_some();
    match (default, &new) {
        (Value::Null, _)
        | (Value::Bool(_), Value::Bool(_))
        | (Value::String(_), Value::String(_))
        | (Value::Array(_), Value::Array(_))
        | (Value::Object(_), Value::Object(_) | Value::String(_)) => Ok(new),
        (Value::Number(old), Value::Number(_)) if old.is_f64() || whole(&new) => Ok(new),
        (Value::Number(old), Value::String(_)) if !old.is_f64() => Err("must be a whole number"),
        (Value::Number(old), _) if old.is_f64() => Err("must be a number"),
        (Value::Number(_), _) => Err("must be a whole number of at least 0"),
        (Value::Bool(_), _) => Err("must be true or false"),
        (Value::String(_), _) => Err("must be a word"),
        (Value::Array(_), _) => Err("must be a list, such as [1, 2]"),
        (Value::Object(_), _) => Err("must be a table"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_written_is_what_is_read() {
        for value in [
            json!(1),
            json!(-2),
            json!(0.001),
            json!("relu"),
            json!([1, 2]),
            json!(true),
        ] {
            assert_eq!(from_toml(to_toml(&value)).unwrap(), value);
        }
        assert_eq!(parse("1e-3"), Ok(json!(0.001)));
        assert_eq!(parse("relu"), Ok(json!("relu")));
        assert_eq!(parse(" \"a b\" "), Ok(json!("a b")));
        assert_eq!(parse("1\nother = 2"), Ok(json!("1\nother = 2")));
        assert!(parse("nan").is_err() && parse("inf").is_err() && parse("[1.0, nan]").is_err());
    }

    #[test]
    fn a_value_of_another_kind_is_refused() {
        assert_eq!(fit(&json!(3), json!(4)), Ok(json!(4)));
        assert_eq!(fit(&json!(3.0), json!(4)), Ok(json!(4)));
        assert_eq!(fit(&json!(null), json!("x")), Ok(json!("x")));
        assert_eq!(fit(&json!(1.5), json!("none")), Ok(Value::Null));
        assert_eq!(fit(&json!("fixed"), json!("none")), Ok(json!("none")));
        for (default, new) in [
            (json!(3), json!(-1)),
            (json!(3), json!(1.5)),
            (json!(3), json!("many")),
            (json!(0.1), json!("x")),
            (json!(true), json!(1)),
            (json!("a"), json!(1)),
            (json!([1]), json!(1)),
        ] {
            assert!(fit(&default, new.clone()).is_err(), "{new} for {default}");
        }
    }
}
