//! `ar-cli man`: the manual pages.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap_mangen::Man;

use crate::destination::Destinations;
use crate::failure::usage;
use crate::output::Output;
use crate::picture::write_whole;

/// Print the manual page, or write those of all commands
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Folder to write ar-cli.1, ar-cli-train.1 and the others into
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &Args, mut command: clap::Command, output: &Output) -> Result<u8> {
    command.build();
    let Some(folder) = &args.output else {
        output.say(String::from_utf8_lossy(&page(command)?).trim_end())?;
        return Ok(0);
    };
    if !folder.is_dir() {
        return Err(usage(format!(
            "--output {}: there is no such folder",
            folder.display()
        )));
    }
    let mut pages = Vec::new();
    collect(&command, &mut pages);
    let mut files = Destinations::new(args.force);
    let pages: Vec<_> = pages
        .into_iter()
        .map(|command| {
            let name = command.get_display_name().unwrap_or(command.get_name());
            (folder.join(format!("{name}.1")), command)
        })
        .collect();
    for (file, _) in &pages {
        files.file("--output", file, &["1"])?;
    }
    for (file, command) in pages {
        write_whole(&file, &page(command)?)?;
        output.say(file.display())?;
    }
    Ok(0)
}

/// A command and those below it.
fn collect(command: &clap::Command, pages: &mut Vec<clap::Command>) {
    pages.push(command.clone());
    for inner in command
        .get_subcommands()
        .filter(|inner| inner.get_name() != "help")
    {
        collect(inner, pages);
    }
}

fn page(command: clap::Command) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    Man::new(command)
        .render(&mut text)
        .context("cannot write the manual page")?;
    Ok(text)
}
