//! `ar-cli decompress`: the files of an archive.

use std::fs::File;
use std::io::BufReader;
use std::path::{Component, Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, anyhow};
use ar_code::{Archive, Piece, decompress};
use ar_core::Domain;
use candle_core::Device;
use serde::Serialize;

use crate::destination::{Destinations, ending_of};
use crate::failure::usage;
use crate::output::Output;
use crate::packing::{About, Coding, Kind, identity, write};
use crate::paths::folder_of;
use crate::progress::{Progress, duration, rate};
use crate::run::Run;
use crate::scored::unit_of;
use crate::words::counted;

/// Write the files of an archive again
///
/// The model is the one inside, that of --model, or where it was when the archive was made. Another one is refused
/// before anything is decoded. Where an archive is damaged, the files before the damage are written and the others
/// named.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Archive, as compress writes it
    archive: PathBuf,

    /// Run directory or checkpoint file that it was made by
    #[arg(long, value_name = "RUN")]
    model: Option<PathBuf>,

    /// Folder for the files, made if it is not there; or, of an archive of one array, a .npy file
    #[arg(short, long, value_name = "DIR|FILE.npy")]
    output: PathBuf,

    /// Replace files that exist
    #[arg(long)]
    force: bool,

    /// One JSON object on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    files: usize,
    images: usize,
    output: &'a Path,
    seconds: f64,
    /// Files that were not written, for the archive is damaged.
    damaged: &'a [String],
}

/// What there is of a file so far.
#[derive(Debug, Default)]
struct Partly {
    levels: Vec<u32>,
    images: usize,
    is_damaged: bool,
}

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let mut archive = open(&args.archive)?;
    let header = archive.header().clone();
    let about = about(&archive, &args.archive)?;
    let inside = archive.model().map(ToOwned::to_owned);
    let run = args.opened(&about, inside.as_deref())?;
    let own = identity(&run)?;
    if own != header.model {
        return Err(usage(format!(
            "{} was made by {}; this is {}",
            args.archive.display(),
            about.line(&header.model),
            About::of(&run, &args.named(&about), None).line(&own)
        )));
    }
    let coding = Coding::new(&run, about.scan()?);
    args.foresee()?;
    let unit = unit_of(&run.encoding);
    let mut now: Option<(Piece, Partly)> = None;
    let mut damaged = Vec::new();
    let (mut files, mut images) = (0, 0);
    let bar = Progress::new(output, "decompressing", unit, header.images);
    let progress = |done: usize| {
        bar.at(done as u64, String::new);
        true
    };
    let mut failure = None;
    let mut give = |piece: &Piece, levels: Option<Vec<u32>>| {
        if piece.first == 0 {
            // One that was not ended is not whole.
            damaged.extend(
                now.replace((piece.clone(), Partly::default()))
                    .map(|(old, _)| old.name),
            );
        }
        let Some((file, part)) = now.as_mut() else {
            return Ok(());
        };
        match levels {
            // What goes on after something that is not here is none.
            Some(levels) if part.images == piece.first => part.levels.extend(levels),
            _ => part.is_damaged = true,
        }
        part.images = piece.first + piece.count;
        if part.images < file.of {
            return Ok(());
        }
        let Some((piece, part)) = now.take() else {
            return Ok(());
        };
        if part.is_damaged {
            damaged.push(piece.name);
            return Ok(());
        }
        let domain = Domain {
            height: piece.size[0],
            width: piece.size[1],
            ..run.spec.domain
        };
        let written = args.place(&piece.name).and_then(|to| {
            let folder = folder_of(&to);
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
            let kind = kind_of(&piece)?;
            write(&to, &kind, &part.levels, &domain, &run.encoding)
        });
        (files, images) = (files + 1, images + piece.of);
        written.map_err(|error| {
            failure = Some(error.context(format!("cannot write {}", piece.name)));
            ar_code::Error::Cancelled
        })
    };
    let started = Instant::now();
    let of_size = |size| coding.of_size(size);
    let result = decompress(&mut archive, &of_size, &progress, &mut give);
    let seconds = started.elapsed().as_secs_f64();
    drop(bar);
    if let Some(failure) = failure {
        return Err(failure);
    }
    damaged.extend(now.map(|(file, _)| file.name));
    let unread = match result {
        Ok(()) => None,
        Err(error @ (ar_code::Error::Cut | ar_code::Error::Damaged(_))) => Some(error),
        Err(error) => return Err(anyhow!("{}: {error}", args.archive.display())),
    };
    output.say(format_args!(
        "{} in {}, {} {unit}s/s: {}",
        counted(files, "file"),
        duration(seconds),
        rate(images, seconds),
        args.output.display()
    ))?;
    output.json(&Report {
        files,
        images,
        output: &args.output,
        seconds,
        damaged: &damaged,
    })?;
    if damaged.is_empty() && unread.is_none() {
        return Ok(0);
    }
    let lost = match damaged.len() {
        0 => "what came after cannot be found".to_owned(),
        _ => format!("lost: {}", damaged.join(", ")),
    };
    let why = unread.map_or("it is damaged".to_owned(), |error| error.to_string());
    Err(anyhow!(
        "{}: {why}; {} written, {lost}",
        args.archive.display(),
        counted(files, "file")
    ))
}

