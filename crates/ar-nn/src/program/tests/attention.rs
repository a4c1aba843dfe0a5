//! Sequence models: attention, the value before, positions, gelu.

use ar_core::{ChannelSteps, Conditioning, Domain, MaskType, Order, Result};
use candle_core::{DType, Device};
use candle_nn::VarBuilder;

use super::{Describe, prove, prove_in};
use crate::init::Initializer;
use crate::{Activation, AttentionConfig, Builder, ConvConfig, Network, Reach};

fn all(heads: usize, mask: MaskType) -> AttentionConfig {
    AttentionConfig {
        heads,
        mask,
        reach: Reach::All,
    }
}

/// Two blocks over what came before, in the manner of a transformer, `heads` heads of `features`.
fn transformer(
    [features, heads]: [usize; 2],
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let d = heads * features;
    let mut net = Builder::of_subpixels(domain, order, conditioning)?;
    let x = net.embedded_levels(d, &vb.pp("embed"))?;
    let x = net.previous(x, &vb.pp("start"))?;
    let x = net.position_table(x, &vb.pp("position"))?;
    let mut h = net.condition(x, &vb.pp("condition"))?;
    for i in 0..2 {
        let vb = vb.pp(i);
        let y = net.norm(h, &vb.pp("norm"))?;
        let q = net.conv(y, ConvConfig::pointwise(d), &vb.pp("q"))?;
        let kv = net.conv(y, ConvConfig::pointwise(2 * d), &vb.pp("kv"))?;
        let y = net.attention(q, kv, all(heads, MaskType::B))?;
        let y = net.conv(y, ConvConfig::pointwise(d + 1), &vb.pp("up"))?;
        let down = ConvConfig::pointwise(d).before(Activation::Gelu);
        h = net.residual_conv(y, down, h, &vb.pp("down"))?;
    }
    let outputs = net.outputs();
    let y = net.conv(h, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

pub(super) fn small(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    transformer([3, 2], domain, order, conditioning, vb)
}

/// Heads wider than a vector register, with some features left over.
fn wide(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    transformer([37, 2], domain, order, conditioning, vb)
}

/// Heads of whole vectors, more of them than are added at once.
fn whole(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    transformer([16, 5], domain, order, conditioning, vb)
}

/// Keys and values know the level of their own site, so that only earlier ones may be read.
fn strict(
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::new(domain, order, conditioning);
    let x = net.embedded_levels(4, &vb.pp("embed"))?;
    let kv = net.conv(x, ConvConfig::pointwise(8), &vb.pp("kv"))?;
    let kv = net.condition(kv, &vb.pp("condition"))?;
    let h = net.previous(x, &vb.pp("start"))?;
    let h = net.position(h, &vb.pp("position"))?;
    let y = net.attention(h, kv, all(2, MaskType::A))?;
    let h = net.add(h, y)?;
    let outputs = net.outputs();
    let y = net.conv(h, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

/// Narrow keys and wide values, of streams that know different things, within a memory; and a site's own
/// numbers.
fn local(
    reach: Reach,
    domain: &Domain,
    order: &Order,
    conditioning: Conditioning,
    vb: &VarBuilder<'_>,
) -> Result<Network> {
    let mut net = Builder::of_subpixels(domain, order, conditioning)?;
    let x = net.embedded_levels(3, &vb.pp("embed"))?;
    let h = net.previous(x, &vb.pp("start"))?;
    let place = net.fixed((0..2 * domain.dims()).map(|i| (i as f32).cos()).collect())?;
    let known = net.concat(h, place)?;
    let seen = net.concat(x, place)?;
    let q = net.conv(known, ConvConfig::pointwise(4), &vb.pp("q"))?;
    let kv = net.conv(seen, ConvConfig::pointwise(4 + 6), &vb.pp("kv"))?;
    let strict = AttentionConfig {
        reach,
        ..all(2, MaskType::A)
    };
    let y = net.attention(q, kv, strict)?;
    let y = net.concat(known, y)?;
    let kv = net.conv(y, ConvConfig::pointwise(4 + 2), &vb.pp("kv2"))?;
    let inclusive = AttentionConfig {
        reach,
        ..all(1, MaskType::B)
    };
    let z = net.attention(q, kv, inclusive)?;
    let z = net.concat(y, z)?;
    let outputs = net.outputs();
    let y = net.conv(z, ConvConfig::pointwise(outputs), &vb.pp("head"))?;
    net.finish(y, vb)
}

#[test]
fn a_memory_is_proved_in_any_order() {
    let nearby = |block, memory| Reach::Nearby { block, memory };
    let recent = |queries, memory| Reach::Recent { queries, memory };
    for (reach, scan) in [
        (nearby([2, 3], [1, 2]), "blocks:2x3"),
        (nearby([2, 3], [1, 2]), "random:3"),
        (nearby([2, 2], [0, 3]), "blocks:2x2+flip"),
        (nearby([1, 2], [2, 0]), "raster"),
        (recent(4, 3), "raster"),
        (recent(1, 5), "hilbert"),
        (recent(3, 0), "random:3"),
    ] {
        let describe = |domain: &_, order: &_, conditioning, vb: &VarBuilder<'_>| {
            local(reach, domain, order, conditioning, vb)
        };
        for [c, h, w] in [[1, 5, 7], [3, 3, 2]] {
            let domain = Domain::new(c, h, w, 3).unwrap();
            let order = Order::scan(scan.parse().unwrap(), &domain, SEPARATE).unwrap();
            prove_in(describe, &domain, &order, Conditioning::None, false);
        }
    }
}

/// Here a site is written that nobody reads, while one is kept that somebody will.
#[test]
fn what_nobody_reads_overwrites_nothing() {
    let domain = Domain::new(1, 1, 7, 3).unwrap();
    let order = Order::permutation(&domain, SEPARATE, vec![0, 3, 1, 6, 2, 4, 5]).unwrap();
    let reach = Reach::Nearby {
        block: [1, 4],
        memory: [0, 0],
    };
    let describe = |domain: &_, order: &_, conditioning, vb: &VarBuilder<'_>| {
        local(reach, domain, order, conditioning, vb)
    };
    prove_in(describe, &domain, &order, Conditioning::None, false);
}

const SEPARATE: ChannelSteps = ChannelSteps::Separate;
const CLASS: Conditioning = Conditioning::Class { classes: 3 };

#[test]
fn attention_is_proved_in_any_order() {
    let none = Conditioning::None;
    for shuffled in [false, true] {
        for describe in [small as Describe, strict] {
            prove(describe, [1, 3, 5, 4], SEPARATE, shuffled, none, false);
        }
        prove(small, [3, 2, 3, 3], SEPARATE, shuffled, none, false);
        prove(
            strict,
            [2, 3, 2, 3],
            ChannelSteps::Joint,
            shuffled,
            none,
            false,
        );
    }
}

#[test]
fn attention_is_proved_over_several_blocks_of_queries() {
    // The last block of queries is shorter than the one before.
    let none = Conditioning::None;
    prove(strict, [1, 5, 13, 2], SEPARATE, true, none, false);
    prove(wide, [1, 7, 10, 3], SEPARATE, false, none, false);
    prove(whole, [1, 5, 7, 2], SEPARATE, false, none, false);
}

#[test]
fn the_class_begins_a_sequence() {
    for describe in [small as Describe, strict] {
        prove(describe, [1, 3, 4, 3], SEPARATE, false, CLASS, false);
        prove(describe, [1, 2, 3, 2], SEPARATE, true, CLASS, true);
    }
    let map = Conditioning::Map {
        features: 2,
        every: 1,
    };
    prove(small, [2, 3, 2, 3], SEPARATE, false, map, false);
}

#[test]
fn attention_makes_distributions_that_samples_follow() {
    let none = Conditioning::None;
    for shuffled in [false, true] {
        for describe in [small as Describe, strict] {
            prove(describe, [1, 1, 1, 3], SEPARATE, shuffled, none, true);
        }
        prove(small, [2, 1, 3, 3], SEPARATE, shuffled, none, true);
        prove(strict, [1, 3, 3, 2], SEPARATE, shuffled, none, true);
        prove(
            strict,
            [2, 1, 3, 3],
            ChannelSteps::Joint,
            shuffled,
            none,
            true,
        );
    }
}

#[test]
fn what_attention_cannot_be_is_an_error() {
    let domain = Domain::new(2, 3, 3, 4).unwrap();
    let order = Order::raster(&domain, SEPARATE);
    let init = Initializer::new(5);
    let vb = init.builder(DType::F32, &Device::Cpu);
    let says = |result: Result<crate::Value>, what: &str| {
        let error = result.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    };
    let mut net = Builder::new(&domain, &order, Conditioning::None);
    let x = net.embedded_levels(4, &vb).unwrap();
    says(net.previous(x, &vb.pp("start")), "of_subpixels");
    says(net.attention(x, x, all(2, MaskType::B)), "of_subpixels");
    let mut net = Builder::of_subpixels(&domain, &order, Conditioning::None).unwrap();
    let q = net.embedded_levels(4, &vb.pp("q")).unwrap();
    let kv = net.embedded_levels(8, &vb.pp("kv")).unwrap();
    says(net.attention(q, q, all(2, MaskType::B)), "as many keys");
    says(net.attention(q, kv, all(3, MaskType::B)), "heads");
    let gelu = ConvConfig::pointwise(4).after(Activation::Gelu);
    says(net.conv(q, gelu, &vb.pp("gelu")), "after");
    // With mask B the keys must not know their own level.
    let y = net.attention(q, kv, all(2, MaskType::B)).unwrap();
    assert!(net.finish(y, &vb).is_err());
}
