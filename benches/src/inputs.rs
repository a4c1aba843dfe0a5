use ar_core::random::stream;
use ar_core::{Conditioning, Distribution, Domain, Result, Weights};
use ar_models::Spec;
use candle_core::{Device, Tensor};
use rand::Rng;
use serde_json::json;

/// Seed of every parameter and every image.
pub const SEED: u64 = 0;

/// 28x28 grey images of 256 levels, as most peers have.
pub const PEER_DOMAIN: Domain = Domain {
    channels: 1,
    height: 28,
    width: 28,
    levels: 256,
};

/// What the PyTorch peer of `model` is over.
pub fn peer_domain(model: &str) -> Domain {
    let levels = if model == "made" {
        2
    } else {
        PEER_DOMAIN.levels
    };
    Domain {
        levels,
        ..PEER_DOMAIN
    }
}

/// `model` in the size of the PyTorch peers, whatever its defaults are, over `domain`.
///
/// # Errors
/// `Error::Config` when there is no such model.
pub fn peer_spec(model: &str, domain: Domain) -> Result<Spec> {
    let config = match model {
        "pixelcnn" => {
            json!({"hidden": 64, "blocks": 8, "first_kernel": 7, "kernel": 3, "position": false})
        }
        "pixelcnn-plain" => {
            json!({"hidden": 64, "blocks": 7, "first_kernel": 7, "kernel": 7, "position": false})
        }
        "made" => json!({"hidden": [1024, 1024], "direct": false}),
        _ => json!({}),
    };
    Spec::new(model, config, domain, Conditioning::None)
}

/// `model` in the size it has unless told otherwise, over 28x28 images of two levels, as `train` has
/// them of MNIST.
///
/// # Errors
/// `Error::Config` when there is no such model.
pub fn default_spec(model: &str) -> Result<Spec> {
    let domain = Domain {
        levels: 2,
        ..PEER_DOMAIN
    };
    Spec::new(model, json!({}), domain, Conditioning::None)
}

/// Seeded parameters as plain tensors: what is sampled and scored records no graph.
///
/// # Errors
/// `Error::Config` when the configuration makes no network.
pub fn frozen(spec: &Spec) -> Result<Box<dyn Distribution>> {
    spec.build(&Weights::from_vars(&spec.initialise(SEED, &Device::Cpu)?).detached())
}

/// `batch` images of random levels, `(B, C, H, W)`, always the same.
///
/// # Errors
/// `Error::Tensor` when they cannot be made.
pub fn levels(domain: &Domain, batch: usize) -> Result<Tensor> {
    let mut rng = stream(SEED, "bench images", &[]);
    let values: Vec<u32> = (0..batch * domain.dims())
        .map(|_| rng.random_range(0..domain.levels as u32))
        .collect();
    let shape = (batch, domain.channels, domain.height, domain.width);
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_the_same_every_time_and_of_the_domain() {
        let values = || {
            let x = levels(&PEER_DOMAIN, 2).unwrap();
            assert_eq!(x.dims(), [2, 1, 28, 28]);
            x.flatten_all().unwrap().to_vec1::<u32>().unwrap()
        };
        let first = values();
        assert_eq!(first, values());
        assert_ne!(first[..784], first[784..]);
        PEER_DOMAIN.check_levels(&first).unwrap();
    }
}
