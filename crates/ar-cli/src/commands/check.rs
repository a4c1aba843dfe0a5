//! `ar-cli check`: the proof that no conditional sees what it predicts.

use anyhow::{Context as _, Result};
use ar_core::check::{Leak, MAX_LEAKS, Report, causality};
use serde::Serialize;

use crate::device::DeviceChoice;
use crate::failure::usage;
use crate::output::Output;
use crate::progress::Progress;
use crate::target::TargetArgs;
use crate::values::{count, seed};
use crate::words::counted;

/// Prove that a model is causal, by changing every value and looking at every conditional
///
/// Exit code 1 if it leaks. MODEL is initialised at random; RUN is checked as trained. Of a mixture
/// every member is checked.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: TargetArgs,

    /// Random images to perturb
    #[arg(long, value_name = "N", default_value = "1", value_parser = count, allow_hyphen_values = true)]
    trials: usize,

    /// Seed of the images
    #[arg(long, value_name = "S", default_value = "0", value_parser = seed, allow_hyphen_values = true)]
    seed: u64,

    /// auto, cpu, cuda:N or metal
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceChoice,

    /// One JSON object on standard output: causal, positions, leaks, receptive_field, undeclared
    #[arg(long)]
    pub(crate) json: bool,
}

/// Values of an image: what each depends on takes the square of this in bits.
const MOST_VALUES: usize = 1 << 16;
/// Leaks told in words.
const TOLD: usize = 10;

pub(crate) fn run(args: &Args, output: &Output) -> Result<u8> {
    let target = args.target.open(&args.device.open()?)?;
    let (dims, most) = (target.spec.domain.dims(), MOST_VALUES);
    if dims > most {
        let domain = target.spec.domain;
        return Err(usage(format!(
            "{}x{}x{}: images of {dims} values are too large to check; at most {most}",
            domain.channels, domain.height, domain.width
        )));
    }
    let members = target.model.members();
    let each = args.trials * dims;
    let bar = Progress::new(output, "checking", "value", (members.len() * each) as u64);
    let mut reports = Vec::new();
    for (i, member) in members.iter().enumerate() {
        let mut progress = |done: usize, _| {
            bar.at((i * each + done) as u64, String::new);
            true
        };
        let report = causality(*member, args.seed, args.trials, &mut progress);
        reports.push(report.context("cannot check the model")?);
    }
    bar.finish();
    for (i, report) in reports.iter().enumerate() {
        let name = match members.len() {
            1 => target.spec.model.clone(),
            n => format!("{}, member {} of {n},", target.spec.model, i + 1),
        };
        for line in in_words(report, &name) {
            output.say(line)?;
        }
    }
    match reports.as_slice() {
        [report] => output.json(report)?,
        members => output.json(&Mixed {
            causal: verdict(members) == 0,
            members,
        })?,
    }
    Ok(verdict(&reports))
}

/// The result for a mixture: of every member.
#[derive(Debug, Serialize)]
struct Mixed<'a> {
    causal: bool,
    members: &'a [Report],
}

/// The exit code: 1 if one of them leaks.
fn verdict(reports: &[Report]) -> u8 {
    u8::from(reports.iter().any(|report| !report.causal))
}

/// The report, line by line.
fn in_words(report: &Report, name: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if report.causal {
        let n = report.positions;
        lines.push(format!(
            "{name} is causal: {n} values changed, no conditional at or before them moved"
        ));
    } else {
        let at_least = if report.leaks.len() >= MAX_LEAKS {
            "at least "
        } else {
            ""
        };
        lines.push(format!(
            "{name} LEAKS: {at_least}{} a conditional sees what it must not",
            counted(report.leaks.len(), "time")
        ));
        lines.extend(report.leaks.iter().take(TOLD).map(leak_in_words));
        if report.leaks.len() > TOLD {
            lines.push(format!("  and {} more", report.leaks.len() - TOLD));
        }
    }
    if report.undeclared > 0 {
        lines.push(format!(
            "{} dependences were seen that the model does not declare",
            report.undeclared
        ));
    }
    let field = &report.receptive_field;
    let [above, left, right] = field.reach;
    let below = match field.below {
        0 => String::new(),
        rows => format!(", {} down", counted(rows, "row")),
    };
    lines.push(format!(
        "receptive field of row {}, column {}: {} of {} earlier values ({} seen to matter), {} up{below}, {} left, \
         {} right",
        field.of[0],
        field.of[1],
        field.declared,
        field.earlier,
        field.observed,
        counted(above, "row"),
        counted(left, "column"),
        counted(right, "column")
    ));
    lines
}

