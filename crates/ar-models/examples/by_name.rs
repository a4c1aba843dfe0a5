//! ar-models alone: a model by its name, its gradient, its likelihood and its samples, without files or data.
//!
//! `cargo run -p ar-models --example by_name -- gated-pixelcnn`

#![expect(clippy::print_stdout, reason = "an example tells what it finds")]

use ar_core::{
    Conditioning, Domain, Pass, Result, SampleOptions, Score, Weights, sample, score_images,
};
use ar_models::{Spec, registry};
use candle_core::{DType, Device, Tensor};
use serde_json::json;

fn main() -> Result<()> {
    let name = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "pixelcnn".to_owned());
    for entry in registry() {
        println!("{:16} {}", entry.name, entry.about);
    }

    let domain = Domain::new(1, 28, 28, 2)?;
    let spec = Spec::new(
        &name,
        json!({}),
        domain,
        Conditioning::Class { classes: 10 },
    )?;
    let variables = spec.initialise(0, &Device::Cpu)?;
    let weights = Weights::from_vars(&variables);
    println!(
        "\n{name}: {} parameters, {}",
        weights.elements(),
        spec.config
    );

    let levels = Tensor::zeros((4, 1, 28, 28), DType::U32, &Device::Cpu)?;
    let classes = Tensor::new(&[0u32, 1, 2, 3], &Device::Cpu)?;
    let model = spec.build(&weights)?;
    let (_, mut gradients) = model.loss_and_gradient(&levels, Some(&classes), &Pass::default())?;
    let reached = variables
        .values()
        .filter(|var| gradients.take(var).is_some());
    println!(
        "gradients of {} of {} tensors",
        reached.count(),
        weights.len()
    );

    let model = spec.build(&weights.detached())?;
    let nats = score_images(&*model, &levels, Some(&classes))?;
    let score = Score::of(&nats, &domain);
    println!(
        "{:.2} nats/image, {:.4} bits/dim untrained",
        score.nats_per_image, score.bits_per_dim
    );
    let options = SampleOptions {
        count: 4,
        condition: Some(classes),
        ..SampleOptions::default()
    };
    let drawn = sample(&*model, &options, &|_, _| true)?;
    println!("drawn: {:?}", drawn.to_tensor(&Device::Cpu)?.shape());
    Ok(())
}
