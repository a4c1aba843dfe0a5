//! What a second core computes is what one computes alone.

use ar_core::Stepper;

use super::*;
use crate::program::aside::Split;
use crate::program::step::ProgramStepper;

/// A WaveNet: every layer adds to a sum that is looked at last.
fn skips(order: &Order, domain: &Domain, [c, skip]: [usize; 2]) -> Network {
    let vb = Initializer::new(5).builder(DType::F32, &Device::Cpu);
    let mut net = Builder::new(domain, order, Conditioning::None);
    let of = |features| ConvConfig::pointwise(features);
    let x = net.embedded_levels(5, &vb.pp("embed")).unwrap();
    let first = ConvConfig::sequence(2, 1, MaskType::A, c);
    let mut h = net.conv(x, first, &vb.pp("first")).unwrap();
    let mut sum = net.conv(h, of(skip), &vb.pp("skip")).unwrap();
    for (i, dilation) in [1, 2, 4].into_iter().enumerate() {
        let vb = vb.pp(i);
        let look = ConvConfig::sequence(2, dilation, MaskType::B, c).for_gate();
        let z = net.conv(h, look, &vb.pp("look")).unwrap();
        let z = net.gate(z).unwrap();
        sum = net.residual_conv(z, of(skip), sum, &vb.pp("skip")).unwrap();
        h = net.residual_conv(z, of(c), h, &vb.pp("out")).unwrap();
    }
    let head = of(net.outputs()).before(Activation::Relu);
    let y = net.conv(sum, head, &vb.pp("head")).unwrap();
    net.finish(y, &vb).unwrap()
}

fn sequence_of(steps: usize) -> (Domain, Order) {
    let domain = Domain::new(1, 1, steps, 4).unwrap();
    (domain, Order::raster(&domain, ChannelSteps::Joint))
}

fn split(network: &Network) -> Option<Split> {
    Split::of(network.program(), &network.program().schedule().nodes, 1)
}

#[test]
fn skips_are_nobodys_business_until_the_end() {
    let (domain, order) = sequence_of(60);
    let network = skips(&order, &domain, [4, 7]);
    let (nodes, of) = (network.program().nodes.len(), split(&network));
    let of = of.expect("skips that can be computed aside");
    // Nodes: embedding, first, skip; then look, gate, skip, out; the last stream, which nobody reads; the head.
    let aside: Vec<usize> = (0..nodes).filter(|&i| of.is_aside(i)).collect();
    assert_eq!(aside, [2, 5, 9, 12, 13, 14]);
    let own = &network.program().schedule().split;
    assert!(own.is_none(), "too small to be worth it");
}

#[test]
fn what_has_to_be_waited_for_is_not_computed_aside() {
    // Each node of a chain waits for the one before.
    let (domain, order) = sequence_of(9);
    let vb = Initializer::new(5).builder(DType::F32, &Device::Cpu);
    let mut net = Builder::new(&domain, &order, Conditioning::None);
    let x = net.scaled_levels();
    let first = ConvConfig::sequence(2, 1, MaskType::A, 8);
    let mut h = net.conv(x, first, &vb.pp("first")).unwrap();
    for i in 0..3 {
        let next = ConvConfig::pointwise(8);
        h = net.conv(h, next, &vb.pp(i)).unwrap();
    }
    let y = net.conv(h, ConvConfig::pointwise(net.outputs()), &vb.pp("head"));
    assert!(split(&net.finish(y.unwrap(), &vb).unwrap()).is_none());
    // Channels one after the other are more than a site at a step.
    let domain = Domain::new(2, 1, 9, 4).unwrap();
    let order = Order::raster(&domain, ChannelSteps::Separate);
    assert!(split(&skips(&order, &domain, [4, 7])).is_none());
}

#[test]
fn a_second_core_changes_no_bit() {
    const STEPS: usize = 300;
    let (domain, order) = sequence_of(STEPS);
    let network = skips(&order, &domain, [64, 256]);
    let split = split(&network);
    let stepper = |split, can_help| {
        ProgramStepper::split(&network.fused, 1, Vec::new(), split, can_help).unwrap()
    };
    let run = |can_help: fn() -> bool| {
        let (mut alone, mut two) = (stepper(None, can_help), stepper(split.as_ref(), can_help));
        for step in 0..STEPS {
            // Some values are given: nobody asks for their conditionals.
            if step % 7 != 3 {
                let expected = alone.conditionals(step).unwrap();
                assert_eq!(two.conditionals(step).unwrap(), expected, "step {step}");
            }
            if step % 100 == 30 {
                let (mut one, mut other) = (alone.fork().unwrap(), two.fork().unwrap());
                one.feed(step, &[3]).unwrap();
                other.feed(step, &[3]).unwrap();
                let expected = one.conditionals(step + 1).unwrap();
                assert_eq!(other.conditionals(step + 1).unwrap(), expected);
                // Long enough for the other thread to fall asleep.
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            if let Some(aside) = &mut two.aside {
                aside.rest = 0; // Other tests have the cores, and this one goes on asking.
            }
            let level = [(step * 7 % 4) as u32];
            alone.feed(step, &level).unwrap();
            two.feed(step, &level).unwrap();
        }
        two.aside.map_or(0, |aside| aside.helped)
    };
    assert_eq!(run(|| false), 0);
    let has_helped = (0..500).any(|_| run(|| true) > 0);
    assert!(has_helped, "the other thread never helped");
}
