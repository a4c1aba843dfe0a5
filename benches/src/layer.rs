use std::collections::BTreeMap;

use ar_core::{ChannelSteps, Conditioning, Domain, Kernel, MaskType, Order, Result, Weights};
use ar_nn::init::{Initializer, existing};
use ar_nn::{Activation, Builder, ConvConfig, Network, Route, Value};
use candle_core::{DType, Device, Var};
use candle_nn::VarBuilder;

use crate::{PEER_DOMAIN, SEED};

/// Features of a convolution, as in the models.
const FEATURES: usize = 64;

/// One layer as a network of its own over 28x28 grey images.
///
/// There are as many levels as the layer has features, so that its result is taken for the logits
/// and no head is needed. What comes before it costs next to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layer {
    /// A convolution of type A from 64 features to 64, on embedded levels.
    Convolution {
        /// Rows and columns; odd.
        size: usize,
    },
    /// The paper's block on a stream of 128: 1x1 to 64, 3x3 of type B, 1x1 back, added.
    ResidualBlock,
    /// The tutorials' layer: 64 to 64 features by 7x7 of type B, then a rectifier.
    Plain,
}

impl Layer {
    /// What the network is a distribution over.
    pub fn domain(self) -> Domain {
        let levels = match self {
            Self::Convolution { .. } | Self::Plain => FEATURES,
            Self::ResidualBlock => 2 * FEATURES,
        };
        Domain {
            levels,
            ..PEER_DOMAIN
        }
    }

    /// Its parameters, drawn from the seed.
    ///
    /// # Errors
    /// `Error::Config` when the layer makes no network.
    pub fn parameters(self) -> Result<BTreeMap<String, Var>> {
        let init = Initializer::new(SEED);
        self.build(&init.builder(DType::F32, &Device::Cpu))?;
        Ok(init.into_vars())
    }

    /// The network around `vars`, whose loss can be taken back to them.
    ///
    /// # Errors
    /// When `vars` are not those of [`Layer::parameters`].
    pub fn trainable(self, vars: &BTreeMap<String, Var>, route: Route) -> Result<Network> {
        self.around(&Weights::from_vars(vars), route)
    }

    /// The network around `vars`, recording no graph.
    ///
    /// # Errors
    /// As [`Layer::trainable`].
    pub fn frozen(self, vars: &BTreeMap<String, Var>, route: Route) -> Result<Network> {
        self.around(&Weights::from_vars(vars).detached(), route)
    }

    fn around(self, weights: &Weights, route: Route) -> Result<Network> {
        let network = self.build(&existing(weights))?;
        Ok(network.with_route(route))
    }

    pub(crate) fn order(self) -> Order {
        Order::raster(&self.domain(), ChannelSteps::Separate)
    }

    fn build(self, vb: &VarBuilder<'_>) -> Result<Network> {
        let mut net = Builder::new(&self.domain(), &self.order(), Conditioning::None);
        let relu = Activation::Relu;
        let y = match self {
            Self::Convolution { size } => {
                let x = net.embedded_levels(FEATURES, &vb.pp("embed"))?;
                net.conv(
                    x,
                    ConvConfig::square(size, MaskType::A, FEATURES),
                    &vb.pp("conv"),
                )?
            }
            Self::ResidualBlock => {
                let stream = left_neighbour(&mut net, 2 * FEATURES, vb)?;
                let reduce = ConvConfig::pointwise(FEATURES).before(relu).after(relu);
                let look = ConvConfig::square(3, MaskType::B, FEATURES).after(relu);
                let y = net.conv(stream, reduce, &vb.pp(0))?;
                let y = net.conv(y, look, &vb.pp(1))?;
                net.residual_conv(y, ConvConfig::pointwise(2 * FEATURES), stream, &vb.pp(2))?
            }
            Self::Plain => {
                let x = left_neighbour(&mut net, FEATURES, vb)?;
                net.conv(
                    x,
                    ConvConfig::square(7, MaskType::B, FEATURES).after(relu),
                    &vb.pp("conv"),
                )?
            }
        };
        net.finish(y, vb)
    }
}

/// The least that keeps a layer of type B from seeing the pixel it predicts: one live tap.
fn left_neighbour(net: &mut Builder, features: usize, vb: &VarBuilder<'_>) -> Result<Value> {
    let x = net.scaled_levels();
    let kernel = Kernel {
        height: 1,
        width: 3,
        dilation: 1,
    };
    let config = ConvConfig {
        kernel,
        ..ConvConfig::square(3, MaskType::A, features)
    };
    net.conv(x, config, &vb.pp("first"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_have_the_models_shapes() {
        let shapes = |layer: Layer| -> Vec<Vec<usize>> {
            let vars = layer.parameters().unwrap();
            let weights = vars.iter().filter(|(name, _)| name.ends_with("weight"));
            weights.map(|(_, var)| var.dims().to_vec()).collect()
        };
        assert_eq!(
            shapes(Layer::ResidualBlock),
            [[1, 128, 64], [5, 64, 64], [1, 64, 128], [1, 1, 128]]
        );
        assert_eq!(shapes(Layer::Plain), [[25, 64, 64], [1, 1, 64]]);
        let convolution = shapes(Layer::Convolution { size: 7 });
        assert_eq!(convolution, [vec![24, 64, 64], vec![1, 64, 64]]);
    }
}
