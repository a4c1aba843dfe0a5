//! Which crate may know which: `docs/architecture.md`, proved with `cargo tree`.

use anyhow::{Context, Result};

use crate::process::{capture, cargo, root};

/// What one of our crates may reach.
struct Rule {
    name: &'static str,
    /// Crates of the workspace it depends on, exactly.
    ours: &'static [&'static str],
    /// Crates it may not depend on itself.
    not_direct: &'static [&'static str],
    /// Crates it may not reach by any path.
    not_reached: &'static [&'static str],
}

/// What belongs to the program alone.
const PROGRAM: &[&str] = &[
    "anyhow",
    "clap",
    "ctrlc",
    "indicatif",
    "plotters",
    "tracing-subscriber",
];

/// Files and data sets: what `ar-core` does not know. (candle itself brings `serde_json`.)
const FILES: &[&str] = &[
    "candle-datasets",
    "dirs",
    "npyz",
    "png",
    "serde_json",
    "tempfile",
    "toml",
];

const LIBRARIES: &[&str] = &[
    "ar-code",
    "ar-core",
    "ar-data",
    "ar-models",
    "ar-nn",
    "ar-train",
];

const RULES: &[Rule] = &[
    library("ar-core", &[], FILES),
    library("ar-nn", &["ar-core"], FILES),
    library("ar-models", &["ar-core", "ar-nn"], &[]),
    library("ar-data", &[], &[]),
    library("ar-code", &["ar-core"], &[]),
    library("ar-train", &["ar-core", "ar-data"], &[]),
    Rule {
        name: "ar-cli",
        ours: LIBRARIES,
        not_direct: &[],
        not_reached: &[],
    },
    Rule {
        name: "xtask",
        ours: &[],
        not_direct: &[],
        not_reached: &["candle-core"],
    },
];

const fn library(
    name: &'static str,
    ours: &'static [&'static str],
    not_direct: &'static [&'static str],
) -> Rule {
    Rule {
        name,
        ours,
        not_direct,
        not_reached: PROGRAM,
    }
}

/// Every broken rule in words.
pub(super) fn check() -> Result<Vec<String>> {
    let mut violations = unruled(&crates()?);
    for rule in RULES {
        // Optional parts included: an arrow behind a feature is an arrow.
        let direct = tree(rule.name, &["--depth", "1", "--all-features"])?;
        // The hub feature brings a few hundred crates whose own taste is not ours to judge.
        let reached = match rule.not_reached {
            [] => Vec::new(),
            _ => tree(rule.name, &["--no-default-features"])?,
        };
        violations.extend(broken(rule, &direct, &reached));
    }
    Ok(violations)
}

/// Folders of `crates`, which are named after their packages.
fn crates() -> Result<Vec<String>> {
    let folder = root().join("crates");
    let entries = std::fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn unruled(crates: &[String]) -> Vec<String> {
    crates
        .iter()
        .filter(|name| RULES.iter().all(|rule| rule.name != name.as_str()))
        .map(|name| format!("{name} has no rule: say in xtask/src/tidy/arrows.rs what it may know"))
        .collect()
}

fn tree(name: &str, more: &[&str]) -> Result<Vec<String>> {
    let mut command = cargo(["tree", "--locked", "-e", "normal", "-p", name]);
    command.args(["--prefix", "none"]).args(more);
    Ok(packages(&capture(&mut command)?))
}

/// Names of the packages in the output of `cargo tree --prefix none`, without the root, sorted.
fn packages(tree: &str) -> Vec<String> {
    let names = tree.lines().skip(1).filter(|line| !line.starts_with('['));
    let mut names: Vec<String> = names
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn broken(rule: &Rule, direct: &[String], reached: &[String]) -> Vec<String> {
    let name = rule.name;
    let mut lines = Vec::new();
    for ours in direct.iter().filter(|dep| is_ours(dep)) {
        if !rule.ours.contains(&ours.as_str()) {
            lines.push(format!(
                "{name} depends on {ours}: docs/architecture.md has no such arrow"
            ));
        }
    }
    for ours in rule.ours {
        if !direct.iter().any(|dep| dep == ours) {
            lines.push(format!(
                "{name} no longer depends on {ours}: take the arrow out of xtask/src/tidy/arrows.rs and docs/architecture.md"
            ));
        }
    }
    for banned in rule.not_direct {
        if direct.iter().any(|dep| dep == banned) {
            lines.push(format!("{name} must not depend on {banned}"));
        }
    }
    for banned in rule.not_reached {
        if reached.iter().any(|dep| dep == banned) {
            lines.push(format!(
                "{name} must not reach {banned}: `cargo tree -e normal -p {name} -i {banned}` shows the path"
            ));
        }
    }
    lines
}

fn is_ours(name: &str) -> bool {
    LIBRARIES.contains(&name) || ["ar-cli", "ar-benches", "xtask"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "ar-nn v0.1.0 (/somewhere/crates/ar-nn)\n\
        candle-core v0.11.1\n\
        ar-core v0.1.0 (/somewhere/crates/ar-core)\n\
        serde v1.0.229\n\
        serde_derive v1.0.229 (proc-macro)\n\
        serde v1.0.229 (*)\n";

    fn owned(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn rule(name: &str) -> &'static Rule {
        RULES.iter().find(|rule| rule.name == name).unwrap()
    }

    #[test]
    fn a_tree_is_read_without_its_root() {
        assert_eq!(
            packages(TREE),
            ["ar-core", "candle-core", "serde", "serde_derive"]
        );
    }

    #[test]
    fn a_crate_without_a_rule_is_named() {
        let lines = unruled(&owned(&["ar-core", "ar-new"]));
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with("ar-new has no rule"));
    }

    #[test]
    fn what_is_allowed_passes() {
        let deps = packages(TREE);
        assert!(broken(rule("ar-nn"), &deps, &deps).is_empty());
    }

    #[test]
    fn each_kind_of_violation_has_its_line() {
        let extra = broken(rule("ar-core"), &owned(&["ar-nn", "png"]), &[]);
        assert_eq!(extra.len(), 2, "{extra:?}");
        assert!(extra[0].starts_with("ar-core depends on ar-nn"));
        assert_eq!(extra[1], "ar-core must not depend on png");
        let reached = broken(rule("ar-data"), &[], &owned(&["clap"]));
        assert!(reached[0].starts_with("ar-data must not reach clap"));
        let missing = broken(rule("ar-train"), &[], &[]);
        assert_eq!(missing.len(), 2, "{missing:?}");
        assert!(missing[0].starts_with("ar-train no longer depends on ar-core"));
    }
}
