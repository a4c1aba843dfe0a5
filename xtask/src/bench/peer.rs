//! The two programs that time a model: ours, in `ar-benches`, and the PyTorch twins in
//! `torch_peers.py`. Both take the same words and print the same line of JSON.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::measurement::{Measurement, parse};
use crate::process::{capture, cargo, command, output};

/// The PyTorch twins, seen from the workspace's root.
const SCRIPT: &str = "xtask/torch_peers.py";

/// What to time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job<'a> {
    /// `step`, `sample` or `forward`, of ours also `whole`.
    pub(super) verb: &'a str,
    pub(super) model: &'a str,
    /// Images at once.
    pub(super) batch: u64,
    /// Repetitions whose median is reported; the program's own number when there is none.
    pub(super) repeats: Option<u64>,
    pub(super) threads: u64,
    /// The model's default size; otherwise that of its PyTorch twin. Ours only.
    pub(super) default_size: bool,
}

/// A program that times a [`Job`].
#[derive(Debug)]
pub(super) struct Peer {
    words: Vec<PathBuf>,
}

impl Peer {
    /// Ours, built with a cargo profile.
    ///
    /// # Errors
    /// When it does not build, or cargo does not say where it is.
    pub(super) fn ours(profile: &str) -> Result<Self> {
        let mut build = cargo(["build", "--locked", "--profile", profile]);
        build.args(["-p", "ar-benches", "--bin", "peer"]);
        let messages = capture(build.arg("--message-format=json-render-diagnostics"))?;
        let program = executable(&messages).context("cargo built no program called `peer`")?;
        Ok(Self {
            words: vec![program],
        })
    }

    /// The PyTorch twins and the version of torch, or a line that says why not.
    pub(super) fn torch(python: &Path) -> Result<(Self, String), String> {
        let mut probe = command(python);
        probe.args(["-c", "import torch; print(torch.__version__)"]);
        let name = python.display();
        match output(&mut probe) {
            Err(_) => Err(format!(
                "no PyTorch to compare with: {name} cannot be started (--python PATH names another)"
            )),
            Ok(answer) if !answer.status.success() => Err(format!(
                "no PyTorch to compare with: {name} cannot import torch (--python PATH names another)"
            )),
            Ok(answer) => {
                let version = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
                let words = vec![python.to_owned(), PathBuf::from(SCRIPT)];
                Ok((Self { words }, version))
            }
        }
    }

    /// Runs the program once.
    ///
    /// # Errors
    /// When it fails, or timed something else than it was asked to.
    pub(super) fn time(&self, job: &Job<'_>) -> Result<Measurement> {
        let text = capture(&mut self.command(job))?;
        let asked = [
            ("verb", Value::from(job.verb)),
            ("model", Value::from(job.model)),
            ("batch", json!(job.batch)),
            ("threads", json!(job.threads)),
        ];
        parse(&text, &asked)
    }

    fn command(&self, job: &Job<'_>) -> Command {
        let threads = job.threads.to_string();
        let is_script = self.words.len() > 1;
        let mut words = self.words.iter();
        let mut command = command(words.next().map_or(Path::new(""), PathBuf::as_path));
        command.args(words).args([job.verb, job.model]);
        command.args(["--batch", &job.batch.to_string()]);
        if let Some(repeats) = job.repeats {
            command.args(["--repeats", &repeats.to_string()]);
        }
        if job.default_size {
            command.arg("--default");
        }
        // Ours takes its threads from the environment, as the program itself does.
        if is_script {
            command.args(["--threads", &threads]);
            command.env("OMP_NUM_THREADS", threads);
        } else {
            command.env("RAYON_NUM_THREADS", threads);
        }
        command
    }
}

/// The path in cargo's message about the binary target `peer`.
fn executable(messages: &str) -> Option<PathBuf> {
    let objects = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = objects.filter_map(|message| {
        let is_peer = message["target"]["name"] == "peer";
        is_peer.then(|| message["executable"].as_str().map(PathBuf::from))?
    });
    programs.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_found_among_cargo_s_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"name":"ar_core"},"executable":null}
{"reason":"compiler-artifact","target":{"name":"peer"},"executable":"/t/release/peer"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/release/peer")));
        assert_eq!(executable(""), None);
    }

    #[test]
    fn a_missing_python_is_said_in_one_line() {
        let reason = Peer::torch(Path::new("/nowhere/python3")).unwrap_err();
        assert!(reason.contains("/nowhere/python3 cannot be started"));
        assert_eq!(reason.lines().count(), 1);
    }

    #[test]
    fn both_sides_are_asked_the_same() {
        let job = Job {
            verb: "step",
            model: "pixelcnn",
            batch: 32,
            repeats: Some(5),
            threads: 2,
            default_size: false,
        };
        let words = |path: &[&str]| path.iter().map(PathBuf::from).collect();
        let ours = Peer {
            words: words(&["peer"]),
        }
        .command(&job);
        let theirs = Peer {
            words: words(&["python3", "x.py"]),
        }
        .command(&job);
        let common = ["step", "pixelcnn", "--batch", "32", "--repeats", "5"];
        assert!(ours.get_args().eq(common));
        assert!(theirs.get_args().skip(1).take(6).eq(common));
        assert!(ours.get_envs().any(|(name, _)| name == "RAYON_NUM_THREADS"));
    }
}
