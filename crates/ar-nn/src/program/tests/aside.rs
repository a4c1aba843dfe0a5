//! What a second core computes is what one computes alone.

use ar_core::Stepper;

use super::*;
use crate::program::aside::Split;
use crate::program::step::ProgramStepper;

/// A WaveNet in small: every layer adds to a sum that is looked at last.
fn skips(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.embedded_levels(5, &vb.pp("embed"))?;
    let first = ConvConfig::sequence(2, 1, MaskType::A, 4);
    let mut h = net.conv(x, first, &vb.pp("first"))?;
    let mut sum = net.conv(h, ConvConfig::pointwise(7), &vb.pp("skip"))?;
    for (i, dilation) in [1, 2, 4].into_iter().enumerate() {
        let vb = vb.pp(i);
        let look = ConvConfig::sequence(2, dilation, MaskType::B, 4).for_gate();
        let z = net.conv(h, look, &vb.pp("look"))?;
        let z = net.gate(z)?;
        sum = net.residual_conv(z, ConvConfig::pointwise(7), sum, &vb.pp("skip"))?;
        h = net.residual_conv(z, ConvConfig::pointwise(4), h, &vb.pp("out"))?;
    }
    let head = ConvConfig::pointwise(net.outputs()).before(Activation::Relu);
    let y = net.conv(sum, head, &vb.pp("head"))?;
    net.finish(y, vb)
}

fn network(order: &Order, domain: &Domain) -> Network {
    let vb = Initializer::new(5).builder(DType::F32, &Device::Cpu);
    skips(domain, order, Conditioning::None, &vb).unwrap()
}

#[test]
fn skips_are_nobodys_business_until_the_end() {
    let domain = Domain::new(1, 1, 60, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Joint);
    let network = network(&order, &domain);
    let (program, schedule) = (network.program(), network.program().schedule());
    let split = Split::of(program, schedule, 1).expect("skips that can be computed aside");
    let aside: Vec<usize> = (0..program.nodes.len())
        .filter(|&i| split.is_aside(i))
        .collect();
    // Nodes: embedding, first, skip; then look, gate, skip, out; the last stream nobody reads; the head.
    assert_eq!(aside, [2, 5, 9, 12, 13, 14]);
    assert!(schedule.split.is_none(), "too small to be worth it");
    // Channels one after the other are more than a site at a step.
    let domain = Domain::new(2, 1, 9, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    let network = self::network(&order, &domain);
    let program = network.program();
    assert!(Split::of(program, program.schedule(), 1).is_none());
}

#[test]
fn a_second_core_changes_no_bit() {
    let domain = Domain::new(1, 1, 60, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Joint);
    let network = network(&order, &domain);
    let split = Split::of(network.program(), network.program().schedule(), 1);
    let stepper = |split, can_help| {
        ProgramStepper::split(&network.fused, 1, Vec::new(), split, can_help).unwrap()
    };
    for can_help in [(|| true) as fn() -> bool, || false] {
        let (mut alone, mut two) = (stepper(None, can_help), stepper(split.as_ref(), can_help));
        for step in 0..60 {
            // Some values are given: nobody asks for their conditionals.
            if step % 7 != 3 {
                let expected = alone.conditionals(step).unwrap();
                assert_eq!(two.conditionals(step).unwrap(), expected, "step {step}");
            }
            if step == 30 {
                let mut fork = two.fork().unwrap();
                fork.feed(30, &[3]).unwrap();
                let mut again = alone.fork().unwrap();
                again.feed(30, &[3]).unwrap();
                assert_eq!(
                    fork.conditionals(31).unwrap(),
                    again.conditionals(31).unwrap()
                );
            }
            let level = [(step * 7 % 4) as u32];
            alone.feed(step, &level).unwrap();
            two.feed(step, &level).unwrap();
            // Long enough for the other thread to fall asleep.
            if step % 20 == 19 {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
    }
}
