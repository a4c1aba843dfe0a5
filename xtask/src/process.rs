//! Child processes: how they are named, echoed and judged.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root().join(dir),
        None => root().join("target"),
    }
}

/// `program` in the workspace's root.
///
/// What `cargo run` told *this* process about its own package is taken out: build scripts such as
/// ring's watch those variables, and would run again under a cargo started here.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo this process was started by, with `args`.
pub(crate) fn cargo<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = command(program);
    cargo.args(args);
    cargo
}

/// Echoes and runs a command, its output going where ours goes.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    echo(command);
    let status = command
        .status()
        .with_context(|| format!("starting {}", program(command)))?;
    judge(command, status)
}

/// Echoes and runs a command, and returns its standard output; standard error goes where ours goes.
///
/// # Errors
/// When it cannot be started, does not succeed, or prints what is not UTF-8.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    echo(command);
    let output = output(command.stderr(Stdio::inherit()))?;
    judge(command, output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("output of {}", program(command)))
}

/// Runs a command that may well fail, without an echo: a question about this machine.
///
/// # Errors
/// When it cannot be started.
pub(crate) fn output(command: &mut Command) -> Result<Output> {
    command
        .output()
        .with_context(|| format!("starting {}", program(command)))
}

fn judge(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

fn echo(command: &Command) {
    eprintln!("$ {}", line(command));
}

/// The command as one would type it: variables set for it, the program, arguments.
fn line(command: &Command) -> String {
    let set = command
        .get_envs()
        .filter_map(|(name, value)| Some(format!("{}={}", name.to_string_lossy(), quoted(value?))));
    let args = command.get_args().map(quoted);
    set.chain([program(command)])
        .chain(args)
        .collect::<Vec<_>>()
        .join(" ")
}

/// The program's bare name, or its path when it is one of ours: that says which build it is.
fn program(command: &Command) -> String {
    let path = Path::new(command.get_program());
    if let Ok(built_here) = path.strip_prefix(root()) {
        return built_here.display().to_string();
    }
    let name = path.file_stem().unwrap_or(command.get_program());
    name.to_string_lossy().into_owned()
}

fn quoted(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_echoed_as_one_would_type_it() {
        let mut command = Command::new("/opt/rust/bin/cargo");
        command
            .args(["test", "--bench", "*", "it's"])
            .env("RUSTDOCFLAGS", "-Dwarnings")
            .env_remove("CARGO_PKG_NAME");
        assert_eq!(
            line(&command),
            r"RUSTDOCFLAGS=-Dwarnings cargo test --bench '*' 'it'\''s'"
        );
    }

    #[test]
    fn a_program_of_ours_keeps_its_path() {
        let command = Command::new(root().join("target/release/peer"));
        assert_eq!(line(&command), "target/release/peer");
    }

    #[test]
    fn the_root_is_the_workspace() {
        let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[workspace]"));
    }
}