/// Opens an archive; whatever is wrong with it names it.
pub(super) fn open(path: &Path) -> Result<Archive<BufReader<File>>> {
    if !path.is_file() {
        return Err(usage(format!(
            "{}: there is no such archive",
            path.display()
        )));
    }
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    Archive::open(BufReader::new(file)).map_err(|error| anyhow!("{}: {error}", path.display()))
}

/// What the archive says of its model.
pub(super) fn about<R: std::io::Read>(archive: &Archive<R>, path: &Path) -> Result<About> {
    postcard::from_bytes(&archive.header().about)
        .with_context(|| format!("{}: it does not say which model made it", path.display()))
}

impl Args {
    /// How the model is called in messages.
    fn named(&self, about: &About) -> String {
        self.model
            .as_ref()
            .map_or(about.run.clone(), |path| path.display().to_string())
    }

    fn opened(&self, about: &About, inside: Option<&[u8]>) -> Result<Run> {
        if let Some(path) = &self.model {
            return Run::open(path, &Device::Cpu);
        }
        if let Some(bytes) = inside {
            let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
            let file = folder.path().join("model.safetensors");
            std::fs::write(&file, bytes).context("cannot write a temporary file")?;
            return Run::open(&file, &Device::Cpu);
        }
        let there = Path::new(&about.run);
        if there.exists() {
            return Run::open(there, &Device::Cpu);
        }
        Err(usage(format!(
            "{} was made by the run {}, which is not there; name it with --model",
            self.archive.display(),
            about.run
        )))
    }

    /// Whether the files go into one array rather than a folder.
    fn is_array(&self) -> bool {
        ending_of(&self.output) == "npy" && !self.output.is_dir()
    }

    /// Refuses what cannot be written before anything is decoded or written. Where the archive is damaged, only
    /// what comes before that is known.
    fn foresee(&self) -> Result<()> {
        let mut archive = open(&self.archive)?;
        let mut pieces = Vec::new();
        while let Ok(Some(block)) = archive.next_block() {
            let files = block.pieces.into_iter();
            pieces.extend(files.filter(|piece| piece.first == 0));
        }
        let to = || format!("--output {}", self.output.display());
        let mut files = Destinations::new(self.force);
        files.reads("ARCHIVE", &self.archive);
        if self.is_array() {
            if pieces.len() > 1 {
                let problem = "the archive holds more than one file; give a folder";
                return Err(usage(format!("{}: {problem}", to())));
            }
            for piece in &pieces {
                let kind =
                    kind_of(piece).with_context(|| format!("cannot write {}", piece.name))?;
                if !matches!(kind, Kind::Array { .. } | Kind::Levels) {
                    let (to, name) = (to(), &piece.name);
                    return Err(usage(format!(
                        "{to}: the archive holds {name}, which is no array; give a folder"
                    )));
                }
            }
            return files.file("--output", &self.output, &["npy"]);
        }
        for piece in &pieces {
            let path = self.place(&piece.name)?;
            if path.exists() {
                files.file("--output", &path, &[&ending_of(&path)])?;
            }
        }
        std::fs::create_dir_all(&self.output)
            .with_context(|| format!("cannot make the folder {}", self.output.display()))
    }

    /// Where the file called `name` goes: within the folder, whatever the archive says.
    fn place(&self, name: &str) -> Result<PathBuf> {
        let relative = Path::new(name);
        let inside = relative
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        anyhow::ensure!(
            inside && !name.is_empty(),
            "{name:?} would lie outside of {}",
            self.output.display()
        );
        if self.is_array() {
            return Ok(self.output.clone());
        }
        Ok(self.output.join(relative))
    }
}

/// What the file was that `piece` begins.
fn kind_of(piece: &Piece) -> Result<Kind> {
    postcard::from_bytes(&piece.about).context("the archive says nothing of it that can be read")
}
