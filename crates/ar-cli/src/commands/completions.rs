//! `ar-cli completions`: the command line for a shell to complete.

use anyhow::Result;
use clap_complete::Shell;

use crate::output::Output;

/// Print the completions of a shell, for it to load
///
/// In bash: ar-cli completions bash > ~/.local/share/bash-completion/completions/ar-cli
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &Args, mut command: clap::Command, output: &Output) -> Result<u8> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut command, "ar-cli", &mut text);
    output.say(String::from_utf8_lossy(&text).trim_end())?;
    Ok(0)
}
