//! ar-core alone: a model without any network, a Markov chain over the pixels, proved causal, scored and
//! sampled. What a model declares (domain, order, likelihood, what each step depends on) is all that the
//! loops and the checks need.
//!
//! `cargo run -p ar-core --example markov_chain`

#![expect(clippy::print_stdout, reason = "an example tells what it finds")]

use ar_core::check::causality;
use ar_core::{
    ChannelSteps, Distribution, Domain, Likelihood, Model, Order, Result, SampleOptions, Stepper,
    nll_of, sample, score_images,
};
use candle_core::{D, Device, Tensor};

/// p(xᵢ = 1 | xᵢ₋₁): a pixel is like the one before it.
#[derive(Debug)]
struct MarkovChain {
    domain: Domain,
    order: Order,
}

/// Logit of a pixel after one that is 0 or 1; the first comes after a 0.
fn logit(before: u32) -> f32 {
    if before == 1 { 2.0 } else { -2.0 }
}

impl Distribution for MarkovChain {
    fn domain(&self) -> Domain {
        self.domain
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }

    fn members(&self) -> Vec<&dyn Model> {
        vec![self]
    }

    fn nll(&self, levels: &Tensor, condition: Option<&Tensor>) -> Result<Tensor> {
        nll_of(self, levels, condition)
    }
}

impl Model for MarkovChain {
    fn order(&self) -> &Order {
        &self.order
    }

    fn likelihood(&self) -> Likelihood {
        Likelihood::Bernoulli
    }

    fn depends_on(&self, step: usize) -> Vec<usize> {
        step.checked_sub(1).into_iter().collect()
    }

    fn conditionals(&self, levels: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
        let images = levels.flatten_from(1)?.to_vec2::<u32>()?;
        let before = |image: &Vec<u32>| {
            let shifted = std::iter::once(0).chain(image.iter().copied());
            shifted.take(image.len()).map(logit).collect::<Vec<_>>()
        };
        let logits = Tensor::new(images.iter().map(before).collect::<Vec<_>>(), &Device::Cpu)?;
        Ok(logits.reshape(levels.shape())?.unsqueeze(D::Minus1)?) // (B, C, H, W, 1)
    }

    fn stepper(&self, batch: usize, _: Option<&Tensor>) -> Result<Box<dyn Stepper + '_>> {
        Ok(Box::new(Walk(vec![logit(0); batch])))
    }
}

/// The logits of the next step: all there is to remember.
#[derive(Clone)]
struct Walk(Vec<f32>);

impl Stepper for Walk {
    fn conditionals(&mut self, _step: usize) -> Result<&[f32]> {
        Ok(&self.0)
    }

    fn feed(&mut self, _step: usize, levels: &[u32]) -> Result<()> {
        self.0 = levels.iter().map(|&level| logit(level)).collect();
        Ok(())
    }

    fn fork<'a>(&self) -> Result<Box<dyn Stepper + 'a>>
    where
        Self: 'a,
    {
        Ok(Box::new(self.clone()))
    }
}

fn main() -> Result<()> {
    let domain = Domain::new(1, 4, 24, 2)?;
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let model = MarkovChain { domain, order };

    let proof = causality(&model, 0, 1, &mut |_, _| true)?;
    assert!(proof.leaks.is_empty());
    println!("causal: no conditional sees its own value or a later one");

    let options = SampleOptions {
        count: 1,
        ..SampleOptions::default()
    };
    let drawn = sample(&model, &options, &|_, _| true)?;
    for row in drawn.levels.chunks(domain.width) {
        println!(
            "{}",
            row.iter()
                .map(|&x| [' ', '#'][x as usize])
                .collect::<String>()
        );
    }
    let nats = score_images(&model, &drawn.to_tensor(&Device::Cpu)?, None)?;
    println!("{:.2} nats/image", nats[0]);
    Ok(())
}
