//! Times one thing and prints a line of JSON, as `torch_peers.py` does, so that both can be compared
//! in one run: `peer step|forward|sample|whole MODEL [--batch N] [--repeats N] [--default]`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use ar_benches::{default_spec, frozen, levels, peer_domain, peer_spec, step_times};
use ar_core::{Engine, SampleOptions, sample};
use ar_models::{Spec, registry};
use ar_train::BoxError;
use candle_core::Device;
use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time one of our models; the line of JSON has the fields of torch_peers.py.
#[derive(Debug, Parser)]
#[command(name = "peer")]
struct Args {
    /// What to time
    verb: Verb,
    /// The network, over 28x28 grey images of 256 levels (made: of 2), as its twin has them
    #[arg(value_parser = PossibleValuesParser::new(registry().into_iter().map(|entry| entry.name)))]
    model: String,
    /// Images at once [default: 32 in a step, otherwise 16]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    batch: Option<u32>,
    /// Repetitions, of which the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    repeats: u32,
    /// The model's default size over binary images, instead of the size of its PyTorch twin
    #[arg(long)]
    default: bool,
}

/// Steps timed of a loop of whole passes.
const WHOLE_STEPS: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Verb {
    /// A training step: loss, backward, Adam and averaged weights
    Step,
    /// A full pass
    Forward,
    /// Drawing images step by step
    Sample,
    /// Drawing images by a whole pass for every step: a few steps are timed and scaled to all
    Whole,
}

#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "its output is the result"
)]
fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<Value, BoxError> {
    let default = if args.verb == Verb::Step { 32 } else { 16 };
    let batch = args.batch.unwrap_or(default);
    let spec = if args.default {
        default_spec(&args.model)?
    } else {
        peer_spec(&args.model, peer_domain(&args.model))?
    };
    let times = match args.verb {
        Verb::Step => step_times(&spec, batch as usize, args.repeats.into())?,
        Verb::Forward => {
            let (model, x) = (frozen(&spec)?, levels(&spec.domain, batch as usize)?);
            repeated(args.repeats, || -> ar_core::Result<()> {
                for member in model.members() {
                    member.conditionals(&x, None)?;
                }
                Ok(())
            })?
        }
        Verb::Sample => {
            let model = frozen(&spec)?;
            let options = SampleOptions {
                count: batch as usize,
                engine: Engine::Stepwise,
                ..SampleOptions::default()
            };
            repeated(args.repeats, || sample(&*model, &options, &|_, _| true))?
        }
        Verb::Whole => whole_passes(&spec, batch as usize, args.repeats)?,
    };
    let parameters = parameters(&spec)?;
    Ok(json!({
        "verb": args.verb.to_possible_value().map(|verb| verb.get_name().to_owned()),
        "model": args.model,
        "batch": batch,
        "threads": candle_core::utils::get_num_threads(),
        "parameters": parameters,
        // Dead taps have no weights here.
        "live_parameters": parameters,
        "seconds": median(times).as_secs_f64(),
    }))
}

/// Times a few steps of the loop everyone writes first, and scales them to the whole image.
fn whole_passes(spec: &Spec, batch: usize, repeats: u32) -> Result<Vec<Duration>, BoxError> {
    let model = frozen(spec)?;
    let options = SampleOptions {
        count: batch,
        engine: Engine::WholePass,
        chunk: batch,
        ..SampleOptions::default()
    };
    let few = || match sample(&*model, &options, &|done, _| done < WHOLE_STEPS * batch) {
        Ok(_) | Err(ar_core::Error::Cancelled) => Ok(()),
        Err(error) => Err(error),
    };
    let steps = model.members()[0].order().steps();
    let scale = steps as f64 / steps.min(WHOLE_STEPS) as f64;
    let times = repeated(repeats, few)?;
    Ok(times.into_iter().map(|t| t.mul_f64(scale)).collect())
}

fn parameters(spec: &Spec) -> Result<usize, BoxError> {
    let vars = spec.initialise(0, &Device::Cpu)?;
    Ok(vars.values().map(|var| var.elem_count()).sum())
}

/// How long `f` takes each of `repeats` times, after a first one that is not counted.
fn repeated<T>(repeats: u32, f: impl Fn() -> ar_core::Result<T>) -> ar_core::Result<Vec<Duration>> {
    f()?;
    let mut times = Vec::new();
    for _ in 0..repeats {
        let start = Instant::now();
        f()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// The middle one, the mean of the middle two when they are even in number.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let middle = times.len() / 2;
    let of = |i: usize| times.get(i).copied().unwrap_or_default();
    if times.len() % 2 == 1 {
        return of(middle);
    }
    (of(middle.saturating_sub(1)) + of(middle)) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("peer").chain(words.split_whitespace()))
    }

    #[test]
    fn bad_arguments_are_named() {
        for (words, named) in [
            ("", "VERB"),
            ("jump pixelcnn", "'jump'"),
            ("step", "MODEL"),
            ("step resnet", "'resnet'"),
            ("step pixelcnn --batch 0", "--batch"),
            ("step pixelcnn --repeats many", "--repeats"),
            ("step pixelcnn --threads 2", "--threads"),
        ] {
            let error = parse(words).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{words}");
            assert!(error.to_string().contains(named), "{words}: {error}");
        }
    }

    #[test]
    fn the_line_says_what_was_timed() {
        for (model, live) in [("pixelcnn", 349_696), ("pixelcnn-plain", 735_488)] {
            for verb in ["step", "forward", "sample"] {
                let args = parse(&format!("{verb} {model} --batch 1 --repeats 1")).unwrap();
                let line = run(&args).unwrap();
                assert_eq!(
                    (&line["verb"], &line["model"]),
                    (&json!(verb), &json!(model))
                );
                assert_eq!(
                    (&line["batch"], &line["live_parameters"]),
                    (&json!(1), &json!(live))
                );
                assert!(line["seconds"].as_f64().unwrap() > 0.0);
            }
        }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        let of = |ms: &[u64]| median(ms.iter().copied().map(Duration::from_millis).collect());
        assert_eq!(of(&[3, 1, 2]), Duration::from_millis(2));
        assert_eq!(of(&[4, 1, 2, 9]), Duration::from_millis(3));
    }
}
