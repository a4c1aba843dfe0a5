//! Rules about files: lints switched on, no stubs, nothing oversized, the README's commands.

use std::path::Path;

use anyhow::{Context, Result};

use crate::ci::TEST_COMMAND;
use crate::process::{capture, command, root};

/// The README's first command.
const MAIN_COMMAND: &str = "cargo run -p ar-cli -- train pixelcnn";

/// A source file longer than this does more than one thing.
const MAX_LINES: usize = 450;

/// What git carries forever; fixtures are made smaller than this.
const MAX_BYTES: u64 = 200_000;

/// Programs that are no members of the workspace, to show how one is written.
const OUTSIDE: &str = "docs/examples/";

/// Files that may be larger, each for a reason.
const LARGE: &[&str] = &["Cargo.lock"];

/// What may not stay in the source. Cut in two, or this list would find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (
        concat!("#[al", "low("),
        "use #[expect(lint, reason = \"..\")]",
    ),
    (
        concat!("#![al", "low("),
        "use #![expect(lint, reason = \"..\")]",
    ),
    (concat!("to", "do!("), "finish it or leave it out"),
    (concat!("unimple", "mented!("), "finish it or leave it out"),
    (
        concat!("#[ig", "nore"),
        "a test that does not run proves nothing",
    ),
];

/// Every broken rule in words, over the files git has or would add.
pub(super) fn check() -> Result<Vec<String>> {
    let list = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let listed = capture(command("git").args(list))?;
    let mut violations = Vec::new();
    for file in listed.split_terminator('\0') {
        let path = root().join(file);
        // Deleted in the working tree, or a link to a folder: nothing to look at.
        if !path.is_file() {
            continue;
        }
        let bytes = path.metadata().with_context(|| file.to_owned())?.len();
        if bytes > MAX_BYTES && !LARGE.contains(&file) {
            violations.push(format!("{file}: {bytes} bytes, at most {MAX_BYTES}"));
        } else if has_extension(file, "rs") {
            violations.extend(source(file, &read(&path)?));
        } else if file.ends_with("Cargo.toml") && file != "Cargo.toml" && !file.starts_with(OUTSIDE)
        {
            violations.extend(manifest(file, &read(&path)?));
        }
    }
    let readme = root().join("README.md");
    violations.extend(if readme.is_file() {
        missing_commands(&read(&readme)?)
    } else {
        vec!["README.md is missing".to_owned()]
    });
    Ok(violations)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

fn has_extension(file: &str, extension: &str) -> bool {
    Path::new(file).extension().is_some_and(|e| e == extension)
}

fn source(file: &str, text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let length = text.lines().count();
    if length > MAX_LINES {
        lines.push(format!("{file}: {length} lines, at most {MAX_LINES}"));
    }
    for (number, line) in text.lines().enumerate() {
        for (word, instead) in FORBIDDEN.iter().filter(|(word, _)| line.contains(word)) {
            lines.push(format!("{file}:{}: `{word}`: {instead}", number + 1));
        }
    }
    lines
}

fn manifest(file: &str, text: &str) -> Option<String> {
    let mut section = "";
    let inherits = text.lines().map(str::trim).any(|line| {
        if line.starts_with('[') {
            section = line;
        }
        section == "[lints]" && line.replace(' ', "") == "workspace=true"
    });
    (!inherits).then(|| format!("{file}: no `[lints]` with `workspace = true`"))
}

fn missing_commands(readme: &str) -> Vec<String> {
    [MAIN_COMMAND, TEST_COMMAND]
        .into_iter()
        .filter(|command| !readme.lines().any(|line| is_command(line, command)))
        .map(|command| format!("README.md: no line `{command}`"))
        .collect()
}

/// Whether a line is the command and no longer one, a prompt and a comment aside.
fn is_command(line: &str, command: &str) -> bool {
    let bare = line.split_once(" #").map_or(line, |(before, _)| before);
    bare.trim().trim_start_matches("$ ") == command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forbidden_words_are_found_with_their_line() {
        let text = format!("fn f() {{\n    {}\n}}\n", concat!("to", "do!()"));
        let found = source("a.rs", &text);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.rs:2: "), "{found:?}");
        assert!(source("a.rs", "// all is well\n").is_empty());
    }

    #[test]
    fn a_file_may_be_long_but_not_too_long() {
        assert!(source("a.rs", &"x\n".repeat(MAX_LINES)).is_empty());
        assert_eq!(
            source("a.rs", &"x\n".repeat(MAX_LINES + 1)),
            ["a.rs: 451 lines, at most 450"]
        );
    }

    #[test]
    fn lints_must_be_inherited_in_their_own_section() {
        let good = "[package]\nname = \"a\"\n\n[lints]\n# ours\nworkspace = true\n";
        assert_eq!(manifest("Cargo.toml", good), None);
        let elsewhere = "[lints]\n[dependencies.x]\nworkspace = true\n";
        assert!(manifest("a/Cargo.toml", elsewhere).is_some());
        assert!(manifest("a/Cargo.toml", "[package]\n").is_some());
    }

    #[test]
    fn the_readme_has_its_commands_on_lines_of_their_own() {
        let good = format!("```\n{MAIN_COMMAND}\n```\n\n    $ {TEST_COMMAND}  # all\n");
        assert!(missing_commands(&good).is_empty());
        let bad = format!("{MAIN_COMMAND} --steps 1\n{TEST_COMMAND}\n");
        assert_eq!(
            missing_commands(&bad),
            [format!("README.md: no line `{MAIN_COMMAND}`")]
        );
    }
}
