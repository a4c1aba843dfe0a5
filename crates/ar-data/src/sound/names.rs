//! What the names of files say.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Error, Kinds, Result};

/// The field that numbers the recordings of one class.
const INDEX: &str = "index";

/// Where the class is in the name of a file, as `{digit}_{speaker}_{index}` or `{digit}_*_*`: fields in braces
/// make up the class, except `{index}`, which like `*` stands for anything.
///
/// ```
/// let pattern: ar_data::ClassPattern = "{digit}_*_{index}".parse()?;
/// assert_eq!(pattern.class_of("7_jackson_32").as_deref(), Some("7"));
/// assert_eq!(pattern.class_of("7-jackson"), None);
/// # Ok::<(), ar_data::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClassPattern(NamePattern);

/// Which names are meant, as `*_jackson_*`: fields, in braces or as `*`, stand for anything of at least one letter.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NamePattern {
    /// What a name begins with.
    start: String,
    fields: Vec<Field>,
}

/// A part of a name that is not empty, and what follows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Field {
    /// None for `*`.
    name: Option<String>,
    /// Empty only at the end.
    then: String,
}

impl Field {
    fn is_of_class(&self) -> bool {
        self.name.as_ref().is_some_and(|name| name != INDEX)
    }
}

impl ClassPattern {
    /// The class in a file's name without its ending: the values of the fields, joined by `_`. A field ends
    /// where what follows it first occurs; none is empty. None when the whole name does not match.
    pub fn class_of(&self, stem: &str) -> Option<String> {
        Some(self.parts_of(stem)?.join("_"))
    }

    /// The values of the fields that make up the class.
    fn parts_of<'a>(&self, stem: &'a str) -> Option<Vec<&'a str>> {
        let values = self.0.fields.iter().zip(self.0.values(stem)?);
        let class = values.filter(|(field, _)| field.is_of_class());
        Some(class.map(|(_, value)| value).collect())
    }

    /// Where the class is made up of two fields: what they are, and every pair of their values in `stems`, as
    /// classes. Nothing where two pairs would be called alike.
    pub(crate) fn pairs<'a>(
        &self,
        stems: impl Iterator<Item = &'a str>,
    ) -> Option<(Kinds, Vec<String>)> {
        let names = self.0.fields.iter().filter(|field| field.is_of_class());
        let names: Vec<String> = names.filter_map(|field| field.name.clone()).collect();
        let names = <[String; 2]>::try_from(names).ok()?;
        let mut values = [BTreeSet::new(), BTreeSet::new()];
        for parts in stems.filter_map(|stem| self.parts_of(stem)) {
            for (values, part) in values.iter_mut().zip(parts) {
                values.insert(part);
            }
        }
        let [first, second] = &values;
        let pair = |a: &&str| second.iter().map(move |b| format!("{a}_{b}")).collect();
        let classes: Vec<String> = first
            .iter()
            .flat_map(|a| -> Vec<String> { pair(a) })
            .collect();
        let different = classes.iter().collect::<BTreeSet<_>>().len() == classes.len();
        let sizes = [first.len(), second.len()];
        different.then_some((Kinds { names, sizes }, classes))
    }
}

impl NamePattern {
    /// Whether a file's name without its ending is meant.
    pub fn fits(&self, stem: &str) -> bool {
        self.values(stem).is_some()
    }

    /// What stands for each field.
    fn values<'a>(&self, stem: &'a str) -> Option<Vec<&'a str>> {
        let mut rest = stem.strip_prefix(self.start.as_str())?;
        if self.fields.is_empty() && !rest.is_empty() {
            return None;
        }
        let mut values = Vec::with_capacity(self.fields.len());
        for (i, Field { then, .. }) in self.fields.iter().enumerate() {
            let first = rest.chars().next()?.len_utf8();
            let len = if i + 1 == self.fields.len() {
                rest.strip_suffix(then.as_str())?.len()
            } else {
                first + rest[first..].find(then)?
            };
            if len == 0 {
                return None;
            }
            values.push(&rest[..len]);
            rest = &rest[len + then.len()..];
        }
        Some(values)
    }
}

impl FromStr for ClassPattern {
    type Err = Error;

    fn from_str(pattern: &str) -> Result<Self> {
        let pattern: NamePattern = pattern.parse()?;
        if !pattern.fields.iter().any(Field::is_of_class) {
            return Err(must(
                "one with a field for the class in braces, such as {word}_*",
            ));
        }
        Ok(Self(pattern))
    }
}

impl FromStr for NamePattern {
    type Err = Error;

    fn from_str(pattern: &str) -> Result<Self> {
        let (start, mut rest) = literal(pattern)?;
        let mut fields: Vec<Field> = Vec::new();
        while !rest.is_empty() {
            if fields.last().is_some_and(|before| before.then.is_empty()) {
                return Err(must(
                    "one with something between any two fields, such as {word}_{speaker} or {word}_*",
                ));
            }
            let name;
            (name, rest) = field(rest)?;
            if name.is_some() && fields.iter().any(|before| before.name == name) {
                return Err(must("one that has each field once; use * for the other"));
            }
            let then;
            (then, rest) = literal(rest)?;
            fields.push(Field { name, then });
        }
        Ok(Self { start, fields })
    }
}

