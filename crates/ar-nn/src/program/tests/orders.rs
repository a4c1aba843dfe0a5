//! Networks in every order that has a name, among them those that draw many pixels at once.

use ar_core::{ChannelSteps, Conditioning, Domain, Order, Result, Scan};

use super::super::{CONDITION, INPUTS, LEVELS};
use super::*;

/// A vertical stack that hands what it knows to a horizontal one.
fn two_stacks(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.scaled_levels();
    let row = |mask| ConvConfig {
        kernel: Kernel {
            height: 1,
            width: 3,
            dilation: 1,
        },
        ..ConvConfig::square(3, mask, 6).for_gate()
    };
    let above = |mask| ConvConfig::square(3, mask, 6).for_gate().vertical();
    let (mut v, mut h) = (x, x);
    for (i, mask) in [MaskType::A, MaskType::B].into_iter().enumerate() {
        let vb = vb.pp(i);
        let rows = net.conv(v, above(mask), &vb.pp("v"))?;
        let link = net.conv(rows, ConvConfig::pointwise(6).for_gate(), &vb.pp("link"))?;
        let beside = net.residual_conv(h, row(mask), link, &vb.pp("h"))?;
        let beside = net.condition(beside, &vb.pp("condition"))?;
        v = net.gate(rows)?;
        h = net.gate(beside)?;
    }
    let outputs = net.outputs();
    let logits = net.conv(h, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(logits, vb)
}

/// What is known, in depth, and then what is to come from it.
fn known_then_predicted(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.embedded_levels(6, &vb.pp("embed"))?;
    let look = |mask| ConvConfig::square(3, mask, 6);
    let known = net.conv(x, look(MaskType::B).after(Activation::Elu), &vb.pp("a"))?;
    let known = net.residual_conv(known, look(MaskType::B), known, &vb.pp("b"))?;
    let y = net.conv(known, look(MaskType::A).after(Activation::Elu), &vb.pp("c"))?;
    let y = net.condition(y, &vb.pp("condition"))?;
    let outputs = net.outputs();
    let logits = net.conv(y, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(logits, vb)
}

const SCANS: [&str; 10] = [
    "s-curve",
    "s-curve+transpose",
    "raster+transpose",
    "raster+flip+mirror",
    "hilbert",
    "spiral+mirror",
    "checkerboard",
    "coarse-to-fine",
    "subscale:2",
    "blocks:2x3",
];

#[test]
fn every_named_order_is_proved() {
    for name in SCANS {
        for describe in [two_stacks as Describe, known_then_predicted] {
            for [c, h, w] in [[1, 5, 6], [2, 3, 4]] {
                let domain = Domain::new(c, h, w, 3).unwrap();
                let order =
                    Order::scan(name.parse().unwrap(), &domain, ChannelSteps::Separate).unwrap();
                prove_in(describe, &domain, &order, Conditioning::None, false);
            }
        }
    }
}

#[test]
fn they_are_distributions_whatever_the_order() {
    for name in SCANS {
        let scan: Scan = name.parse().unwrap();
        let domain = Domain::new(1, 2, 4, 2).unwrap();
        let order = Order::scan(scan, &domain, ChannelSteps::Separate).unwrap();
        let classes = Conditioning::Class { classes: 2 };
        prove_in(known_then_predicted, &domain, &order, classes, true);
    }
}

/// One set of weights in several orders and sizes.
#[test]
fn weights_know_no_order_and_no_size() {
    let scans: Vec<Scan> = "s-curve".parse::<Scan>().unwrap().several(8).unwrap();
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let domain = Domain::new(1, 5, 6, 3).unwrap();
    let order_of = |scan, domain: &Domain| {
        Order::scan(scan, domain, ChannelSteps::Separate)
            .unwrap()
            .among(&scans)
    };
    let first = order_of(scans[0], &domain);
    two_stacks(&domain, &first, Conditioning::None, &vb).unwrap();
    let vars = init.into_vars();
    let named: Weights = vars
        .into_iter()
        .map(|(n, v)| (n, v.as_tensor().detach()))
        .collect();
    for &scan in &scans[..4] {
        for [h, w] in [[5, 6], [3, 4]] {
            let domain = Domain::new(1, h, w, 3).unwrap();
            let order = order_of(scan, &domain);
            let build = |named: &Weights| -> Result<Box<dyn Model>> {
                let vb = existing(named);
                Ok(Box::new(two_stacks(
                    &domain,
                    &order,
                    Conditioning::None,
                    &vb,
                )?))
            };
            prove_network(&named, &build).unwrap_or_else(|e| panic!("{scan} {h}x{w}: {e}"));
        }
    }
}

/// Replays the step pass: every place is computed once, at the step at which it can be, and whatever a node
/// reads still lies in the slot that it is looked for in.
fn slots_hold_what_is_read(network: &Network) {
    let program = network.program();
    let (order, schedule) = (&program.order, program.schedule());
    let mut held: Vec<Vec<Option<usize>>> = schedule.slots.iter().map(|&n| vec![None; n]).collect();
    let in_slot = |held: &Vec<Vec<Option<usize>>>, value: usize, site: usize| {
        let slots = &held[value];
        assert_eq!(slots[site % slots.len()], Some(site), "of value {value}");
    };
    let put = |held: &mut Vec<Vec<Option<usize>>>, value: usize, site: usize| {
        let slots = &mut held[value];
        let slot = site % slots.len();
        slots[slot] = Some(site);
    };
    let mut computed: Vec<Vec<Option<usize>>> = program
        .ready
        .iter()
        .map(|ready| vec![None; ready.len()])
        .collect();
    (0..program.sites(CONDITION)).for_each(|site| put(&mut held, CONDITION, site));
    for step in 0..order.steps() {
        for (i, node) in program.nodes.iter().enumerate() {
            let own = node
                .primitive
                .own_reads()
                .map(|(reads, _)| (reads, i + INPUTS));
            let inputs = node.inputs.iter().enumerate();
            let inputs = inputs.map(|(input, &value)| (node.primitive.reads(input), value));
            let reads: Vec<_> = inputs.chain(own).collect();
            let due = schedule.nodes[i].due(step);
            for at in due.flat_map(|(g, sites)| sites.iter().map(move |&s| [s as usize, g])) {
                for &(reads, from) in &reads {
                    let check = &mut |site, _| in_slot(&held, from, site);
                    reads.each(at, program.groups(from), check);
                }
                put(&mut held, i + INPUTS, at[0]);
                let place = at[0] * program.groups(i + INPUTS) + at[1];
                assert_eq!(computed[i + INPUTS][place].replace(step), None, "node {i}");
            }
        }
        for &position in order.step(step).positions {
            in_slot(&held, program.output, position as usize);
            put(&mut held, LEVELS, position as usize);
        }
    }
    for (ready, computed) in program.ready.iter().zip(&computed).skip(INPUTS) {
        for (&ready, &at) in ready.iter().zip(computed) {
            assert_eq!(
                at,
                Some(ready as usize).filter(|step| *step < order.steps())
            );
        }
    }
}

/// In random orders some sites are written that nobody reads.
#[test]
fn nothing_is_overwritten_before_it_is_read() {
    let masked = |domain: &_, order: &_, vb: &VarBuilder<'_>| {
        let mut net = Builder::new(domain, order, Conditioning::None);
        let x = net.scaled_levels();
        let x = net.conv(x, ConvConfig::square(5, MaskType::A, 1), &vb.pp("a"))?;
        let x = net.conv(x, ConvConfig::square(3, MaskType::B, 1), &vb.pp("b"))?;
        net.finish(x, vb)
    };
    let domain = Domain::new(1, 16, 16, 2).unwrap();
    for seed in 0..150 {
        let scan: Scan = format!("random:{seed}").parse().unwrap();
        let order = Order::scan(scan, &domain, ChannelSteps::Separate).unwrap();
        let init = Initializer::new(5);
        let vb = init.builder(DType::F32, &Device::Cpu);
        slots_hold_what_is_read(&masked(&domain, &order, &vb).unwrap());
    }
}
