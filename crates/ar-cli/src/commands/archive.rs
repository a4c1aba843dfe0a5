//! `ar-cli archive`: what is in an archive.

use std::path::PathBuf;

use anyhow::{Result, anyhow};
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::decompress::{about, open};
use crate::output::Output;
use crate::packing::{About, Kind, hex};
use crate::words::counted;

/// Show what is in an archive: its files, their sizes, and which model made it
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Archive, as compress writes it
    archive: PathBuf,

    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report {
    bytes: u64,
    format: u8,
    arithmetic: u32,
    model: About,
    /// What tells the model from all others.
    identity: String,
    embedded_bytes: usize,
    /// Of recordings, samples.
    dims: usize,
    files: Vec<Held>,
}

#[derive(Debug, Serialize)]
struct Held {
    file: String,
    images: usize,
    height: usize,
    width: usize,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let mut archive = open(&args.archive)?;
    let about = about(&archive, &args.archive)?;
    let header = archive.header().clone();
    let (mut files, mut dims) = (Vec::<Held>::new(), 0);
    let (mut unread, mut is_sound) = (None, false);
    loop {
        match archive.next_block() {
            Ok(None) => break,
            Ok(Some(block)) => {
                for piece in block.pieces {
                    let [height, width] = piece.size;
                    let kind = postcard::from_bytes(&piece.about);
                    // Only the first piece of a file says what that was.
                    is_sound |= matches!(kind, Ok(Kind::Recording(_)));
                    // Of a sample its bytes are no dimensions of their own.
                    let channels = if is_sound { 1 } else { header.channels };
                    dims += piece.count * channels * height * width;
                    if piece.first == 0 {
                        files.push(Held {
                            file: piece.name,
                            images: piece.of,
                            height,
                            width,
                        });
                    }
                }
                if block.is_cut {
                    unread = Some("it is cut off".to_owned());
                    break;
                }
            }
            Err(error) => {
                unread = Some(error.to_string());
                break;
            }
        }
    }
    let report = Report {
        bytes: std::fs::metadata(&args.archive).map_or(0, |file| file.len()),
        format: ar_code::FORMAT,
        arithmetic: header.arithmetic,
        identity: hex(&header.model),
        embedded_bytes: archive.model().map_or(0, <[u8]>::len),
        model: about,
        dims,
        files,
    };
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["file", "images", "size"]);
    for held in &report.files {
        table.add_row([
            held.file.clone(),
            held.images.to_string(),
            format!("{}x{}", held.height, held.width),
        ]);
    }
    if let Some(images) = table.column_mut(1) {
        images.set_cell_alignment(CellAlignment::Right);
    }
    output.say(table)?;
    let bits = 8.0 * report.bytes as f64 / dims.max(1) as f64;
    output.say(format_args!(
        "{} in {} bytes, {bits:.4} {}, by {}{}",
        counted(report.files.len(), "file"),
        report.bytes,
        if is_sound {
            "bits/sample".to_owned()
        } else {
            format!("bits/dim ({} levels)", report.model.levels)
        },
        report.model.line(&header.model),
        match report.embedded_bytes {
            0 => String::new(),
            inside => format!(", which is inside ({inside} bytes)"),
        }
    ))?;
    output.json(&report)?;
    match unread {
        None => Ok(0),
        Some(problem) => Err(anyhow!("{}: {problem}", args.archive.display())),
    }
}