/// The text before the next field, and the rest.
fn literal(pattern: &str) -> Result<(String, &str)> {
    let end = pattern.find(['{', '*']).unwrap_or(pattern.len());
    let (text, rest) = pattern.split_at(end);
    if text.contains('}') {
        return Err(unbalanced());
    }
    Ok((text.to_owned(), rest))
}

/// The name of the field that a pattern begins with, none for `*`, and the rest.
fn field(pattern: &str) -> Result<(Option<String>, &str)> {
    if let Some(rest) = pattern.strip_prefix('*') {
        return Ok((None, rest));
    }
    let (name, rest) = pattern[1..].split_once('}').ok_or_else(unbalanced)?;
    if name.contains('{') {
        return Err(unbalanced());
    }
    if name.is_empty() || name.contains('*') {
        return Err(must(
            "one with a name in each pair of braces, such as {word}",
        ));
    }
    Ok((Some(name.to_owned()), rest))
}

fn unbalanced() -> Error {
    must("one where every { has its }, such as {word}_*")
}

const fn must(must: &'static str) -> Error {
    let option = "pattern of names";
    Error::Option { option, must }
}

impl fmt::Display for ClassPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.start)?;
        for Field { name, then } in &self.fields {
            match name {
                Some(name) => write!(f, "{{{name}}}{then}")?,
                None => write!(f, "*{then}")?,
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for ClassPattern {
    type Error = Error;

    fn try_from(pattern: String) -> Result<Self> {
        pattern.parse()
    }
}

impl From<ClassPattern> for String {
    fn from(pattern: ClassPattern) -> Self {
        pattern.to_string()
    }
}

impl TryFrom<String> for NamePattern {
    type Error = Error;

    fn try_from(pattern: String) -> Result<Self> {
        pattern.parse()
    }
}

impl From<NamePattern> for String {
    fn from(pattern: NamePattern) -> Self {
        pattern.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_chosen() {
        let fits = |pattern: &str, stem| pattern.parse::<NamePattern>().unwrap().fits(stem);
        assert!(fits("*_ann_*", "7_ann_12") && !fits("*_ann_*", "7_bob_12"));
        assert!(fits("7_ann", "7_ann") && !fits("7_ann", "7_ann_12"));
        assert!("**".parse::<NamePattern>().is_err() && "{a".parse::<NamePattern>().is_err());
    }

    #[test]
    fn classes() {
        for (pattern, stem, class) in [
            ("{digit}_{speaker}_{index}", "0_jackson_3", "0_jackson"),
            ("{digit}_*_*", "0_jackson_3", "0"),
            ("{digit}_*", "0_jackson_3", "0"),
            ("*_{speaker}_*", "0_jackson_3", "jackson"),
            ("{a}-{b}", "x-y-z", "x_y-z"),
            ("{a}_x", "b_x_x", "b_x"),
            ("{a}_*", "__b", "_"),
            ("take {word}!", "take five!", "five"),
            ("{wörd}é*", "ßé7", "ß"),
        ] {
            let pattern: ClassPattern = pattern.parse().unwrap();
            assert_eq!(pattern.class_of(stem).as_deref(), Some(class), "{pattern}");
        }
    }

    #[test]
    fn two_fields_are_two_kinds_at_once() {
        let pairs = |pattern: &str, stems: &[&str]| {
            let pattern: ClassPattern = pattern.parse().unwrap();
            pattern.pairs(stems.iter().copied())
        };
        let (kinds, classes) = pairs("{digit}_{who}_*", &["1_bo_0", "10_al_0", "2_al_1"]).unwrap();
        assert_eq!(kinds.names, ["digit", "who"]);
        assert_eq!(kinds.sizes, [3, 2]);
        // Also those that are not there.
        assert_eq!(classes, ["1_al", "1_bo", "10_al", "10_bo", "2_al", "2_bo"]);
        assert!(pairs("{digit}_*_*", &["1_bo_0"]).is_none());
        assert!(pairs("{a}_{b}_{c}", &["1_bo_0"]).is_none());
        assert!(
            pairs("{a}-{b}", &["x_y-z", "x-y_z"]).is_none(),
            "x_y_z twice"
        );
    }

    #[test]
    fn other_names_have_none() {
        let pattern: ClassPattern = "x{digit}_*_y".parse().unwrap();
        assert!(pattern.class_of("x1_2_y").is_some());
        for stem in [
            "", "x", "1_2_y", "x1_2_", "x1_2", "x_2_y", "x1__y", "x1_y", "x1_2_yy ",
        ] {
            assert_eq!(pattern.class_of(stem), None, "{stem:?}");
        }
    }

    #[test]
    fn patterns_are_text() {
        let json = "\"a{x}_*-{index}.b\"";
        let pattern: ClassPattern = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&pattern).unwrap(), json);
    }

    #[test]
    fn what_cannot_be_a_pattern_says_what_to_do() {
        for (pattern, says) in [
            ("", "field for the class"),
            ("abc", "field for the class"),
            ("*_{index}", "field for the class"),
            ("{a", "every {"),
            ("a}_{b}", "every {"),
            ("{a{b}}", "every {"),
            ("{a}}", "every {"),
            ("{a}{b}", "between any two"),
            ("{a}*", "between any two"),
            ("{a}_{a}", "each field once"),
            ("{}_x", "name in each"),
        ] {
            let problem = pattern.parse::<ClassPattern>().unwrap_err().to_string();
            assert!(problem.contains(says), "{pattern}: {problem}");
        }
    }
}
