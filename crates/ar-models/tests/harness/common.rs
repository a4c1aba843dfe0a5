//! What the models' tests share.

use ar_core::harness::{prove_distribution, prove_network};
use ar_core::random::stream;
use ar_core::{Conditioning, Domain, Error, Model, Result, Weights};
use ar_models::{Built, Spec};
use ar_nn::{Route, Width};
use candle_core::{DType, Device, Tensor};
use rand::Rng;
use serde_json::Value;

pub(crate) fn parameters(spec: &Spec) -> Weights {
    let vars = spec.initialise(3, &Device::Cpu).unwrap();
    // Biases start at zero; away from it they are tested too.
    let nudge = |name: &str, t: &Tensor| {
        if name.ends_with("bias") {
            (t.ones_like().unwrap() * 0.1).unwrap()
        } else {
            t.detach()
        }
    };
    vars.iter()
        .map(|(n, v)| (n.clone(), nudge(n, v.as_tensor())))
        .collect()
}

/// One model, its smallest sizes: an odd domain for the network, a tiny one to enumerate.
struct Case<'a> {
    model: &'a str,
    config: Value,
    odd: [usize; 4],
    tiny: [usize; 4],
}

impl Case<'_> {
    fn spec(&self, [c, h, w, k]: [usize; 4], conditioning: Conditioning) -> Spec {
        let domain = Domain::new(c, h, w, k).unwrap();
        Spec::new(self.model, self.config.clone(), domain, conditioning).unwrap()
    }

    fn prove(&self, conditioning: Conditioning) {
        let (odd, tiny) = (
            self.spec(self.odd, conditioning),
            self.spec(self.tiny, conditioning),
        );
        for route in [Route::Fused, Route::Composite] {
            let says = |e: String| panic!("{} by {route:?}, {conditioning:?}: {e}", self.model);
            prove_network(&parameters(&odd), &|named| build(&odd, named, route))
                .unwrap_or_else(says);
            prove_distribution(&parameters(&tiny), &|named| build(&tiny, named, route))
                .unwrap_or_else(says);
        }
        let network = build(&odd, &parameters(&odd), Route::Fused).unwrap();
        same_bits_at_every_width(network.as_ref());
    }
}

/// The step pass gives the same bits whatever the vectors of the processor: what archives stand on.
pub(crate) fn same_bits_at_every_width(model: &dyn Model) {
    let (domain, order) = (model.domain(), model.order());
    let mut rng = stream(11, "widths", &[]);
    let levels: Vec<u32> = (0..2 * domain.dims())
        .map(|_| rng.random_range(0..domain.levels as u32))
        .collect();
    let condition = model
        .conditioning()
        .random(2, &domain, &mut rng, &Device::Cpu)
        .unwrap();
    let bits = || {
        let mut stepper = model.stepper(2, condition.as_ref()).unwrap();
        let mut bits = Vec::new();
        for step in 0..order.steps() {
            let found = stepper.conditionals(step).unwrap();
            bits.extend(found.iter().map(|x| x.to_bits()));
            let dims = (0..2).flat_map(|b| order.dims_of(step).map(move |d| b * domain.dims() + d));
            let own: Vec<u32> = dims.map(|d| levels[d]).collect();
            stepper.feed(step, &own).unwrap();
        }
        bits
    };
    let usual = bits();
    for width in Width::ALL {
        assert!(width.run(bits) == usual, "{width:?}: other bits, {model:?}");
    }
}

pub(crate) fn build(spec: &Spec, named: &Weights, route: Route) -> Result<Box<dyn Model>> {
    let Built::Network(network) = spec.built(named)? else {
        return Err(Error::config("model", "has no routes"));
    };
    let float = named.dtype() == DType::F32;
    Ok(Box::new(if float {
        network.with_route(route)
    } else {
        network
    }))
}

pub(crate) fn prove(model: &str, config: &Value, odd: [usize; 4], tiny: [usize; 4]) {
    let case = Case {
        model,
        config: config.clone(),
        odd,
        tiny,
    };
    case.prove(Conditioning::None);
}

/// Under every kind of condition.
pub(crate) fn prove_conditional(model: &str, config: &Value, odd: [usize; 4], tiny: [usize; 4]) {
    let case = Case {
        model,
        config: config.clone(),
        odd,
        tiny,
    };
    for conditioning in [
        Conditioning::Class { classes: 3 },
        Conditioning::Classes { of: [2, 3] },
        Conditioning::Vector { size: 2 },
        Conditioning::Map {
            features: 2,
            every: 1,
        },
    ] {
        case.prove(conditioning);
    }
}

/// Under features of squares of pixels, which the model brings to every pixel.
pub(crate) fn prove_upsampled(model: &str, config: &Value, odd: [usize; 4], tiny: [usize; 4]) {
    let case = Case {
        model,
        config: config.clone(),
        odd,
        tiny,
    };
    for every in [2, 4] {
        case.prove(Conditioning::Map { features: 2, every });
    }
}

/// Under a class, and under two at once.
pub(crate) fn prove_class(model: &str, config: &Value, odd: [usize; 4], tiny: [usize; 4]) {
    let case = Case {
        model,
        config: config.clone(),
        odd,
        tiny,
    };
    case.prove(Conditioning::Class { classes: 3 });
    case.prove(Conditioning::Classes { of: [2, 3] });
}
