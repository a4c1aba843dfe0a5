//! A training run from a program of one's own: a model by name, the built-in digits, a run directory that
//! survives a crash, and the best checkpoint opened again.
//!
//! `cargo run -p ar-train --features data --example train -- a-new-folder`

#![expect(clippy::print_stdout, reason = "an example tells what it finds")]

use std::sync::Arc;

use ar_core::{Conditioning, Distribution};
use ar_data::{Binarization, Encoding, LoadOptions, Source, load};
use ar_models::{PixelCnnConfig, Spec};
use ar_train::{
    BoxError, Checkpoint, ImageBatches, Manifest, Observer, RunDirectory, TrainConfig, Trainer,
    ValidationMetrics, score,
};
use candle_core::Device;

/// What the run tells: here, every validation.
struct Printed;

impl Observer for Printed {
    fn validated(&mut self, metrics: &ValidationMetrics) {
        let (step, nats) = (metrics.step, metrics.validation_nats_per_image);
        println!("step {step}: {nats:.2} nats/image");
    }
}

fn main() -> Result<(), BoxError> {
    let folder = std::env::args().nth(1).ok_or("name a folder for the run")?;
    let options = LoadOptions {
        digits: 500,
        ..LoadOptions::default()
    };
    let set = load(&Source::Digits, &options)?;
    let encoding = Encoding::binary(set.native_levels(), Binarization::Fixed { seed: 0 })?;
    let train = ImageBatches {
        images: Arc::new(set.train),
        encoding: encoding.clone(),
        conditioning: Conditioning::None,
        batch_size: 16,
        seed: 0,
        device: Device::Cpu,
    };
    let validation = Arc::new(set.validation);

    let config = PixelCnnConfig {
        hidden: 16,
        blocks: 2,
        ..PixelCnnConfig::default()
    };
    let spec = Spec::of(&config, train.domain()?, train.conditioning)?; // a Blueprint for the trainer
    let manifest = Manifest {
        model: spec.model.clone(),
        config: spec.config.clone(),
        domain: serde_json::to_value(spec.domain)?,
        ..Manifest::default()
    };
    let run = RunDirectory::create(folder.as_ref())?;
    let how = TrainConfig {
        epochs: Some(3),
        learning_rate: 5e-3,
        validate_every: 20,
        ..TrainConfig::default()
    };
    let variables = spec.initialise(how.seed, &Device::Cpu)?;
    let mut trainer = Trainer::new(&spec, &variables, manifest, how, &run)?;
    let validate = |model: &dyn Distribution| -> Result<f64, BoxError> {
        let nats = score(model, &validation, &encoding, 16, 0, &mut |_| true)?;
        Ok(nats.iter().sum::<f64>() / nats.len() as f64)
    };
    let outcome = trainer.train(&train, &validate, &mut Printed)?;
    println!("{} steps in {:.1} s", outcome.step, outcome.seconds);

    // Averaged weights, as everything that samples or scores should use.
    let checkpoint = Checkpoint::open(&run.best_path(), &Device::Cpu)?;
    let model = spec.build(checkpoint.best_weights())?;
    println!(
        "step {} again: {:.2} nats/image",
        checkpoint.step,
        validate(&*model)?
    );
    Ok(())
}