fn leak_in_words(leak: &Leak) -> String {
    let [channel, row, column] = leak.sees;
    let seen = if (leak.row, leak.column, leak.channel) == (row, column, channel) {
        "itself".to_owned()
    } else {
        format!("the later value at row {row}, column {column}, channel {channel}")
    };
    format!(
        "  row {}, column {}, channel {} (step {}) sees {seen}",
        leak.row, leak.column, leak.channel, leak.step
    )
}

#[cfg(test)]
mod tests {
    use ar_core::{ChannelSteps, Distribution, Domain, Likelihood, Model, Order, Stepper, nll_of};
    use candle_core::{DType, Device, Tensor};

    use super::*;

    /// Every conditional is the value below it, which is generated a row later.
    #[derive(Debug)]
    struct Leaky(Domain, Order);

    impl Distribution for Leaky {
        fn domain(&self) -> Domain {
            self.0
        }

        fn device(&self) -> &Device {
            &Device::Cpu
        }

        fn members(&self) -> Vec<&dyn Model> {
            vec![self]
        }

        fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> ar_core::Result<Tensor> {
            nll_of(self, levels, condition)
        }
    }

    impl Model for Leaky {
        fn order(&self) -> &Order {
            &self.1
        }

        fn likelihood(&self) -> Likelihood {
            Likelihood::Bernoulli
        }

        fn depends_on(&self, _: usize) -> Vec<usize> {
            Vec::new()
        }

        fn conditionals(&self, levels: &Tensor, _: Option<&Tensor>) -> ar_core::Result<Tensor> {
            let below = levels
                .to_dtype(DType::F32)?
                .narrow(2, 1, self.0.height - 1)?;
            Ok(below.pad_with_zeros(2, 0, 1)?.unsqueeze(4)?)
        }

        fn stepper(&self, _: usize, _: Option<&Tensor>) -> ar_core::Result<Box<dyn Stepper + '_>> {
            Err(ar_core::Error::Cancelled)
        }
    }

    #[test]
    fn a_model_that_leaks_fails_and_every_leak_is_named() {
        let domain = Domain::new(1, 3, 2, 2).unwrap();
        let model = Leaky(domain, Order::raster(&domain, ChannelSteps::Separate));
        let report = causality(&model, 0, 1, &mut |_, _| true).unwrap();
        let lines = in_words(&report, "leaky");
        assert_eq!(
            lines[0],
            "leaky LEAKS: 4 times a conditional sees what it must not"
        );
        assert_eq!(
            lines[1],
            "  row 0, column 0, channel 0 (step 0) sees the later value at row 1, column 0, channel 0"
        );
        assert_eq!(lines.len(), 7);
        let causal = Report {
            causal: true,
            ..report.clone()
        };
        assert_eq!(verdict(&[causal.clone(), causal.clone()]), 0);
        assert_eq!(verdict(&[causal, report]), 1);
    }

    #[test]
    fn seeing_oneself_is_said_so() {
        let leak = Leak {
            step: 9,
            row: 1,
            column: 2,
            channel: 0,
            sees: [0, 1, 2],
        };
        assert_eq!(
            leak_in_words(&leak),
            "  row 1, column 2, channel 0 (step 9) sees itself"
        );
    }
}
