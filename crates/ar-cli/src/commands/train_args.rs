//! Arguments of `ar-cli train`.

use std::path::PathBuf;

use crate::config::presets_help;
use crate::device::DeviceChoice;
use crate::reading::DataArgs;
use crate::training::Given;
use crate::values::{count, positive, seed};

/// Train a model
///
/// Everything goes into a run directory: the resolved configuration (which --config accepts), the
/// last and the best checkpoint, metrics, sample grids, the loss curve, the result. Ctrl-C saves and
/// stops. Without --epochs, --steps and --minutes a model of the default size takes a few minutes.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(after_help = presets_help())]
pub(crate) struct Args {
    /// Name of the model, such as pixelcnn; may be left out with --resume or a --config that names it
    model: Option<String>,

    #[command(flatten)]
    data: DataArgs,

    /// End after N passes over the data
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true, help_heading = "Training")]
    epochs: Option<usize>,

    /// End after N updates
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true, help_heading = "Training")]
    steps: Option<usize>,

    /// End after M minutes
    #[arg(long, value_name = "M", value_parser = positive, allow_hyphen_values = true, help_heading = "Training")]
    minutes: Option<f64>,

    /// End after N validations without a better one, and keep the best weights
    #[arg(long, value_name = "N", value_parser = count, allow_hyphen_values = true, help_heading = "Training")]
    patience: Option<usize>,

    /// Images in a batch
    #[arg(long, value_name = "B", value_parser = count, allow_hyphen_values = true, help_heading = "Training")]
    batch_size: Option<usize>,

    /// Learning rate after the warm-up
    #[arg(long, value_name = "R", value_parser = positive, allow_hyphen_values = true, help_heading = "Training")]
    lr: Option<f64>,

    /// Seed of initialisation and shuffling
    #[arg(long, value_name = "S", value_parser = seed, allow_hyphen_values = true, help_heading = "Training")]
    seed: Option<u64>,

    /// auto, cpu, cuda:N or metal
    #[arg(
        long,
        value_name = "DEVICE",
        default_value = "auto",
        help_heading = "Training"
    )]
    pub(super) device: DeviceChoice,

    /// A named size of the model, as listed below; --set goes over it
    #[arg(long, value_name = "NAME", conflicts_with = "resume")]
    preset: Option<String>,

    /// Take values from a TOML file with [model], [train] and [data]; options go over it
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,

    /// Any field of [model], [train] or [data], such as hidden=64 or train.weight_decay=0.01
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Run directory [default: runs/MODEL-DATA-NNN]
    #[arg(long, value_name = "DIR")]
    pub(super) run: Option<PathBuf>,

    /// Go on with the run of --run; limits may be extended
    #[arg(long, requires = "run")]
    pub(super) resume: bool,

    /// Make no run: say what it would be, its memory and its time, measured over a few steps
    #[arg(long, conflicts_with = "resume")]
    pub(super) dry_run: bool,

    /// Also write the curves for TensorBoard, into the run's folder tensorboard
    #[arg(long)]
    pub(super) tensorboard: bool,

    /// One JSON object on standard output: run, steps, parameters, seconds, best, tested_step, test
    #[arg(long)]
    pub(crate) json: bool,
}

impl Args {
    /// What of it was given, each option as the field it stands for.
    pub(super) fn given(&self) -> Given {
        let mut data = self.data.clone();
        // `auto` is what any resumed run's data may have been found by.
        data.data.take_if(|source| self.resume && source == "auto");
        let number = |n: Option<usize>| n.map(Into::into);
        let mut flags = vec![
            ("--epochs", "train", "epochs", number(self.epochs)),
            ("--steps", "train", "steps", number(self.steps)),
            (
                "--minutes",
                "train",
                "minutes",
                self.minutes.map(Into::into),
            ),
            ("--patience", "train", "patience", number(self.patience)),
            (
                "--batch-size",
                "train",
                "batch_size",
                number(self.batch_size),
            ),
            ("--lr", "train", "learning_rate", self.lr.map(Into::into)),
            ("--seed", "train", "seed", self.seed.map(Into::into)),
        ];
        flags.extend(data.flags());
        Given {
            model: self.model.clone(),
            config: self.config.clone(),
            set: self.set.clone(),
            flags,
            preset: self.preset.clone(),
            run: self.run.clone(),
        }
    }
}
