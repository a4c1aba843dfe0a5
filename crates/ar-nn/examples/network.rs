//! ar-nn alone: a causal network of one's own in a few lines, without a model's name or a configuration. The
//! same description gives every conditional at once and one value at a time.
//!
//! `cargo run -p ar-nn --example network`

#![expect(clippy::print_stdout, reason = "an example tells what it finds")]

use ar_core::harness::step_equals_full;
use ar_core::{
    ChannelSteps, Conditioning, Distribution, Domain, MaskType, Order, Pass, Result, SampleOptions,
    sample,
};
use ar_nn::init::Initializer;
use ar_nn::{Activation, Builder, ConvConfig};
use candle_core::{DType, Device, Tensor};

fn main() -> Result<()> {
    let domain = Domain::new(3, 8, 8, 16)?; // RGB, 8x8, 16 levels
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let initializer = Initializer::new(0); // draws each parameter from the seed and its name
    let vb = initializer.builder(DType::F32, &Device::Cpu);

    let mut net = Builder::new(&domain, &order, Conditioning::None);
    let x = net.scaled_levels(); // (H·W, 3)
    let x = net.conv(x, ConvConfig::square(5, MaskType::A, 24), &vb.pp("first"))?; // (H·W, 24)
    let look = ConvConfig::square(3, MaskType::B, 24);
    let x = net.residual_conv(x, look.before(Activation::Relu), x, &vb.pp("second"))?; // (H·W, 24)
    let head = ConvConfig::pointwise(net.outputs()).before(Activation::Relu);
    let logits = net.conv(x, head, &vb.pp("head"))?; // (H·W, 3 · 16)
    let network = net.finish(logits, &vb)?; // refused if any value could see itself

    let levels = Tensor::zeros((2, 3, 8, 8), DType::U32, &Device::Cpu)?;
    let (loss, _) = network.loss_and_gradient(&levels, None, &Pass::default())?;
    println!("{loss:.1} nats/image before training");
    println!(
        "a uniform model has {:.1}",
        domain.dims() as f64 * 16f64.ln()
    );

    match step_equals_full(&network) {
        Ok(()) => println!("one value at a time, the conditionals are the same"),
        Err(difference) => println!("{difference}"),
    }
    let drawn = sample(&network, &SampleOptions::default(), &|_, _| true)?;
    println!("{} images drawn", drawn.count);
    Ok(())
}
