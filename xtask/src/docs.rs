//! `cargo xtask docs`: the figures the program draws of itself, the book, rustdoc.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::process::{cargo, command, output, root, run as spawn, target_dir};

/// The version the book is written for; also what `--install` installs.
const MDBOOK: &str = "0.5.4";

/// Models whose masks and receptive fields the book shows.
const DRAWN: &[&str] = &["pixelcnn", "pixelcnn-plain"];

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Change nothing under docs: fail if a figure is out of date or a link leads nowhere
    #[arg(long)]
    check: bool,
    /// Install mdbook under target/tools when it is not on the path
    #[arg(long)]
    install: bool,
}

/// Draws the figures, builds the book and rustdoc.
///
/// # Errors
/// When mdbook is missing, a link leads nowhere, a command fails or, with `--check`, a committed
/// figure differs from what the program draws now.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mdbook = match find_mdbook() {
        Some(path) => path,
        None if args.install => install()?,
        None => bail!("{}", missing()),
    };
    book(&mdbook, args.check)?;
    spawn(&mut rustdoc())
}

/// The book as `ci` sees it: links always, the rest where mdbook is installed.
///
/// # Errors
/// As [`run`], except for a missing mdbook.
pub(crate) fn book_in_ci() -> Result<()> {
    if let Some(mdbook) = find_mdbook() {
        return book(&mdbook, true);
    }
    eprintln!("the book itself is not built: {}", missing());
    links()
}

/// Rustdoc of the workspace, warnings are errors.
pub(crate) fn rustdoc() -> Command {
    let mut command = cargo(["doc", "--workspace", "--no-deps", "--locked"]);
    command.env("RUSTDOCFLAGS", "-Dwarnings");
    command
}

fn book(mdbook: &Path, check: bool) -> Result<()> {
    let committed = root().join("docs/src/figures");
    let (figures, built) = if check {
        let scratch = target_dir().join("docs-check");
        (scratch.join("figures"), scratch.join("book"))
    } else {
        (committed.clone(), root().join("docs/book"))
    };
    draw(&figures)?;
    if check {
        up_to_date(&figures, &committed)?;
    }
    links()?;
    spawn(
        command(mdbook)
            .args(["build", "docs", "--dest-dir"])
            .arg(&built),
    )?;
    println!("{}", built.join("index.html").display());
    Ok(())
}

fn draw(figures: &Path) -> Result<()> {
    std::fs::create_dir_all(figures).with_context(|| figures.display().to_string())?;
    for model in DRAWN {
        let mut command = cargo(["run", "--locked", "-p", "ar-cli", "--", "info", model]);
        spawn(command.arg("--force").arg("--draw").arg(figures))?;
    }
    Ok(())
}

fn up_to_date(drawn: &Path, committed: &Path) -> Result<()> {
    for entry in std::fs::read_dir(drawn).with_context(|| drawn.display().to_string())? {
        let new = entry?.path();
        let old = committed.join(new.file_name().unwrap_or_default());
        let drawn = std::fs::read(&new).with_context(|| new.display().to_string())?;
        if std::fs::read(&old).ok() != Some(drawn) {
            bail!("{} is out of date: run `cargo xtask docs`", old.display());
        }
    }
    Ok(())
}

/// Every relative link of every page leads to a file.
fn links() -> Result<()> {
    let mut pages = Vec::new();
    markdown(&root().join("docs/src"), &mut pages)?;
    let mut broken = 0;
    for page in &pages {
        let text = std::fs::read_to_string(page).with_context(|| page.display().to_string())?;
        let folder = page.parent().unwrap_or(root());
        for target in link_targets(&text) {
            if !folder.join(target).exists() {
                println!("docs: {}: `{target}` leads nowhere", page.display());
                broken += 1;
            }
        }
    }
    if broken > 0 {
        bail!("{broken} broken links in the book");
    }
    Ok(())
}

fn markdown(folder: &Path, pages: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            markdown(&path, pages)?;
        } else if path.extension().is_some_and(|e| e == "md") {
            pages.push(path);
        }
    }
    pages.sort();
    Ok(())
}

/// Files that `[text](target)` outside code blocks points to; other sites and anchors are left out.
fn link_targets(text: &str) -> Vec<&str> {
    let mut targets = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Odd pieces between backticks are inline code.
        for prose in line.split('`').step_by(2) {
            let links = prose.split("](").skip(1);
            let inside = links
                .filter_map(|rest| rest.split_once(')'))
                .map(|(t, _)| t);
            let files = inside.filter_map(|target| target.split(['#', ' ']).next());
            targets.extend(files.filter(|file| !file.is_empty() && !file.contains(':')));
        }
    }
    targets
}

fn find_mdbook() -> Option<PathBuf> {
    let candidates = [tools().join("bin/mdbook"), PathBuf::from("mdbook")];
    candidates.into_iter().find(|path| {
        output(command(path).arg("--version")).is_ok_and(|answer| answer.status.success())
    })
}

fn install() -> Result<PathBuf> {
    let mut command = cargo(["install", "mdbook", "--version", MDBOOK, "--locked"]);
    spawn(command.arg("--root").arg(tools()))?;
    Ok(tools().join("bin/mdbook"))
}

fn tools() -> PathBuf {
    target_dir().join("tools")
}

fn missing() -> String {
    format!(
        "mdbook is not installed: `cargo install mdbook --version {MDBOOK} --locked`, or `cargo xtask docs --install`"
    )
}

#[cfg(test)]
mod tests {
    use super::link_targets;

    #[test]
    fn links_to_files_are_found() {
        let text = "[a](a.md) and ![b](figures/b.png \"title\"), [c](c.md#part)\n\
            [out](https://example.org/x) [here](#part) `[code](no.md)`\n\
            ```\n[fenced](no.md)\n```\n- [last](last.md)\n";
        assert_eq!(
            link_targets(text),
            ["a.md", "figures/b.png", "c.md", "last.md"]
        );
    }
}
